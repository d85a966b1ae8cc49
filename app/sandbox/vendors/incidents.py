"""PagerDuty's incidents."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import tee
from typing import Any

import orjson
from flask import Response, request

from app.sandbox.vendors import times
from app.sandbox.vendors.edge import Problem, looking, reply
from app.sandbox.vendors.pagerduty import instant, invalid, listed, pagerduty, paging
from app.sandbox.vendors.store import Json, Row, page
from app.sandbox.vendors.vendor import Vendor

MONTH, LONGEST = 30 * times.DAY, 184 * times.DAY
_FILTERS: dict[str, Callable[[set[str], Row], bool]] = {
    "statuses[]": lambda wanted, row: row.facts["status"] in wanted,
    "urgencies[]": lambda wanted, row: row.facts["urgency"] in wanted,
    "service_ids[]": lambda wanted, row: row.facts["service"] in wanted,
    "team_ids[]": lambda wanted, row: not wanted.isdisjoint(row.facts["teams"]),
}


@pagerduty.get("/incidents")
@looking
def incidents(vendor: Vendor) -> Response:
    """List the incidents that were created in a range of time."""
    offset, limit = paging()
    rows, counted = tee(_chosen(vendor))
    total = sum(1 for _ in counted) if request.args.get("total") == "true" else None
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


def _chosen(vendor: Vendor) -> Iterator[Row]:
    (order, down), (since, until) = _order(), _range(vendor)
    rows = vendor.records["incidents"].between("created_at", since, until, down=down)
    if order != "created_at":
        rows = iter(sorted(rows, key=lambda row: row.keys[order], reverse=down))
    for name in _FILTERS.keys() & request.args.keys():
        rows = filter(partial(_FILTERS[name], set(request.args.getlist(name))), rows)
    return rows


def _order() -> tuple[str, bool]:
    order, _, direction = request.args.get("sort_by", "created_at").partition(":")
    if order not in ("created_at", "incident_number") or direction not in ("", "asc", "desc"):
        raise invalid("sort_by")
    return order, direction == "desc"


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
