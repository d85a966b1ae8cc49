"""Counts webhooks with a wrong signature or token, without letting a flood of them reach the database."""

from contextlib import suppress
from threading import Lock, Timer

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.clock import Clock
from app.store import acts

_SECONDS = 5.0


class Refused:
    """Keeps counts in memory and writes them every few seconds; a process that dies loses the last few."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock, self._lock = engine, clock, Lock()
        self._counts: dict[str, int] = {}

    def count(self, source: str) -> None:
        """Count one."""
        with self._lock:
            first = not self._counts
            self._counts[source] = self._counts.get(source, 0) + 1
        if first:
            timer = Timer(_SECONDS, self.write)
            timer.daemon = True
            timer.start()

    def write(self) -> None:
        """Write what was counted."""
        with self._lock:
            counts, self._counts = self._counts, {}
        with suppress(SQLAlchemyError), self._engine.begin() as connection:
            for source, count in counts.items():
                acts.add_refused(connection, source, count, self._clock.wall())
