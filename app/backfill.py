"""Backfill: the incidents that a vendor has had in some time, page by page; it goes on where it was."""

from collections import Counter
from collections.abc import Callable, Iterator

from sqlalchemy import Engine

from app.clock import Clock
from app.document import timestamp
from app.plan import Change
from app.records import Read, Records, guarded
from app.store import acts, readings
from app.store.acts import Act
from app.store.engine import reading
from app.store.wake import Notifier
from app.vendors.reading import Page, Reader
from mappers.observation import Nanoseconds

Tick = Callable[[Page, Counter[str]], None]
"""Told of each page that is done, and of what was found so far, by outcome."""


class Backfill:
    """One window of one source."""

    def __init__(self, engine: Engine, records: Records, reader: Reader, source: str, clock: Clock) -> None:
        self._engine, self._records, self._reader = engine, records, reader
        self._source, self._clock, self._notifier = source, clock, Notifier(engine)

    def begun_at(self, what: str) -> str:
        """Return the cursor of an interrupted run of this window; "" where there was none."""
        with reading(self._engine).begin() as connection:
            return readings.cursor(connection, self._source, what)

    def run(self, since: Nanoseconds, until: Nanoseconds, what: str, tick: Tick) -> Counter[str]:
        """Read and store everything, each page with its cursor in one transaction; return the counts.

        Raises VendorError; what was read until then is kept, and the next run of `what` goes on there.
        """
        told: Counter[str] = Counter()
        for page, found in self._pages(since, until, self.begun_at(what)):
            with self._engine.begin() as connection:
                self._records.store(connection, found)
                readings.put(connection, self._source, what, page.cursor, self._clock.wall())
            self._notifier.notify()
            told.update(each.outcome for each in found)
            tick(page, told)
        with self._engine.begin() as connection:
            readings.forget(connection, self._source, what)
            acts.record(connection, Act(self._clock.wall(), "command line", what, self._source))
        return told

    def plan(self, since: Nanoseconds, until: Nanoseconds, tick: Tick) -> Iterator[Change]:
        """Tell what a run would change in DX; nothing is written."""
        told: Counter[str] = Counter()
        for page, found in self._pages(since, until, ""):
            yield from self._records.changes(found)
            told.update(each.outcome for each in found)
            tick(page, told)

    def _pages(
        self, since: Nanoseconds, until: Nanoseconds, cursor: str
    ) -> Iterator[tuple[Page, list[Read]]]:
        pages = iter(self._reader.history(since, until, cursor))
        while page := guarded(lambda: next(pages, None)):
            yield page, self._records.compare(page.records)


def window(since: Nanoseconds, until: Nanoseconds | None) -> str:
    """Return what names a window: run again without `--until`, it still is the same."""
    return f"backfill {timestamp(since)} {timestamp(until) if until else ''}".rstrip()
