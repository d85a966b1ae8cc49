"""The stage of a history: unique ids, the vendors' clocks, and the webhooks written so far."""

from __future__ import annotations

import random
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.histories.model import MILLISECOND, SECOND, Event, History, iso
from tests.histories.truth import documents

if TYPE_CHECKING:
    from tests.histories.model import Statement

EARLIEST = 1_704_067_200 * SECOND  # 2024-01-01
SPAN = 690 * 86_400 * SECOND  # a life lasts some days at most, so all of them end within 2025

EDGES = (0, 1, 499_999_999, 500_000_000, 999_000_000, 999_500_000, 999_999_999)
"""Fractions of a second in nanoseconds for which rounding differs from cutting, or nearly does."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Clock:
    """Strictly increasing vendor times, so that two are equal only where a script wants it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.now = EARLIEST + rng.randrange(SPAN)

    def later(self, low: float, high: float, unit: int = MILLISECOND, *, edge: bool = True) -> int:
        """Move on by `low` to `high` seconds, with `edge` at times to a nearby edge of a second."""
        time = self.now + int(self._rng.uniform(low, high) * SECOND)
        if edge and self._rng.random() < 0.4:
            time += self._rng.choice(EDGES) - time % SECOND
        time -= time % unit
        if time <= self.now:
            time = self.now - self.now % unit + unit
        self.now = time
        return time


@dataclass(frozen=True, slots=True)
class Scene:
    """A webhook with the moment that gives it its place, and what it states, if anything."""

    moment: int
    source: str
    body: dict[str, Any]
    statement: Statement | None


class Script:
    """Collects the scenes of a history. The ids depend on `prefix`, nothing else does."""

    def __init__(self, seed: int, prefix: str, attempt: int) -> None:
        self.rng = random.Random(f"{seed}/{attempt}")
        self._salt = f"{prefix}/{seed}/{attempt}"
        self._ids = 0
        self._scenes: list[Scene] = []
        self._situations: set[str] = set()

    @property
    def empty(self) -> bool:
        return not self._scenes

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def reach(self, situation: str) -> None:
        self._situations.add(situation)

    def _digest(self) -> bytes:
        self._ids += 1
        return sha256(f"{self._salt}/{self._ids}".encode()).digest()

    def uuid(self) -> str:
        return str(UUID(bytes=self._digest()[:16], version=4))

    def token(self, length: int) -> str:
        """Make a unique id in capital letters and digits, as PagerDuty writes them."""
        return "".join(ALPHABET[byte % len(ALPHABET)] for byte in self._digest()[:length])

    def digits(self, length: int) -> str:
        """Make a unique id in digits, as PagerDuty gives to the events of workflows."""
        return str(int.from_bytes(self._digest()))[:length]

    def add(self, moment: int, source: str, body: dict[str, Any], statement: Statement | None = None) -> None:
        self._scenes.append(Scene(moment, source, body, statement))

    def history(self) -> History:
        """Put all scenes in the order in which they happened, received after the last of them."""
        scenes = sorted(self._scenes, key=lambda scene: scene.moment)
        end = scenes[-1].moment + 86_400 * SECOND
        events = [
            Event(scene.source, scene.body, iso(end + n * 1_250 * MILLISECOND, 3))
            for n, scene in enumerate(scenes)
        ]
        statements = [scene.statement for scene in scenes if scene.statement]
        return History(tuple(events), documents(statements), frozenset(self._situations))
