"""Calls to DX for an incident that changed again and again while DX was away."""

from collections.abc import Iterator
from contextlib import ExitStack

from sqlalchemy import Engine

from app.store import events, incidents
from app.store.engine import connect, reading
from tests.bench.bodies import STEPS, body
from tests.bench.context import STORES, Context
from tests.bench.dx import StandIn
from tests.bench.rows import Row, at_most
from tests.bench.servers import work
from tests.bench.stored import store as put
from tests.harness import wait_until

_CHANGES = 10
_RETURN_SECONDS = 180
"""DX's return is noticed within a minute; the rest is for a busy machine."""


def measure(context: Context) -> Iterator[Row]:
    """Count the calls after one outage on each store, the one that notices DX's return included."""
    number = context.pick(500, 20)
    for store in STORES:
        calls = _calls(context, store, number)
        what = f"outage: {store}, {number} incidents, {_CHANGES} changes each"
        yield Row(what, "calls/incident", (calls / number,), aims=(at_most(1),))


def _calls(context: Context, store: str, number: int) -> int:
    url = context.database(store)
    engine = connect(url)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        dx = stack.enter_context(StandIn())
        stack.enter_context(work(f"outage {store}", context.folder, url, dx.url))
        put(engine, _wave(0, number))
        wait_until(lambda: dx.count() == number and not _has_work(engine), seconds=60, what="delivery")
        dx.behave(down=True)
        for wave in range(1, _CHANGES + 1):
            put(engine, _wave(wave, number))
            wait_until(lambda: not _unfolded(engine), seconds=60, what="folding during the outage")
        dx.take()  # before DX is back: what is confirmed from then on counts
        dx.behave()
        wait_until(lambda: not _has_work(engine), seconds=_RETURN_SECONDS, what="delivery after the outage")
        log = dx.take()
    if len(log.receipts) != number:
        raise RuntimeError(f"{len(log.receipts)} of {number} incidents were sent after the outage")
    return log.calls


def _wave(wave: int, number: int) -> list[bytes]:
    first = wave * number + 1
    step = STEPS[0 if wave == 0 else 1]
    return [
        body(first + each, f"O{each:013}", step, opened=1 + each, title=f"State {wave} of incident {each}")
        for each in range(number)
    ]


def _unfolded(engine: Engine) -> int:
    with reading(engine).begin() as connection:
        return events.count_unfolded(connection)


def _has_work(engine: Engine) -> bool:
    with reading(engine).begin() as connection:
        return events.count_unfolded(connection) + incidents.count_due(connection) > 0
