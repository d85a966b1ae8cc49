"""From a webhook's sending to DX's receipt, at a steady rate; web and pipeline in processes of their own."""

from collections.abc import Iterator
from contextlib import ExitStack

from tests.bench import figures
from tests.bench.context import STORES, Context
from tests.bench.dx import StandIn
from tests.bench.rows import Row, at_most
from tests.bench.servers import web, work
from tests.bench.steady import Steady
from tests.harness import wait_until

_RATE = 50
_AIMS = {0.5: at_most(30), 0.99: at_most(150)}


class _Path:
    """The way of webhooks through one bridge to a DX of its own."""

    def __init__(self, stack: ExitStack, context: Context, store: str) -> None:
        database = context.database(store)
        self._dx = stack.enter_context(StandIn())
        self._web = stack.enter_context(web(f"latency web {store}", 2, context.folder, database))
        stack.enter_context(work(f"latency work {store}", context.folder, database, self._dx.url))

    def latencies(self, steady: Steady, seconds: float) -> list[float]:
        """Return the latencies of new incidents in milliseconds, ascending; raise where one never arrives."""
        self._dx.take()
        steady.start(self._web.url, _RATE, seconds)
        sent = steady.result(seconds)
        wait_until(lambda: self._dx.count() >= sent.accepted, seconds=60, what="the receipt of all incidents")
        received = self._dx.take().receipts
        return sorted((received[each] - at) * 1000 for each, at in sent.at.items() if each in received)


def measure(context: Context) -> Iterator[Row]:
    """Send new incidents for so long in each round, to one store after the other."""
    seconds = context.pick(20.0, 0.6)
    with ExitStack() as stack:
        steady = stack.enter_context(Steady())
        paths = {store: _Path(stack, context, store) for store in STORES}
        for path in paths.values():
            path.latencies(steady, 1.0)
        found: dict[str, list[list[float]]] = {store: [] for store in STORES}
        for _ in context.rounds("latency"):
            for store, path in paths.items():
                found[store].append(path.latencies(steady, seconds))
    for store in STORES:
        for share, aim in _AIMS.items():
            values = tuple(figures.quantile(each, share) for each in found[store])
            yield Row(f"latency, p{share * 100:.0f}: {store}", "ms", values, aims=(aim,))
