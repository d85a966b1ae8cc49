"""What operators do, by dashboard, API or command line; every act is recorded in its own transaction."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, select

from app.clock import Clock
from app.decide import Override
from app.document import timestamp
from app.errors import UnknownError
from app.override import Change, Corrections
from app.settings import Settings
from app.store import acts, deliveries, events, sender
from app.store.acts import Act
from app.store.incidents import BACKGROUND, LIVE
from app.store.tables import incidents as table
from mappers.observation import Nanoseconds

_PAGE = 500


class Acts:
    """Does what operators ask for; `by` tells which way they came."""

    def __init__(self, engine: Engine, settings: Settings, clock: Clock, by: str) -> None:
        self._engine, self._clock, self._by = engine, clock, by
        self._corrections = Corrections(engine, settings, clock, by)

    def pause(self) -> None:
        """Send nothing until resumed."""
        with self._engine.begin() as connection:
            sender.pause(connection)
            self._record(connection, "pause")

    def resume(self) -> None:
        """Send again, and probe at once."""
        with self._engine.begin() as connection:
            sender.resume(connection)
            self._record(connection, "resume")

    def redeliver(self, references: Sequence[str]) -> set[str]:
        """Send these incidents again; return those that are not known."""
        known: set[str] = set()
        for connection, found in self._redeliver([table.c.reference_id.in_(references)], LIVE):
            for each in sorted(found - known):
                self._record(connection, "redeliver", each)
            known |= found
        return set(references) - known

    def redeliver_all(
        self, *, parked: bool = False, since: Nanoseconds | None = None, source: str | None = None
    ) -> int:
        """Send a selection again, all of it if nothing narrows it; return how many are known."""
        where: list[ColumnElement[bool]] = [table.c.parked.is_not(None)] if parked else []
        if since is not None:
            where.append((table.c.updated_at >= since) | (table.c.settled_at >= since))
        if source is not None:
            where.append(table.c.source == source)
        told = {"parked": parked or None, "since": since and timestamp(since), "source": source}
        about = " ".join(f"{key}={value}" for key, value in told.items() if value) or "all"
        known: set[str] = set()
        for connection, found in self._redeliver(where, BACKGROUND):
            if not known:
                self._record(connection, "redeliver", about)
            known |= found
        return len(known)

    def refold(self, event_id: int) -> None:
        """Map an event again that led to no incident; raise UnknownError where there is none such."""
        with self._engine.begin() as connection:
            if not events.refold_one(connection, event_id):
                raise UnknownError(f"No event {event_id} is waiting to be mapped again.")
            self._record(connection, "refold", str(event_id))

    def refold_all(self) -> int:
        """Map all events again that could not be mapped; return how many."""
        with self._engine.begin() as connection:
            again = events.refold_problems(connection)
            self._record(connection, "refold", "all")
        return again

    def override(self, reference_id: str, change: Change) -> None:
        """Correct an incident; raise OverrideError where that cannot be."""
        self._corrections.add(reference_id, change)

    def put_override(self, reference_id: str, override: Override, source: str | None = None) -> None:
        """Put this in the place of what was corrected before; raise OverrideError where that cannot be."""
        self._corrections.put(reference_id, override, source)

    def clear_override(self, reference_id: str, source: str | None = None) -> None:
        """Take the corrections of an incident back; raise OverrideError where it is not known."""
        self._corrections.clear(reference_id, source)

    def _redeliver(self, where: Sequence[Any], lane: int) -> Iterator[tuple[Connection, set[str]]]:
        """Redeliver page by page, so that nobody waits long; yield each one's transaction and references.

        There is at least one page, perhaps an empty one.
        """
        pages = select(table.c.id, table.c.reference_id).where(*where).order_by(table.c.id).limit(_PAGE)
        last, found = 0, _PAGE
        while found == _PAGE:
            with self._engine.begin() as connection:
                page = connection.execute(pages.where(table.c.id > last)).all()
                deliveries.redeliver(connection, table.c.id.in_([row.id for row in page]), lane=lane)
                yield connection, {row.reference_id for row in page}
            last, found = page[-1].id if page else 0, len(page)

    def _record(self, connection: Connection, act: str, about: str = "") -> None:
        acts.record(connection, Act(self._clock.wall(), self._by, act, about))
