"""Opsgenie's incidents, alerts, services and teams, by its REST API."""

import secrets
from itertools import tee
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request

from app.sandbox.vendors.alerts import ALERTS, chosen, listed_alert
from app.sandbox.vendors.edge import Manners, Problem, guarded, looking, number, reply
from app.sandbox.vendors.limits import Allowance
from app.sandbox.vendors.settings import Settings
from app.sandbox.vendors.store import PLACE, Json, page
from app.sandbox.vendors.vendor import Vendor

FURTHEST = 20_000  # offset + limit
_INCIDENTS = frozenset({"status", "impactedServices", "createdAt"})


def _knows(settings: Settings) -> bool:
    return request.headers.get("Authorization") == f"GenieKey {settings.token}"


def _word(problem: Problem) -> Json:
    return {"message": problem.message} | _took()


def _meter(allowance: Allowance) -> dict[str, str]:
    if not allowance.refused:
        return {"X-RateLimit-State": "OK"}
    told = {
        "X-RateLimit-State": "THROTTLED",
        "X-RateLimit-Reason": "INTEGRATION",
        "X-RateLimit-Period-In-Sec": "60",
    }
    return told | ({"Retry-After": str(allowance.reset)} if allowance.refused % 2 else {})


opsgenie = guarded(
    "opsgenie",
    Manners(
        _knows,
        _word,
        _meter,
        Problem(401, "Could not authenticate"),
        Problem(429, "You are making too many requests!"),
    ),
)


@opsgenie.get("/v1/incidents")
@looking
def incidents(vendor: Vendor) -> Response:
    """List the incidents that a query finds."""
    _allowed(vendor)
    return _listed(vendor, "incidents", _INCIDENTS)


@opsgenie.get("/v1/incidents/<key>")
@looking
def incident(vendor: Vendor, key: str) -> Response:
    """Show one incident."""
    _allowed(vendor)
    return _one(vendor, "incidents", key)


@opsgenie.get("/v2/alerts")
@looking
def alerts(vendor: Vendor) -> Response:
    """List the alerts that a query finds, without their details."""
    return _listed(vendor, "alerts", ALERTS)


@opsgenie.get("/v2/alerts/<key>")
@looking
def alert(vendor: Vendor, key: str) -> Response:
    """Show one alert, whole."""
    if request.args.get("identifierType", "id") != "id":
        raise Problem(422, "The sandbox knows alerts by id only")
    return _one(vendor, "alerts", key)


@opsgenie.get("/v1/services")
@looking
def services(vendor: Vendor) -> Response:
    """List the services."""
    _allowed(vendor)
    return _listed(vendor, "services", frozenset())


@opsgenie.get("/v1/services/<key>")
@looking
def service(vendor: Vendor, key: str) -> Response:
    """Show one service."""
    _allowed(vendor)
    return _one(vendor, "services", key)


@opsgenie.get("/v2/teams")
@looking
def teams(vendor: Vendor) -> Response:
    """List all teams at once."""
    rows = vendor.records["teams"].between(PLACE)
    return reply({"data": [orjson.Fragment(row.raw) for row in rows]} | _took())


@opsgenie.get("/v2/teams/<key>")
@looking
def team(vendor: Vendor, key: str) -> Response:
    """Show one team."""
    return _one(vendor, "teams", key)


def _allowed(vendor: Vendor) -> None:
    if not vendor.settings.incident_api:
        raise Problem(403, "Your plan does not include the incident API")


def _one(vendor: Vendor, kind: str, key: str) -> Response:
    row = vendor.records[kind].get(key)
    if row is None:
        raise Problem(404, f"{kind.removesuffix('s').title()} does not exist")
    return reply({"data": orjson.Fragment(row.raw)} | _took())


def _listed(vendor: Vendor, kind: str, fields: frozenset[str]) -> Response:
    try:
        offset, limit = number("offset", 0), number("limit", 20, 1)
        rows, counted = tee(chosen(vendor.records[kind], fields))
    except ValueError as error:
        raise Problem(422, f"Request body is not processable: {error}") from error
    if limit > 100 or offset + limit > FURTHEST:
        raise Problem(422, "Limit must be at most 100, and offset and limit together at most 20000")
    found, _ = page(rows, offset, limit)
    total = sum(1 for _ in counted)
    items = [listed_alert(row) if kind == "alerts" else orjson.Fragment(row.raw) for row in found]
    return reply({"data": items, "paging": _paging(offset, limit, total), "totalCount": total} | _took())


def _paging(offset: int, limit: int, total: int) -> Json:
    last = max(0, total - 1) // limit * limit
    links = {"first": _url(0, limit), "last": _url(last, limit)}
    return links | ({"next": _url(offset + limit, limit)} if offset + limit < total else {})


def _url(offset: int, limit: int) -> str:
    query: dict[str, Any] = {**request.args, "offset": offset, "limit": limit}
    return f"{request.base_url}?{urlencode(query)}"


def _took() -> Json:
    return {"took": 0.012, "requestId": secrets.token_hex(16)}
