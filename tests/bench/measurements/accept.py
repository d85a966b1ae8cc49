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
_VIEWS = {store: f"INSERT view on {store}, 2 workers" for store in STORES}
_BRIDGES = {store: f"bridge on {store}, 2 workers" for store in STORES}
_BRIDGE_1 = f"bridge on {SQLITE}, 1 worker"
_BASE = dict.fromkeys([*_VIEWS.values(), *_BRIDGES.values()], _BARE) | {_BRIDGE_1: _BARE_1}
"""What is compared with which bare view."""
_RATES = {
    _BRIDGES[SQLITE]: at_least(0.4, 0.5, "ratio"),
    _BRIDGES[POSTGRESQL]: at_least(0.35, 0.45, "ratio"),
    _BRIDGE_1: at_least(0.7, None, "ratio"),
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
    folder = context.folder
    made = [
        gunicorn(_BARE, "tests.bench.bare:bare()", 2, folder),
        gunicorn(_BARE_1, "tests.bench.bare:bare()", 1, folder),
        *(web(name, 2, folder, context.database(store)) for store, name in _BRIDGES.items()),
        web(_BRIDGE_1, 1, folder, context.database(SQLITE)),
    ]
    for store, name in _VIEWS.items():
        database = _plain(context.database(store, migrated=False))
        made.append(gunicorn(name, "tests.bench.bare:inserting()", 2, folder, BENCH_DATABASE=database))
    return [stack.enter_context(each) for each in made]


def _plain(database_url: str) -> str:
    return database_url.removeprefix("sqlite:///").replace("postgresql+psycopg", "postgresql")


def _round(generator: Generator, server: Server, seconds: float) -> _Round:
    generator.prepare(_PATH, int(_AT_MOST_A_SECOND * seconds))
    before = server.cpu_seconds()
    result: Result = generator.run(server.url, seconds)
    cpu = (server.cpu_seconds() - before) / result.accepted
    return _Round(result.rate, cpu * 1e6, result.quantile(0.5) * 1000, result.quantile(0.99) * 1000)


def _rows(found: dict[str, list[_Round]]) -> Iterator[Row]:
    yield from _of(found, "rate", "accept", "events/s", _RATES)
    for store, aims in _INSERTS.items():
        rates = [each.rate for each in found[_BRIDGES[store]]]
        view = _row(found, "rate", "accept", "events/s", _VIEWS[store])
        what = f"accept: {_BRIDGES[store]}, beside the INSERT view"
        yield compared(what, "events/s", rates, view, *aims)
    yield from _of(found, "cpu", "accept, CPU", "µs/event", dict.fromkeys(_RATES, at_most(2, "ratio")))
    yield from _of(found, "p50", "accept, p50", "ms", {})
    yield from _of(found, "p99", "accept, p99", "ms", dict.fromkeys(_RATES, at_most(1.3, "ratio")))


def _of(
    found: dict[str, list[_Round]], what: str, title: str, unit: str, aims: dict[str, Aim]
) -> Iterator[Row]:
    bases = {name: _row(found, what, title, unit, name) for name in (_BARE, _BARE_1)}
    yield from bases.values()
    for name, base in _BASE.items():
        values = [getattr(each, what) for each in found[name]]
        yield compared(f"{title}: {name}", unit, values, bases[base], *filter(None, [aims.get(name)]))


def _row(found: dict[str, list[_Round]], what: str, title: str, unit: str, name: str) -> Row:
    return Row(f"{title}: {name}", unit, tuple(getattr(each, what) for each in found[name]))
