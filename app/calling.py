"""Calls to DX, each in a thread of a pool: threads that do nothing but HTTP."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, local
from urllib.parse import urlsplit

import structlog

from app import tracing
from app.answers import Answer
from app.clock import Clock
from app.document import DELETE
from app.dx import DX, LeaseLostError
from app.secret import Secret
from app.store.claims import Claim
from app.store.settlement import Call

log = structlog.get_logger()

UNKNOWN = Answer("not_now", "failed", "the call ended in an unforeseen error", unfinished=True)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to deliver, and how; times in seconds."""

    base_url: str
    token: Secret
    timeout: float
    outlive: float
    concurrency: int
    """Calls at once."""
    max_rps: float
    ahead: int = 0
    """Claims beyond these calls where there is no pace, so that no thread waits for the database between two."""


@dataclass(frozen=True, slots=True)
class Slot:
    """When a call may begin: by the pace's clock, in nanoseconds, and so many seconds from now."""

    at: int
    delay: float


class Callers:
    """Make the calls they are given; what comes of each is taken with `results`."""

    def __init__(self, to: Destination, clock: Clock, ring: Callable[[], object]) -> None:
        """`ring` is called, in any thread, when there is a result."""
        self._to, self._clock, self._ring = to, clock, ring
        self._pool = ThreadPoolExecutor(to.concurrency, thread_name_prefix="deliver")
        self._clients = local()
        self._host = urlsplit(to.base_url).hostname
        self._results: SimpleQueue[Call | Claim] = SimpleQueue()
        self._stopping = Event()
        self.is_open = True
        """Whether calls may begin that are no probes; a thread closes it when DX cannot be told anything now."""

    @property
    def are_stopping(self) -> bool:
        """Whether no further call begins."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin no further call; those under way go on."""
        self._stopping.set()

    def begin(self, claim: Claim, begun: float, slot: Slot) -> None:
        """Make a call in its slot, claimed when the steady clock showed `begun`."""
        self._pool.submit(self._call, claim, begun, slot)

    def results(self) -> list[Call | Claim]:
        """Take what there is: calls with their answers, and claims under which nothing was sent."""
        found = []
        try:
            while True:
                found.append(self._results.get_nowait())
        except Empty:
            return found

    def _call(self, claim: Claim, begun: float, slot: Slot) -> None:
        """Make one call; its result, whatever happens, goes into the queue."""
        answer: Answer | None = UNKNOWN
        unwanted = self._stopping.wait(slot.delay) or not (self.is_open or claim.probe)
        start = self._clock.steady()
        try:
            answer = None if unwanted else self._exchange(claim, begun)
        except LeaseLostError:
            answer = None
            log.warning("lease ran out before the call", **claim.told)
        except Exception:  # a thread's outermost: the answer stays unknown, and the call is settled as such
            log.exception("call to DX failed", **claim.told)
        finally:
            took = int((self._clock.steady() - start) * 1000)
            self._results.put(claim if answer is None else Call(claim, answer, slot.at, took))
            self._ring()

    def _exchange(self, claim: Claim, begun: float) -> Answer:
        def permit() -> bool:
            return self._clock.steady() - begun < self._to.outlive

        client = self._client()
        send = client.delete if claim.method == DELETE else client.upsert
        with tracing.span(claim.method, {**claim.told, "server.address": self._host}, kind="CLIENT") as tell:
            answer = send(claim.body, permit)
            tell({"http.response.status_code": answer.status, "meaning": answer.meaning})
        if answer.meaning in ("not_now", "unauthorised"):
            self.is_open = False
        return answer

    def _client(self) -> DX:
        if not hasattr(self._clients, "dx"):
            self._clients.dx = DX(self._to.base_url, self._to.token, self._to.timeout)
        client: DX = self._clients.dx
        return client
