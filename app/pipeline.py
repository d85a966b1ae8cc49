"""The pipeline's loop: fold what was received, deliver what is due, beat, until told to stop."""

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from random import Random

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from tenacity import RetryCallState, Retrying, wait_exponential

from app.calling import Destination
from app.clock import Clock
from app.config import digest
from app.deliver import Deliverer
from app.errors import PolicyUnreadableError
from app.fold import Folder
from app.in_force import InForce
from app.reconcile import Periodic, readable
from app.renew import Renewal
from app.settings import Settings
from app.store import sender
from app.store.engine import connect
from app.store.purge import purge_page
from app.store.trouble import cause, remedy
from app.store.wake import Wake, watch
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

log = structlog.get_logger()

BEAT_SECONDS = 5.0
LEASES_SECONDS = 0.25
PURGE_LOOK_SECONDS = 600.0
RENEWAL_LOOK_SECONDS = 1.0
PURGE_EVERY = 86_400 * SECOND
RECONCILE_LOOK_SECONDS = 5.0
LOOK_SECONDS = 0.1
"""How often to look without having been woken: for due times, slots of the pace, probes."""
STOP_SECONDS = 20.0
"""How long to wait for calls under way at the end; Heroku kills after 30 s."""
CONNECTIONS = 3
"""Of one pipeline process to the database, one of them for reconciling; PostgreSQL's listener is one more."""
_database_wait = wait_exponential(multiplier=0.1, max=5)


@dataclass(slots=True)
class Chore:
    """Something to do every so many seconds of the steady clock."""

    every: float
    do: Callable[[], object]
    _next_at: float = 0.0

    def do_if_due(self, now: float) -> None:
        """Do it when its time has come; a failure is tried again at the next turn."""
        if now >= self._next_at:
            self.do()
            self._next_at = now + self.every


@dataclass(frozen=True, slots=True)
class Workers:
    """What computes documents: from new events, and anew under another policy."""

    folder: Folder
    renewal: Renewal


class Pipeline:
    """Folds and delivers in one process; any number of them may share a database."""

    def __init__(
        self, workers: Workers, deliverer: Deliverer | None, chores: Sequence[Chore], wake: Wake, clock: Clock
    ) -> None:
        self._folder, self._renewal, self._deliverer = workers.folder, workers.renewal, deliverer
        self._chores, self._wake, self._clock = chores, wake, clock
        self._stopping = False
        self._failures = RetryCallState(Retrying(), None, (), {})

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping = True

    def run(self) -> bool:
        """Work until stopped, then let the calls under way end; return whether all did, in the time there is."""
        while not self._stopping:
            if not self._guarded(self._turn):
                self._rest()
        return self._finish()

    def drain(self) -> bool:
        """Work until nothing is left to fold or due, as long as the database takes; return as `run` does."""
        while not self._stopping:
            if self._guarded(self._turn) is False and self._guarded(self._has_work) is False:
                break
            self._rest()
        return self._finish()

    def _turn(self) -> bool:
        for chore in self._chores:
            chore.do_if_due(self._clock.steady())
        folded = self._folder.fold() > 0
        renewed = self._renewal.page()
        delivered = self._deliverer.turn() if self._deliverer else False
        return folded or renewed or delivered

    def _guarded(self, step: Callable[[], bool]) -> bool | None:
        """Do a step; when the database fails (or the policy in it), say so once, wait, longer each time, and return None."""
        try:
            worked = step()
        except (SQLAlchemyError, PolicyUnreadableError) as error:
            if self._failures.attempt_number == 1:
                _report(error)
            time.sleep(_database_wait(self._failures))
            self._failures.attempt_number = min(self._failures.attempt_number + 1, 16)
            return None
        if self._failures.attempt_number > 1:
            log.warning("goes on")
        self._failures.attempt_number = 1
        return worked

    def _rest(self) -> None:
        """Wait until another process commits, an answer comes in, or it is time to look anyway."""
        until = self._clock.steady() + LOOK_SECONDS
        while not self._stopping and self._clock.steady() < until and not self._wake.wait():
            pass

    def _has_work(self) -> bool:
        if self._renewal.look():
            return True
        return self._deliverer is not None and self._deliverer.has_work()

    def _finish(self) -> bool:
        self._wake.close()
        if not self._deliverer:
            return True
        self._deliverer.stop()
        until = self._clock.steady() + STOP_SECONDS
        while not self._deliverer.idle and self._clock.steady() < until:
            if not self._guarded(self._deliverer.settle):
                time.sleep(0.01)
        return self._deliverer.idle


