"""What the sandbox was told: the incidents as DX would hold them, and every call that was made."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

EMPTY: dict[str, Any] = {
    "name": None,
    "priority": None,
    "source_url": None,
    "started_at": None,
    "resolved_at": None,
    "services": [],
    "metadata": {},
}
CLEARED: dict[str, Any] = {"services": [], "metadata": {}}


@dataclass(slots=True, eq=False)
class Call:
    """One call to the API; times are seconds of the machine's monotonic clock.

    `n` counts from 1 in the order in which calls end, so a reader that asks for what came after `n`
    misses none. `status` stays None when the connection was broken off instead of answered.
    """

    method: str
    reference_id: str | None
    body: Any
    started: float
    n: int = 0
    ended: float | None = None
    status: int | None = None
    error: str | None = None
    applied_at: float | None = None
    fault: str | None = None

    def shown(self) -> dict[str, Any]:
        """Return the call as the control interface shows it."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"n": self.n, "applied": self.applied_at is not None} | known


class Store:
    """Incidents by reference_id, the log of calls, and who is in flight; safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._incidents: dict[str, dict[str, Any]] = {}
        self._log: list[Call] = []
        self._running: list[Call] = []
        self._named: Counter[str | None] = Counter()
        self._peak = self._peak_per_incident = 0

    def begin(self, method: str, reference_id: str | None, body: Any) -> Call:
        """Count a call as in flight from here on."""
        with self._lock:
            call = Call(method, reference_id, body, self._clock())
            self._running.append(call)
            self._named[reference_id] += 1
            self._peak = max(self._peak, len(self._running))
            if reference_id is not None:
                same = sum(running.reference_id == reference_id for running in self._running)
                self._peak_per_incident = max(self._peak_per_incident, same)
            return call

    def end(self, call: Call, status: int | None, error: str | None, fault: str | None) -> None:
        """Log a call and count it as in flight no longer."""
        with self._lock:
            call.status, call.error, call.fault = status, error, fault
            call.ended, call.n = self._clock(), len(self._log) + 1
            self._log.append(call)
            self._running.remove(call)

    def upsert(self, call: Call) -> None:
        """Apply a valid upsert: a key that is present replaces what was held, an omitted one leaves it."""
        with self._lock:
            sent = {key: CLEARED.get(key) if value is None else value for key, value in call.body.items()}
            held = self._incidents.get(call.body["reference_id"], EMPTY)
            self._incidents[call.body["reference_id"]] = held | sent
            call.applied_at = self._clock()

    def delete(self, call: Call) -> bool:
        """Apply a valid delete; True if there was such an incident."""
        with self._lock:
            call.applied_at = self._clock()
            return self._incidents.pop(str(call.reference_id), None) is not None

    def incidents(self) -> list[dict[str, Any]]:
        """Return the incidents held, sorted by reference_id, each with the number of calls that named it."""
        with self._lock:
            return [self._shown(reference_id) for reference_id in sorted(self._incidents)]

    def incident(self, reference_id: str) -> dict[str, Any] | None:
        """Return one incident as in `incidents`, or None."""
        with self._lock:
            return self._shown(reference_id) if reference_id in self._incidents else None

    def calls(self, after: int = 0, reference_id: str | None = None) -> dict[str, Any]:
        """Return the calls after number `after` (-50: the last 50), of one incident if given, and counts."""
        with self._lock:
            ended = [call.shown() for call in self._log[after:] if reference_id in (None, call.reference_id)]
            return {
                "calls": ended,
                "in_flight": [running.shown() for running in self._running],
                "max_in_flight_per_incident": self._peak_per_incident,
                "max_in_flight": self._peak,
                "total": len(self._log),
            }

    def _shown(self, reference_id: str) -> dict[str, Any]:
        held = self._incidents[reference_id]
        return {"reference_id": reference_id} | held | {"calls": self._named[reference_id]}
