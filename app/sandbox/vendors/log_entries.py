"""PagerDuty's log of all that happened, the newest first."""

from typing import Any

import orjson
from flask import Response, request

from app.sandbox.vendors import times
from app.sandbox.vendors.edge import looking
from app.sandbox.vendors.incidents import shown
from app.sandbox.vendors.pagerduty import instant, invalid, listed, pagerduty, paging
from app.sandbox.vendors.pagerduty_records import OVERVIEW
from app.sandbox.vendors.store import Json, Row, page
from app.sandbox.vendors.vendor import Vendor


@pagerduty.get("/log_entries")
@looking
def log_entries(vendor: Vendor) -> Response:
    """List the log entries of a range of time."""
    offset, limit = paging()
    since, until = instant("since", vendor), instant("until", vendor)
    order = OVERVIEW if request.args.get("is_overview") == "true" else "created_at"
    rows = vendor.records["log_entries"].between(order, since, until, down=True)
    found, more = page(rows, offset, limit)
    return listed("log_entries", [_entry(vendor, row) for row in found], offset, limit, more=more)


def _entry(vendor: Vendor, row: Row) -> Json:
    record: Json = orjson.loads(row.raw)
    created_at = times.in_zone(row.keys["created_at"], _zone(vendor))
    return record | {"created_at": created_at, "incident": _incident(vendor, row, record)}


def _zone(vendor: Vendor) -> Any:
    try:
        return times.zone_of(request.args.get("time_zone", vendor.settings.zone))
    except ValueError as error:
        raise invalid("time_zone") from error


def _incident(vendor: Vendor, row: Row, record: Json) -> Any:
    present = vendor.records["incidents"].get(row.facts["incident"])
    if present is None or "incidents" not in request.args.getlist("include[]"):
        return record.get("incident")
    return shown(present)
