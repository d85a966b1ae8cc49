"""PagerDuty's incidents, by its REST API v2."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import tee
from typing import Any

import orjson
from flask import Response, request

from app.sandbox.vendors import times
from app.sandbox.vendors.edge import Manners, Problem, guarded, looking, number, reply
from app.sandbox.vendors.limits import Allowance
from app.sandbox.vendors.settings import Settings
from app.sandbox.vendors.store import Json, Row, page
from app.sandbox.vendors.vendor import Vendor

MONTH, LONGEST = 30 * times.DAY, 184 * times.DAY
FURTHEST = 10_000  # offset + limit
_FILTERS: dict[str, Callable[[set[str], Row], bool]] = {
    "statuses[]": lambda wanted, row: row.facts["status"] in wanted,
    "urgencies[]": lambda wanted, row: row.facts["urgency"] in wanted,
    "service_ids[]": lambda wanted, row: row.facts["service"] in wanted,
    "team_ids[]": lambda wanted, row: not wanted.isdisjoint(row.facts["teams"]),
}


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


@pagerduty.get("/incidents")
@looking
def incidents(vendor: Vendor) -> Response:
    """List the incidents that were created in a range of time."""
    order, _, direction = request.args.get("sort_by", "created_at").partition(":")
    if order not in ("created_at", "incident_number") or direction not in ("", "asc", "desc"):
        raise invalid("sort_by")
    offset, limit = paging()
    rows = _chosen(vendor, order, down=direction == "desc")
    total = None
    if request.args.get("total") == "true":
        rows, counted = tee(rows)
        total = sum(1 for _ in counted)
    found, more = page(rows, offset, limit)
    return listed("incidents", [shown(row) for row in found], offset, limit, more=more, total=total)


@pagerduty.get("/incidents/<key>")
@looking
def incident(vendor: Vendor, key: str) -> Response:
    """Show one incident, by its id or its number."""
    held = vendor.records["incidents"]
    numbered = (row for row in held if str(row.keys["incident_number"]) == key)
    row = held.get(key) or next(numbered, None)
    if row is None:
        raise Problem(404, "Not Found", 2100)
    return reply({"incident": shown(row)})


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


def shown(row: Row) -> Any:
    """Return an incident with its priority whole if the query wants that, else as a reference."""
    record: Json = orjson.loads(row.raw)
    priority = record.get("priority")
    if not priority:
        return orjson.Fragment(row.raw)
    if "priorities" in request.args.getlist("include[]"):
        return record | {"priority": {"name": priority.get("summary")} | priority | {"type": "priority"}}
    reference = {key: priority.get(key) for key in ("id", "summary", "self", "html_url")}
    return record | {"priority": reference | {"type": "priority_reference"}}


def _chosen(vendor: Vendor, order: str, *, down: bool) -> Iterator[Row]:
    since, until = _range(vendor)
    rows = vendor.records["incidents"].between("created_at", since, until, down=down)
    if order != "created_at":
        rows = iter(sorted(rows, key=lambda row: row.keys[order], reverse=down))
    for name in _FILTERS.keys() & request.args.keys():
        rows = filter(partial(_FILTERS[name], set(request.args.getlist(name))), rows)
    return rows


def _range(vendor: Vendor) -> tuple[int | None, int | None]:
    if request.args.get("date_range") == "all":
        return None, None
    since, until = instant("since", vendor), instant("until", vendor)
    if since is None:
        return (until or vendor.now()) - MONTH, until
    until = since + MONTH if until is None else until
    if not since <= until <= since + LONGEST:
        raise invalid("the range of time is longer than 6 months, or negative")
    return since, until
