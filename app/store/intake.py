"""Group commit: webhooks that arrive together share one transaction, and each waits until it is on disk."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from mappers.observation import Nanoseconds

PATIENCE_SECONDS = 4.5
"""Under PagerDuty's 5 s: a webhook gets its 503 while the vendor still listens."""
_MOST = 64
"""Webhooks a transaction."""


@dataclass(slots=True, eq=False)
class Event:
    """A webhook to store; `is_new` tells, once it is stored, whether it was not held already."""

    source: str
    key: str
    body: bytes
    received_at: Nanoseconds
    is_new: bool | None = None
    error: Exception | None = None


class Intake:
    """Stores webhooks for the threads of one process.

    Whoever gets the lock writes for all that are waiting by then; the others find their own stored when
    their turn comes.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[Event] = deque()
        self._writing = threading.Lock()

    def add(self, event: Event) -> bool:
        """Return, after it is committed, whether the event is new; raise SQLAlchemyError where it is not committed."""
        self._waiting.append(event)
        if not self._writing.acquire(timeout=PATIENCE_SECONDS):
            self._withdraw(event)
            raise OperationalError("waiting for a transaction", None, TimeoutError("database is locked"))
        try:
            while event.is_new is None and event.error is None:
                self._write([self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))])
        finally:
            self._writing.release()
        if event.error is not None:
            raise event.error
        return bool(event.is_new)

    def _withdraw(self, event: Event) -> None:
        try:
            self._waiting.remove(event)
        except ValueError:  # it is being written: the vendor will hear of a duplicate
            return

    def _write(self, group: Sequence[Event]) -> None:
        try:
            with self._engine.begin() as connection:
                new = _insert(connection, group)
        except Exception as error:  # noqa: BLE001 - it is raised in each of the threads that wait
            for each in group:
                each.error = error
            return
        for each in group:
            each.is_new = (each.source, each.key) in new
            new.discard((each.source, each.key))  # of two alike in one group, one is new


def _insert(connection: Connection, group: Sequence[Event]) -> set[tuple[str, str]]:
    """Store events in one statement; return the source and key of those that were not held."""
    values = [value for each in group for value in (each.source, each.key, each.body, each.received_at)]
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    found = connection.exec_driver_sql(_statement(len(group), mark), tuple(values))
    return {(row[0], row[1]) for row in found}


@lru_cache(maxsize=2 * _MOST)
def _statement(rows: int, mark: str) -> str:
    row = f"({', '.join([mark] * 4)})"
    return (
        "INSERT INTO events (source, key, body, received_at) VALUES "  # noqa: S608 - marks only
        f"{', '.join([row] * rows)} ON CONFLICT (source, key) DO NOTHING RETURNING source, key"
    )
