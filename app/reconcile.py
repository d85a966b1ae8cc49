"""Reconcile: ask the vendor about incidents that may have missed a webhook."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app import metrics
from app.clock import Clock
from app.records import Records, guarded
from app.settings import Settings
from app.sources import Source
from app.store import codec, readings
from app.store.engine import reading
from app.store.readings import CHANGES, Doubtful
from app.store.trouble import cause, remedy
from app.store.wake import Notifier
from app.vendors.client import RefusedError
from app.vendors.readers import reader
from app.vendors.reading import Body, Note, Reader, VendorError
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

OPEN_FOR_HOURS = 1.0
HOUR = 3600 * SECOND
_PATIENCE_SECONDS = 60.0
"""Other sources wait behind a vendor that is down; the next run tries it again."""
_MOST = 500
"""Incidents asked about one by one in a run, of each kind: least recently asked first, the rest next time."""

log = structlog.get_logger()


class Reconciliation:
    """One run for one source."""

    def __init__(
        self, engine: Engine, settings: Settings, source: Source, read: Reader, clock: Clock
    ) -> None:
        self._engine, self._reader, self._source, self._clock = engine, read, source.name, clock
        self._records = Records(engine, settings, source, clock)
        self._told: Counter[str] = Counter()
        self._seen = set[str]()

    def run(self, open_for: Nanoseconds) -> Counter[str]:
        """Read what has changed at the vendor and what is doubtful here; return the counts by outcome.

        Raises VendorError; what was read until then is kept. Where the vendor only refuses to tell what has
        changed, the doubtful ones are asked about all the same.
        """
        refused: RefusedError | None = None
        try:
            self._read_changed()
        except RefusedError as error:
            refused = error
        with reading(self._engine).begin() as connection:
            before = self._clock.wall() - open_for
            found = readings.doubtful(connection, self._source, before, _MOST)
        for each in found:
            self._ask(each)
        if refused:
            raise refused
        return self._told

    def _read_changed(self) -> None:
        """Read what has changed; the cursor moves on only once all of it is stored."""
        with reading(self._engine).begin() as connection:
            cursor = readings.cursor(connection, self._source, CHANGES)
        pages = iter(self._reader.changed(cursor))
        while page := guarded(lambda: next(pages, None)):
            self._take(page.records)
            cursor = page.cursor
        with self._engine.begin() as connection:
            readings.put(connection, self._source, CHANGES, cursor, self._clock.wall())

    def _ask(self, doubtful: Doubtful) -> None:
        """Ask about one incident, unless it was read a moment ago; what is refused of it must not stop the others."""
        kind, record = codec.load_state(doubtful.state).kind, None
        if doubtful.vendor_id not in self._seen:
            try:
                record = guarded(lambda: self._reader.record(doubtful.vendor_id, kind))
                if record is None:
                    self._told["unknown_there"] += 1
            except RefusedError as error:
                self._told["refused"] += 1
                log.warning(
                    "vendor refuses a record",
                    source=self._source,
                    vendor_id=doubtful.vendor_id,
                    do=str(error),
                )
        self._take([record] if record else [], doubtful.id)

    def _take(self, records: Sequence[Body], *asked: int) -> None:
        found = self._records.compare(records)
        with self._engine.begin() as connection:
            self._records.store(connection, found)
            readings.asked(connection, asked, self._clock.wall())
        self._seen.update(each.mapped.key[1] for each in found if each.mapped.key)
        self._told.update(each.outcome for each in found)


def readable(settings: Settings) -> Iterator[Source]:
    """Return the sources that send webhooks and whose vendors can be asked."""
    return (source for source in settings.sources.values() if source.api and source.secrets)


def meant(settings: Settings) -> Iterator[Source]:
    """Return the sources whose vendors can be asked, but for those that share a token with one that sends webhooks."""
    used = {source.api.variable for source in readable(settings) if source.api}
    every = settings.sources.values()
    return (each for each in every if each.api and (each.secrets or each.api.variable not in used))


class Periodic:
    """Reconciles every so often, on a thread of its own, in one process of the fleet."""

    def __init__(self, engine: Engine, settings: Settings, clock: Clock) -> None:
        self._engine, self._settings, self._clock = engine, settings, clock
        self._every = int(settings.reconcile_every * SECOND)
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin a run when it is time and none is under way."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._engine.begin() as connection:
            if not readings.is_due(connection, self._clock.wall(), self._every):
                return
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for source in readable(self._settings):
            self._guarded(source)

    def _reconcile(self, source: Source) -> None:
        read = reader(source, self._settings.policy, self._clock, patience=_PATIENCE_SECONDS)
        if read is None:
            return
        told = Reconciliation(self._engine, self._settings, source, read, self._clock).run(
            int(OPEN_FOR_HOURS * HOUR)
        )
        Notifier(self._engine).notify()
        metrics.reconciled(source.name, told)
        log.info("reconciled", source=source.name, **told)
        for problem in read.problems():
            say = log.info if isinstance(problem, Note) else log.warning
            say("vendor needs attention", source=source.name, do=problem)

    def _guarded(self, source: Source) -> None:
        try:
            self._reconcile(source)
        except VendorError as error:
            metrics.reconciled(source.name, {"failed_run": 1})
            log.warning("vendor cannot be read", source=source.name, do=str(error))
        except SQLAlchemyError as error:
            log.error("database failed", error=cause(error), do=remedy(error))
        except Exception:  # a bug in one reader must not stop the others
            log.exception("reconciliation failed", source=source.name)
