"""The one object behind a sandbox's routes."""

import threading
import time
from collections.abc import Callable
from typing import cast

from flask import current_app

from app.sandbox.answers import Effects
from app.sandbox.catalog import Catalog
from app.sandbox.faults import Faults
from app.sandbox.store import Store
from app.sandbox.vendors.world import Vendors


def in_background(seconds: float, act: Callable[[], object]) -> None:
    """Call `act` after so many seconds on a thread that does not keep the process alive."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


class Sandbox:
    """Token, store, faults, catalog, vendors. A reset begins new ones, so a call still on its way ends in what is forgotten."""

    def __init__(  # noqa: PLR0913  the world is what tests replace
        self,
        token: str,
        seed: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        later: Callable[[float, Callable[[], object]], None] = in_background,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.token = token
        self.effects = Effects(sleep, later)
        self._seed, self._clock, self._wall = seed, clock, wall
        self.reset()

    def reset(self) -> None:
        """Forget everything, faults and the state of their chances included."""
        self.store = Store(self._clock)
        self.faults = Faults(self._seed)
        self.catalog = Catalog()
        self.vendors = Vendors(clock=self._clock, wall=self._wall, sleep=self.effects.sleep)


def current() -> Sandbox:
    """Return the sandbox of the app that handles this request."""
    return cast("Sandbox", current_app.extensions["sandbox"])
