"""Group commit: webhooks that arrive together share one transaction, and each waits until it is on disk."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app.store.arrivals import Arrivals
from mappers.observation import Nanoseconds

PATIENCE_SECONDS = 4.5
"""Under PagerDuty's 5 s: a webhook gets its 503 while the vendor still listens."""
_LOOKS, _LOOK_SECONDS = 4, 0.001
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
    error: SQLAlchemyError | None = None
    leads: bool = False
    """Its thread is to write the next group."""
    _news: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._news.acquire()

    def wake(self) -> None:
        """Tell its thread that it is stored, or is to lead."""
        self._news.release()

    def wait(self) -> bool:
        """Wait to be woken; return whether that came in time."""
        return self._news.acquire(timeout=PATIENCE_SECONDS)


class Intake:
    """Stores webhooks for the threads of one process.

    One thread at a time leads: it writes all that wait, its own among them, wakes them, and lets one of
    those that have come meanwhile lead next.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._arrivals = Arrivals(engine)
        self._waiting: deque[Event] = deque()
        self._led = False
        self._lock = threading.Lock()

    def add(self, event: Event) -> bool:
        """Return, after it is committed, whether the event is new; raise SQLAlchemyError where it is not committed."""
        with self._lock:
            self._waiting.append(event)
            event.leads, self._led = not self._led, True
        if not event.leads and not event.wait():
            self._withdraw(event)
        if event.leads:
            self._lead()
        if event.is_new is None:
            raise event.error or _uncommitted(RuntimeError("not written"))
        return event.is_new

    def _withdraw(self, event: Event) -> None:
        """Give up waiting; one that is being written meanwhile will be a duplicate when the vendor repeats it."""
        with self._lock:
            if event in self._waiting and not event.leads:
                self._waiting.remove(event)
            if not event.leads and event.is_new is None:
                event.error = _uncommitted(TimeoutError("database is locked"))

    def _lead(self) -> None:
        """Write a group and let another lead, whatever happens: without a leader nothing would be accepted any more."""
        group: list[Event] = []
        try:
            self._gather()
            group = self._take()
            self._write(group)
        finally:
            successor = self._next_leader()
            for each in (*group, *filter(None, [successor])):
                if not each.leads or each is successor:
                    each.wake()

    def _take(self) -> list[Event]:
        with self._lock:  # meanwhile others give up waiting
            return [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]

    def _next_leader(self) -> Event | None:
        with self._lock:
            self._led = bool(self._waiting)
            successor = self._waiting[0] if self._waiting else None
            if successor:
                successor.leads = True
            return successor

    def _gather(self) -> None:
        """Let those that are on their way come along, as long as each look finds more of them."""
        seen = 1
        for _ in range(_LOOKS):
            if len(self._waiting) <= seen:
                return
            seen = len(self._waiting)
            time.sleep(_LOOK_SECONDS)

    def _write(self, group: Sequence[Event]) -> None:
        try:
            new = self._arrivals.add(group)
        except Exception as error:  # noqa: BLE001 - it is raised in each of the threads that wait
            for each in group:
                each.error = error if isinstance(error, SQLAlchemyError) else _uncommitted(error)
            return
        for each in group:
            each.is_new = (each.source, each.key) in new
            new.discard((each.source, each.key))  # of two alike in one group, one is new


def _uncommitted(why: Exception) -> OperationalError:
    return OperationalError("storing webhooks", None, why)
