"""What several readers need beside the client: calls that may be refused for good, and times in cursors."""

from collections.abc import Callable
from urllib.parse import quote

from app.document import timestamp
from app.vendors.client import Answer, Client, NotFoundError, NotNowError, Params
from app.vendors.reading import Page, VendorError
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

OVERLAP = 60 * SECOND
"""A vendor's search may find a change a little late."""
_MILLISECOND = SECOND // 1_000


def found(client: Client, path: str, params: Params | None = None) -> Answer | None:
    """Read a path; None where the vendor knows nothing there."""
    try:
        return client.get(path, params)
    except NotFoundError:
        return None


def allowed(client: Client, path: str, params: Params | None = None) -> Answer | None:
    """Read a path that the plan, the key or the site may lack; None where repeating the call cannot help.

    VendorError where the vendor only cannot answer now: what is lacking for a while must not be left out.
    """
    try:
        return client.get(path, params)
    except NotNowError:
        raise
    except VendorError:
        return None


def refusals(call: Callable[[], object]) -> list[str]:
    """Make a call, and return what is said if it fails."""
    try:
        call()
    except VendorError as error:
        return [str(error)]
    return []


def at_path(*parts: str) -> str:
    """Return a path; an id in it may hold any character."""
    return "/".join((parts[0], *(quote(part, safe="") for part in parts[1:])))


def milliseconds(at: Nanoseconds) -> int:
    """Return a time in milliseconds, rounded up: nothing of whole milliseconds lies in between."""
    return -(-at // _MILLISECOND)


def stamp(at: Nanoseconds) -> str:
    """Write a time to the millisecond: `2026-03-01T10:15:30.120Z`."""
    return f"{timestamp(at)[:-1]}.{at % SECOND // _MILLISECOND:03}Z"


def end(at: Nanoseconds) -> Page:
    """Return the last page of a run, with the cursor of the next one."""
    return Page([], stamp(at), at)
