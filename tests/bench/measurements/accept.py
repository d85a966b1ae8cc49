"""Durable accept, against a view that only answers and one with an INSERT and commit a request."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from tests.bench.context import POSTGRESQL, SQLITE, STORES, Context
from tests.bench.load import Generator, Result
from tests.bench.rows import Aim, Row, at_least, at_most, compared
from tests.bench.servers import Server, gunicorn, web

CONNECTIONS = 32
_PATH = "/webhooks/pagerduty"
_AT_MOST_A_SECOND = 15_000
"""More than any of the servers answers: so many requests are made beforehand."""
_BARE, _BARE_1 = "bare view, 2 workers", "bare view, 1 worker"
_BASES = {f"{kind}, 2 workers": _BARE for kind in (*(f"INSERT view, {store}" for store in STORES), *STORES)}
_BASE = {**_BASES, f"{SQLITE}, 1 worker": _BARE_1}
"""What is compared with which bare view; a store's name alone stands for the bridge on it."""
_RATES = {
    f"{SQLITE}, 2 workers": at_least(0.4, 0.5, "ratio"),
    f"{SQLITE}, 1 worker": at_least(0.7, None, "ratio"),
    f"{POSTGRESQL}, 2 workers": at_least(0.35, 0.45, "ratio"),
}
_INSERTS = {SQLITE: (), POSTGRESQL: (at_least(1.5, None, "ratio"),)}


@dataclass(frozen=True, slots=True)
class _Round:
    """One server's figures of one round."""

    rate: float
    cpu: float
    p50: float
    p99: float


def measure(context: Context) -> Iterator[Row]:
    """Measure all servers in each round, beginning with another one each time."""
    seconds = context.pick(3.0, 0.3)
    with ExitStack() as stack:
        generator = stack.enter_context(Generator(CONNECTIONS))
        servers = _start(stack, context)
        for server in servers:
            _round(generator, server, seconds / 5)
        found: dict[str, list[_Round]] = {server.name: [] for server in servers}
        for number in context.rounds("accept"):
            first = number % len(servers)
            for server in (*servers[first:], *servers[:first]):
                found[server.name].append(_round(generator, server, seconds))
    yield from _rows(found)


def _start(stack: ExitStack, context: Context) -> list[Server]:
    servers = [
        stack.enter_context(gunicorn(name, "tests.bench.bare:bare()", workers, context.folder))
        for name, workers in ((_BARE, 2), (_BARE_1, 1))
    ]
    for store in STORES:
        name, database = f"INSERT view, {store}, 2 workers", context.database(store, migrated=False)
        view = gunicorn(
            name, "tests.bench.bare:inserting()", 2, context.folder, BENCH_DATABASE=_plain(database)
        )
        servers.append(stack.enter_context(view))
    for store, workers in ((SQLITE, 2), (SQLITE, 1), (POSTGRESQL, 2)):
        name = f"{store}, {workers} worker{'s' * (workers > 1)}"
        servers.append(stack.enter_context(web(name, workers, context.folder, context.database(store))))
    return servers


def _plain(database_url: str) -> str:
    return database_url.removeprefix("sqlite:///").replace("postgresql+psycopg", "postgresql")


def _round(generator: Generator, server: Server, seconds: float) -> _Round:
    generator.prepare(_PATH, int(_AT_MOST_A_SECOND * seconds))
    before = server.cpu_seconds()
    result: Result = generator.run(server.url, seconds)
    cpu = (server.cpu_seconds() - before) / result.accepted
    return _Round(result.rate, cpu * 1e6, result.quantile(0.5) * 1000, result.quantile(0.99) * 1000)


def _rows(found: dict[str, list[_Round]]) -> Iterator[Row]:
    bridges = set(_RATES)
    yield from _of(found, "rate", "events/s", "accept", _RATES)
    for store, aims in _INSERTS.items():
        view = _row(found, "rate", "events/s", "accept", f"INSERT view, {store}, 2 workers")
        rates = [each.rate for each in found[f"{store}, 2 workers"]]
        yield compared(f"accept: {store}, 2 workers, beside the INSERT view", "events/s", rates, view, *aims)
    yield from _of(found, "cpu", "µs/event", "accept, CPU", dict.fromkeys(bridges, at_most(2, "ratio")))
    yield from _of(found, "p50", "ms", "accept, p50", {})
    yield from _of(found, "p99", "ms", "accept, p99", dict.fromkeys(bridges, at_most(1.3, "ratio")))


def _of(
    found: dict[str, list[_Round]], what: str, unit: str, title: str, aims: dict[str, Aim]
) -> Iterator[Row]:
    bases = {name: _row(found, what, unit, title, name) for name in (_BARE, _BARE_1)}
    yield from bases.values()
    for name, base in _BASE.items():
        values = [getattr(each, what) for each in found[name]]
        yield compared(f"{title}: {name}", unit, values, bases[base], *filter(None, [aims.get(name)]))


def _row(found: dict[str, list[_Round]], what: str, unit: str, title: str, name: str) -> Row:
    return Row(f"{title}: {name}", unit, tuple(getattr(each, what) for each in found[name]))
