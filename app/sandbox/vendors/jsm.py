"""Alerts and teams of Jira Service Management's operations."""

from itertools import tee
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request

from app.sandbox.vendors import times
from app.sandbox.vendors.alerts import ALERTS, chosen, listed_alert
from app.sandbox.vendors.atlassian import atlassian, of_site
from app.sandbox.vendors.edge import Problem, looking, number, reply
from app.sandbox.vendors.store import PLACE, page
from app.sandbox.vendors.vendor import Vendor

FURTHEST = 20_000  # offset + size stays below
_ONLY_SINGLE = ("details", "extraProperties", "description")


@atlassian.get("/jsm/ops/api/<cloud>/v1/alerts")
@looking
def alerts(vendor: Vendor, cloud: str) -> Response:
    """List the alerts that a query finds, without their details."""
    of_site(vendor, cloud)
    try:
        offset, size = number("offset", 0), number("size", 20, 1)
        rows = chosen(vendor.records["alerts"], ALERTS)
        since, until = _time("from"), _time("to")
    except ValueError as error:
        raise Problem(400, str(error)) from error
    if size > 100 or offset + size >= FURTHEST:
        raise Problem(400, "size must be at most 100, and offset and size together below 20000")
    if since is not None or until is not None:
        rows = (row for row in rows if (since or 0) <= row.keys["createdAt"] < (until or 1e15))
    rows, counted = tee(rows)
    found, more = page(rows, offset, size)
    links = {"next": _next(offset + size, size)} if more else {}
    values = [listed_alert(row, _ONLY_SINGLE) for row in found]
    return reply({"values": values, "count": sum(1 for _ in counted), "links": links})


@atlassian.get("/jsm/ops/api/<cloud>/v1/alerts/<key>")
@looking
def alert(vendor: Vendor, cloud: str, key: str) -> Response:
    """Show one alert, bare and whole."""
    of_site(vendor, cloud)
    row = vendor.records["alerts"].get(key)
    if row is None:
        raise Problem(404, "Alert does not exist")
    return reply(orjson.Fragment(row.raw))


@atlassian.get("/jsm/ops/api/<cloud>/v1/teams")
@looking
def teams(vendor: Vendor, cloud: str) -> Response:
    """List all teams at once."""
    of_site(vendor, cloud)
    held = [orjson.loads(row.raw) for row in vendor.records["teams"].between(PLACE)]
    named = [{"teamId": team["id"], "teamName": team.get("name")} for team in held]
    return reply({"platformTeams": named, "links": {}})


def _time(name: str) -> int | None:
    text = request.args.get(name)
    if not text:
        return None
    return int(text) if text.isdigit() else times.parse(text)


def _next(offset: int, size: int) -> str:
    query: dict[str, Any] = {**request.args, "offset": offset, "size": size}
    return f"/v1/alerts?{urlencode(query)}"
