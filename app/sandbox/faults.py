"""Faults to switch on: which calls they hit, and what is wrong with the answer."""

import random
import threading
from dataclasses import asdict, dataclass, replace
from typing import Any

METHODS = ("incidents.upsert", "incidents.delete", "customData.getAllByReference", "catalog.entities.list")
EFFECTS = ("status", "reset", "hang", "late", "error", "non_json")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Seconds everywhere; `delay` is (least, most); `times` is how often it still applies."""

    name: str
    method: str | None = None
    reference_id: str | None = None
    share: float = 1.0
    times: int | None = None
    delay: tuple[float, float] | None = None
    status: int | None = None
    headers: dict[str, str] | None = None
    body: Any = None
    reset: str | None = None
    hang: float | None = None
    late: float | None = None
    error: str | None = None
    non_json: bool | None = None
    apply: bool | None = None

    @property
    def breaks(self) -> bool:
        """Whether it does more than delay."""
        return any(getattr(self, effect) is not None for effect in EFFECTS)

    def aims_at(self, method: str, reference_id: str | None) -> bool:
        """Whether its selectors, chance apart, fit a call."""
        return self.method in (None, method) and self.reference_id in (None, reference_id)

    def used(self) -> "Fault":
        """Return what is left after one call."""
        return self if self.times is None else replace(self, times=self.times - 1)

    def shown(self) -> dict[str, Any]:
        """Return the definition, with what is left of `times`; it can be put again."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Hit:
    """What the faults do to one call: seconds to wait first, then the fault that breaks it, if any."""

    delay: float = 0.0
    fault: Fault | None = None
    name: str | None = None


class Faults:
    """The faults switched on; safe to use from any thread. The same seed and calls give the same hits."""

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311  chance, not secrecy
        self._faults: list[Fault] = []

    def put(self, faults: list[Fault]) -> None:
        """Replace all."""
        with self._lock:
            self._faults = faults

    def shown(self) -> list[dict[str, Any]]:
        """Return the definitions still on."""
        with self._lock:
            return [fault.shown() for fault in self._faults]

    def pick(self, method: str, reference_id: str | None) -> Hit:
        """Return what hits a call: the first fault that breaks it, and the sum of all delays."""
        with self._lock:
            hit, left = Hit(), []
            for fault in self._faults:
                if self._misses(fault, hit, method, reference_id):
                    left.append(fault)
                    continue
                hit = self._add(hit, fault)
                if fault.times != 1:
                    left.append(fault.used())
            self._faults = left
            return hit

    def _misses(self, fault: Fault, hit: Hit, method: str, reference_id: str | None) -> bool:
        if (fault.breaks and hit.fault) or not fault.aims_at(method, reference_id):
            return True
        return self._random.random() >= fault.share

    def _add(self, hit: Hit, fault: Fault) -> Hit:
        delay = hit.delay + (self._random.uniform(*fault.delay) if fault.delay else 0.0)
        if fault.breaks:
            return Hit(delay, fault, fault.name)
        return Hit(delay, hit.fault, hit.name or fault.name)
