"""Drain of a backlog, against as many calls as DX could answer at this concurrency."""

from collections.abc import Iterator
from contextlib import ExitStack
from statistics import mean

from app.store import deliveries
from app.store.engine import connect
from tests.bench.bodies import body
from tests.bench.companion import apart
from tests.bench.context import STORES, Context
from tests.bench.dx import Log, StandIn
from tests.bench.rows import Row, at_least
from tests.bench.servers import exit_code, log_file, work
from tests.bench.stored import fold_all

CONCURRENCY, DELAY = 16, 0.05
IDEAL = CONCURRENCY / DELAY
_SECONDS = 600


def measure(context: Context) -> Iterator[Row]:
    """Deliver so many due incidents in each round, by a pipeline of its own; made due again between rounds."""
    number = context.pick(10_000, 200)
    with ExitStack() as stack:
        dx = stack.enter_context(StandIn())
        dx.behave(delay=DELAY)
        urls = {store: _fill(context, store, dx, number) for store in STORES}
        found: dict[str, list[Log]] = {store: [] for store in STORES}
        for _ in context.rounds("drain"):
            for store, url in urls.items():
                found[store].append(_drain(context, store, url, dx, number))
                _make_due(url, number)
    for store in STORES:
        rates = tuple(each.calls / (each.ended - each.began) for each in found[store])
        ratios = tuple(rate / IDEAL for rate in rates)
        against = f"{IDEAL:.0f} calls/s: {CONCURRENCY} at once ÷ {DELAY * 1000:.0f} ms"
        yield Row(f"drain: {store}", "calls/s", rates, against, ratios, (at_least(0.9, of="ratio"),))
    waits = tuple(
        mean(log.waits / log.calls * 1000 for log in logs) for logs in zip(*found.values(), strict=True)
    )
    yield Row("drain: the stand-in's answer", "ms", waits)


def _fill(context: Context, store: str, dx: StandIn, number: int) -> str:
    """Return a database in which so many incidents are due, folded beforehand by a process that sends nothing."""
    url, log = context.database(store), log_file(f"drain fill {store}", context.folder)
    apart(fold_all, url, dx.url, [body(each, f"D{each:013}") for each in range(1, number + 1)], log=log)
    return url


def _drain(context: Context, store: str, url: str, dx: StandIn, number: int) -> Log:
    dx.take()
    at_once = {"DX_CONCURRENCY": str(CONCURRENCY)}
    with work(f"drain {store}", context.folder, url, dx.url, "--drain", **at_once) as pipeline:
        code = exit_code(pipeline, _SECONDS)
    log = dx.take()
    if code != 0 or log.calls < number:
        raise RuntimeError(f"drain ended with {code} after {log.calls} calls for {number} incidents")
    return log


def _make_due(url: str, number: int) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        again = deliveries.redeliver(connection, lane=0)
    engine.dispose()
    if again != number:
        raise RuntimeError(f"{again} of {number} incidents are due again")
