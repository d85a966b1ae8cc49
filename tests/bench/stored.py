"""Events put into a database as if they had been accepted, and folded, in a process like the pipeline's."""

import random
import time
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Engine, insert

from app import garbage, metric_files
from app.clock import Clock
from app.fold import BATCH, Folder
from app.logs import configure
from app.sources import default_sources
from app.store import tables
from app.store.engine import connect
from app.store.intake import Event
from mappers import pagerduty

WARM_UP = 2 * BATCH
"""Events: the first batches prepare their statements."""
_SHUFFLE = 20260101


def shuffled(bodies: Iterable[bytes]) -> list[bytes]:
    """Return bodies in an order that is the same each time, and has nothing to do with theirs."""
    found = list(bodies)
    random.Random(_SHUFFLE).shuffle(found)
    return found


def as_event(raw: bytes) -> Event:
    """Return a body as the web side would store it."""
    return Event("pagerduty", pagerduty.event_id(orjson.loads(raw)) or "", raw, time.time_ns())


def store(engine: Engine, bodies: Iterable[bytes]) -> int:
    """Store webhooks of PagerDuty; return how many."""
    events = [as_event(raw) for raw in bodies]
    rows = [
        {"source": each.source, "key": each.key, "body": each.body, "received_at": each.received_at}
        for each in events
    ]
    with engine.begin() as connection:
        connection.execute(insert(tables.events), rows)
    return len(rows)


@contextmanager
def as_pipeline() -> Any:
    """Log and count as the pipeline does in production; for a process of its own."""
    configure("INFO")
    garbage.settle()
    with metric_files.folder():
        metric_files.share()
        yield


def folder(engine: Engine, destination: str | None) -> Folder:
    """Return what folds, under the default policy."""
    return Folder(engine, default_sources(), destination, Clock())


def fold_all(database_url: str, destination: str | None, bodies: list[bytes]) -> tuple[float, float]:
    """Store these, then fold them; return the seconds and processor seconds of an event, the first batches' apart."""
    engine = connect(database_url)
    with as_pipeline():
        stored, folds = store(engine, bodies), folder(engine, destination)
        first = sum(folds.fold() for _ in range(WARM_UP // BATCH))
        begun, cpu = time.perf_counter(), time.process_time()
        folded = sum(iter(folds.fold, 0))
        took = time.perf_counter() - begun, time.process_time() - cpu
    engine.dispose()
    if first + folded != stored:
        raise RuntimeError(f"{first + folded} of {stored} events were folded")
    return took[0] / max(1, folded), took[1] / max(1, folded)
