"""How many requests a vendor takes, and the log of those that came."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

MINUTE = 60.0  # seconds
KEPT = 50_000  # requests in the log


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of the present minute after a request; `refused` is its number among the refused, or 0."""

    limit: int
    remaining: int
    reset: int
    refused: int


class Limiter:
    """Counts minutes from the first request in each; those refused use up nothing."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = -MINUTE
        self._used = self._refused = 0

    def take(self, rate: int) -> Allowance:
        """Count one request against `rate` a minute; `reset` is in seconds, rounded up."""
        now = self._clock()
        if not 0 <= now - self._began < MINUTE:
            self._began, self._used = now, 0
        over = self._used >= rate
        self._refused += over
        self._used += 1
        reset = -int((now - self._began - MINUTE) // 1)
        return Allowance(rate, max(0, rate - self._used), reset, self._refused if over else 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; `at` is in seconds of the machine's monotonic clock, `status` None if it was broken off."""

    n: int
    at: float
    method: str
    path: str
    query: str
    status: int | None


class Journal:
    """The requests in the order of their answers, and counts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._log: deque[Asked] = deque(maxlen=KEPT)
        self._minute: deque[float] = deque()
        self._by_path: Counter[str] = Counter()
        self._total = self._refused = self._peak = 0

    def add(self, rule: str, method: str, path: str, query: str, status: int | None) -> None:
        """Log one request, counted under its method and `rule`."""
        now = self._clock()
        self._total += 1
        self._refused += status == 429
        self._by_path[f"{method} {rule}"] += 1
        self._log.append(Asked(self._total, now, method, path, query, status))
        self._count_minute(now)

    def shown(self, after: int) -> dict[str, Any]:
        """Return the counts and the requests after number `after`; `peak_minute` is the most in any 60 s."""
        return {
            "total": self._total,
            "by_path": dict(sorted(self._by_path.items())),
            "refused": self._refused,
            "peak_minute": self._peak,
            "log": [asdict(asked) for asked in self._log if asked.n > after],
        }

    def _count_minute(self, now: float) -> None:
        self._minute.append(now)
        while self._minute[0] <= now - MINUTE:
            self._minute.popleft()
        self._peak = max(self._peak, len(self._minute))