def _report(error: SQLAlchemyError | PolicyUnreadableError) -> None:
    if isinstance(error, PolicyUnreadableError):
        log.error("policy in force cannot be read", do=str(error))
    else:
        log.error("database failed", error=cause(error), do=remedy(error))


class Purge:
    """The daily purge, one page at a time, by one process of the fleet."""

    def __init__(self, engine: Engine, retention: Nanoseconds, clock: Clock) -> None:
        self._engine, self._retention, self._clock = engine, retention, clock
        self._under_way = False

    def look(self) -> None:
        """Take the purge on when it is due."""
        with self._engine.begin() as connection:
            self._under_way |= sender.is_purge_due(connection, self._clock.wall(), PURGE_EVERY)

    def page(self) -> None:
        """Purge one page, when there is one."""
        if self._under_way:
            self._under_way = purge_page(self._engine, self._clock.wall() - self._retention) > 0


def create_pipeline(settings: Settings, clock: Clock | None = None) -> Pipeline:
    """Put a pipeline together; without DX's address and token it folds and delivers nothing."""
    clock = clock or Clock()
    engine = connect(settings.database_url, pool_size=CONNECTIONS)
    folder = Folder(engine, settings.sources, settings.dx_base_url, clock, settings.policy)
    in_force = InForce(settings.policy)
    renewal = Renewal(engine, settings.sources, settings.dx_base_url, in_force, clock)
    wake = watch(engine)
    deliverer = _create_deliverer(settings, engine, clock, wake)
    purge = Purge(engine, settings.event_retention_days * PURGE_EVERY, clock)
    name = f"{socket.gethostname()}:{os.getpid()}"

    def beat() -> None:
        with engine.begin() as connection:
            sender.beat(connection, name, clock.wall())
            sender.end_idle_probing(connection, clock.wall())

    def start() -> None:
        with engine.begin() as connection:
            applied = in_force.in_transaction(connection, clock.wall())  # before the sender, as everywhere
            sender.start(connection, paused=settings.start_paused)
        if applied.digest != digest(settings.policy):
            log.warning("bridge.toml is not in force", do="dx-bridge plan, then dx-bridge apply")

    chores = [
        Chore(inf, start),
        Chore(BEAT_SECONDS, beat),
        Chore(PURGE_LOOK_SECONDS, purge.look),
        Chore(0, purge.page),
        Chore(RENEWAL_LOOK_SECONDS, renewal.look),
    ]
    if settings.reconcile_every and any(readable(settings)):
        chores.append(Chore(RECONCILE_LOOK_SECONDS, Periodic(engine, settings, clock).look))
    if deliverer:
        chores.append(Chore(LEASES_SECONDS, deliverer.free_dead_leases))
    return Pipeline(Workers(folder, renewal), deliverer, chores, wake, clock)


def _create_deliverer(settings: Settings, engine: Engine, clock: Clock, wake: Wake) -> Deliverer | None:
    if not settings.dx_base_url or not settings.dx_api_token:
        log.warning("nothing is delivered: set DX_BASE_URL and DX_API_TOKEN")
        return None
    to = Destination(
        settings.dx_base_url,
        settings.dx_api_token,
        settings.dx_timeout,
        settings.dx_outlive,
        settings.dx_concurrency,
        settings.dx_max_rps,
        ahead=settings.dx_concurrency // 2,
    )
    return Deliverer(engine, to, clock, Random(), wake.ring)  # noqa: S311 - jitter
