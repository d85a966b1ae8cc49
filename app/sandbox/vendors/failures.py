"""Requests that a vendor answers badly because a test wants it."""

from dataclasses import dataclass, field

_PAGE = "<!doctype html><title>Gateway</title><h1>Something went wrong</h1>"


@dataclass(frozen=True, slots=True)
class Failure:
    """One fault: which requests (a prefix of the path below the vendor's own), and what they get.

    The first `after` of them go well; `times` is how many then fail, None: all. `cut` breaks the connection.
    """

    path: str = "/"
    method: str | None = None
    status: int = 500
    times: int | None = None
    after: int = 0
    html: bool = False
    cut: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def page(self) -> str | None:
        """The HTML that comes instead of the vendor's JSON."""
        return _PAGE if self.html else None

    def aims_at(self, method: str, path: str) -> bool:
        """Tell whether it is about such a request."""
        return path.startswith(self.path) and self.method in (None, method)


class Failures:
    """The faults that are on, each with the number of requests that it has seen."""

    def __init__(self, failures: tuple[Failure, ...] = ()) -> None:
        self._failures = failures
        self._seen = [0] * len(failures)

    def pick(self, method: str, path: str) -> Failure | None:
        """Count a request and return the fault that hits it: the first one that is on."""
        for place, failure in enumerate(self._failures):
            if failure.aims_at(method, path) and self._hits(place):
                return failure
        return None

    def _hits(self, place: int) -> bool:
        failure = self._failures[place]
        self._seen[place] += 1
        beyond = self._seen[place] - failure.after
        return beyond > 0 and (failure.times is None or beyond <= failure.times)
