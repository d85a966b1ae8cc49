"""How Opsgenie's REST API is entered, and its pages."""

import secrets
from itertools import tee
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request

from app.sandbox.vendors.alerts import chosen, listed_alert
from app.sandbox.vendors.edge import Problem, number, reply
from app.sandbox.vendors.guard import Manners, guarded
from app.sandbox.vendors.limits import Allowance
from app.sandbox.vendors.settings import Settings
from app.sandbox.vendors.store import Json, page
from app.sandbox.vendors.vendor import Vendor

FURTHEST = 20_000  # offset + limit


def _knows(settings: Settings) -> bool:
    return request.headers.get("Authorization") == f"GenieKey {settings.token}"


def _word(problem: Problem) -> Json:
    return {"message": problem.message} | took()


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


def with_incidents(vendor: Vendor) -> None:
    """Refuse a plan that has no incidents and services."""
    if not vendor.settings.incident_api:
        raise Problem(403, "Your plan does not include the incident API")


def single(vendor: Vendor, kind: str, key: str) -> Response:
    """Return one record, whole."""
    row = vendor.records[kind].get(key)
    if row is None:
        raise Problem(404, f"{kind.removesuffix('s').title()} does not exist")
    return reply({"data": orjson.Fragment(row.raw)} | took())


def listed(vendor: Vendor, kind: str, fields: frozenset[str]) -> Response:
    """Return a page of the records that a query on these fields finds; without fields, of all."""
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
    return reply({"data": items, "paging": _paging(offset, limit, total), "totalCount": total} | took())


def _paging(offset: int, limit: int, total: int) -> Json:
    last = max(0, total - 1) // limit * limit
    links = {"first": _url(0, limit), "last": _url(last, limit)}
    return links | ({"next": _url(offset + limit, limit)} if offset + limit < total else {})


def _url(offset: int, limit: int) -> str:
    query: dict[str, Any] = {**request.args, "offset": offset, "limit": limit}
    return f"{request.base_url}?{urlencode(query)}"


def took() -> Json:
    """Return what every answer ends with."""
    return {"took": 0.012, "requestId": secrets.token_hex(16)}
