"""Memory of a web worker and a pipeline under a steady load, after the first minute and at the end."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from psutil import Process

from tests.bench.context import STORES, Context
from tests.bench.dx import StandIn
from tests.bench.rows import Row, at_most, compared
from tests.bench.servers import Server, web, work
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
        pairs = [_start(stack, context, store) for store in STORES]
        loads = [stack.enter_context(Steady()) for _ in pairs]
        watched = [_Watched(each.name, each.worker()) for pair in pairs for each in pair]
        tell(f"memory: {seconds:g} s")
        for load, (server, _) in zip(loads, pairs, strict=True):
            load.start(server.url, _RATE, seconds, steps=True)
        _watch(watched, loads, seconds)
    for each in watched:
        yield from _rows(each, early, samples)


def _start(stack: ExitStack, context: Context, store: str) -> tuple[Server, Server]:
    database, dx = context.database(store), stack.enter_context(StandIn())
    server = stack.enter_context(web(f"web worker, {store}", 1, context.folder, database))
    return server, stack.enter_context(work(f"pipeline, {store}", context.folder, database, dx.url))


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
