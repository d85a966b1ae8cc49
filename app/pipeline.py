"""The pipeline's loop: fold what was received, deliver what is due, beat, until told to stop."""

import os
import socket
import time
from random import Random

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from tenacity import RetryCallState, Retrying, wait_exponential

from app.clock import Clock
from app.deliver import Deliverer, Destination
from app.fold import Folder
from app.settings import Settings
from app.store import sender
from app.store.engine import connect
from app.store.wake import Wake, watch

log = structlog.get_logger()

BEAT_SECONDS = 5.0
LOOK_SECONDS = 0.1
"""How often to look without having been woken: for due times, slots of the pace, probes."""
STOP_SECONDS = 20.0
"""How long to wait for calls under way at the end; Heroku kills after 30 s."""
_database_wait = wait_exponential(multiplier=0.1, max=5)


class Pipeline:
    """Folds and delivers in one process; any number of them may share a database."""

    def __init__(
        self, engine: Engine, folder: Folder, deliverer: Deliverer | None, wake: Wake, clock: Clock
    ) -> None:
        self._engine, self._folder, self._deliverer = engine, folder, deliverer
        self._wake, self._clock = wake, clock
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._stopping = False
        self._beat_at = self._look_at = 0.0
        self._failures = RetryCallState(Retrying(), None, (), {})

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Work until stopped, then let the calls under way come to their end."""
        while not self._stopping:
            if not self._turn_or_wait():
                self._rest()
        self._finish()

    def drain(self) -> None:
        """Work until nothing is left to fold or due."""
        while not self._stopping and (self._turn_or_wait() or self._has_work()):
            self._rest()
        self._finish()

    def _turn_or_wait(self) -> bool:
        """Do one turn; when the database fails, say so once and try again, less and less often."""
        try:
            worked = self._turn()
        except DBAPIError as error:
            self._failures.attempt_number += 1
            log.error(
                "database failed; trying again", error=type(error.orig).__name__, detail=str(error.orig)
            )
            time.sleep(_database_wait(self._failures))
            return False
        self._failures.attempt_number = 1
        return worked

    def _turn(self) -> bool:
        self._beat()
        folded = self._folder.fold() > 0
        delivered = self._deliverer.turn() if self._deliverer else False
        return folded or delivered

    def _beat(self) -> None:
        if (now := self._clock.steady()) < self._beat_at:
            return
        self._beat_at = now + BEAT_SECONDS
        with self._engine.begin() as connection:
            sender.beat(connection, self._name, self._clock.wall())

    def _rest(self) -> None:
        """Wait until another process commits, an answer comes in, or it is time to look anyway."""
        until = self._clock.steady() + LOOK_SECONDS
        while not self._stopping and self._clock.steady() < until:
            if self._deliverer and self._deliverer.has_results:
                return
            if self._wake.wait():
                return
        if self._deliverer:
            self._deliverer.free_dead_leases()

    def _has_work(self) -> bool:
        return self._deliverer is not None and self._deliverer.has_work()

    def _finish(self) -> None:
        if not self._deliverer:
            return
        self._deliverer.stop()
        until = self._clock.steady() + STOP_SECONDS
        while not self._deliverer.idle and self._clock.steady() < until:
            if not self._deliverer.settle():
                time.sleep(0.01)


def create_pipeline(settings: Settings, clock: Clock | None = None) -> Pipeline:
    """Put a pipeline together; without DX's address and token it folds and delivers nothing."""
    clock = clock or Clock()
    engine = connect(settings.database_url)
    folder = Folder(engine, settings.sources, settings.dx_base_url, clock)
    deliverer = None
    if settings.dx_base_url and settings.dx_api_token:
        to = Destination(
            settings.dx_base_url,
            settings.dx_api_token,
            settings.dx_timeout,
            settings.dx_outlive,
            settings.dx_concurrency,
            settings.dx_max_rps,
        )
        deliverer = Deliverer(engine, to, clock, Random())  # noqa: S311 - jitter
    else:
        log.warning("nothing is delivered: set DX_BASE_URL and DX_API_TOKEN")
    return Pipeline(engine, folder, deliverer, watch(engine), clock)
