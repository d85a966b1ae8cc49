"""The clocks, injected everywhere: wall time for records and due times, steady time for leases."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from mappers.observation import Nanoseconds

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # counts a suspend, too, where it can


def _steady() -> float:
    return time.clock_gettime(_STEADY)


@dataclass(frozen=True, slots=True)
class Clock:
    """`wall` may jump; `steady` never does and means nothing on another machine."""

    wall: Callable[[], Nanoseconds] = time.time_ns
    """Nanoseconds since the epoch."""
    steady: Callable[[], float] = _steady
    """Seconds since some fixed moment."""
