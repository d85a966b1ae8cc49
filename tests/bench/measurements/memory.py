"""Memory of a web worker and a pipeline under a steady load, after the first minute and at the end."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from psutil import Process

from tests.bench.context import STORES, Context
from tests.bench.dx import StandIn
from tests.bench.rows import Row, at_most, compared
from tests.bench.servers import web, work
from tests.bench.steady import Steady
from tests.bench.tell import tell

_RATE = 200
_SAMPLES = 10
"""Of each of the two moments, one a second."""


@dataclass(slots=True)
class _Watched:
    """A process and its resident memory in MB, by second."""

    name: str
    process: Process
    megabytes: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Take a sample; raise psutil.NoSuchProcess where it has died."""
        self.megabytes.append(self.process.memory_info().rss / 1e6)


def measure(context: Context) -> Iterator[Row]:
    """Send whole lifecycles to both stores at once, and look every second."""
    early, seconds, samples = context.pick((60, context.form.soak * 60, _SAMPLES), (2, 5.0, 2))
    with ExitStack() as stack:
        watched, loads = list[_Watched](), list[Steady]()
        for store in STORES:
            watched += _start(stack, context, store, loads, seconds)
        tell(f"memory: {seconds / 60:g} minutes")
        _watch(watched, loads, seconds)
    for each in watched:
        yield from _rows(each, early, samples)


def _start(
    stack: ExitStack, context: Context, store: str, loads: list[Steady], seconds: float
) -> list[_Watched]:
    database, dx = context.database(store), stack.enter_context(StandIn())
    server = stack.enter_context(web(f"memory web {store}", 1, context.folder, database))
    pipeline = stack.enter_context(work(f"memory work {store}", context.folder, database, dx.url))
    loads.append(stack.enter_context(Steady()))
    loads[-1].start(server.url, _RATE, seconds, steps=True)
    names = {f"web worker, {store}": server, f"pipeline, {store}": pipeline}
    return [_Watched(name, each.worker()) for name, each in names.items()]


def _watch(watched: Sequence[_Watched], loads: Sequence[Steady], seconds: float) -> None:
    first, *others = loads
    while not first.has_answer(within=1.0):
        for each in watched:
            each.look()
    for load in (first, *others):
        load.result(seconds)


def _rows(watched: _Watched, early: int, samples: int) -> Iterator[Row]:
    found = watched.megabytes
    begin = max(0, min(early, len(found) - samples) - samples // 2)
    base = Row(f"memory: {watched.name}, early", "MB", tuple(found[begin : begin + samples]))
    yield base
    last = found[-samples:]
    yield compared(f"memory: {watched.name}, late", "MB", last, base, at_most(120), at_most(1.1, "ratio"))
