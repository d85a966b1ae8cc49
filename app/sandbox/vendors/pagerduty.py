"""How PagerDuty's REST API v2 is entered, and its pages."""

from typing import Any

from flask import Response, request

from app.sandbox.vendors import times
from app.sandbox.vendors.edge import Problem, number, reply
from app.sandbox.vendors.guard import Manners, guarded
from app.sandbox.vendors.limits import Allowance
from app.sandbox.vendors.settings import Settings
from app.sandbox.vendors.store import Json
from app.sandbox.vendors.vendor import Vendor

FURTHEST = 10_000  # offset + limit


def _knows(settings: Settings) -> bool:
    given = request.headers.get("Authorization", "")
    return given in (f"Token token={settings.token}", f"Bearer {settings.token}")


def _word(problem: Problem) -> Json:
    return {"error": {"message": problem.message, "code": problem.code}}


def _meter(allowance: Allowance) -> dict[str, str]:
    if allowance.refused and allowance.refused % 10 == 0:
        return {}  # as PagerDuty sometimes does
    told = {"limit": allowance.limit, "remaining": allowance.remaining, "reset": allowance.reset}
    return {f"ratelimit-{name}": str(value) for name, value in told.items()}


pagerduty = guarded(
    "pagerduty",
    Manners(
        _knows, _word, _meter, Problem(401, "Unauthorized", 2006), Problem(429, "Rate Limit Exceeded", 2020)
    ),
)


def invalid(what: str) -> Problem:
    """Return the answer to a query that PagerDuty does not take."""
    return Problem(400, f"Invalid Input Provided: {what}", 2001)


def paging() -> tuple[int, int]:
    """Return offset and limit; too large a limit is cut, too far a page is refused."""
    try:
        offset, limit = number("offset", 0), min(100, number("limit", 25, 1))
    except ValueError as error:
        raise invalid(f"offset or limit: {error}") from error
    if offset + limit > FURTHEST:
        raise Problem(400, "Offset and limit go too far into the list", 2002)
    return offset, limit


def instant(name: str, vendor: Vendor) -> int | None:
    """Return a time of the query in ms; without an offset it is taken in the account's zone."""
    text = request.args.get(name)
    try:
        return times.parse(text, vendor.settings.tz) if text else None
    except ValueError as error:
        raise invalid(name) from error


def listed(  # noqa: PLR0913  what a page says
    name: str, items: list[Any], offset: int, limit: int, *, more: bool, total: int | None = None
) -> Response:
    """Return one page."""
    return reply({name: items, "limit": limit, "offset": offset, "total": total, "more": more})
