"""Jira's issues: searched with JQL, or one by one."""

import base64
import binascii
from typing import Any

import orjson
from flask import Response, request

from app.sandbox.vendors.atlassian import atlassian, of_site
from app.sandbox.vendors.edge import Problem, looking, number, reply
from app.sandbox.vendors.jql import search_of
from app.sandbox.vendors.store import Json, Row, page
from app.sandbox.vendors.vendor import Vendor

_SITE = "/ex/jira/<cloud>/rest/api/3"


@atlassian.get(f"{_SITE}/search/jql")
@looking
def search(vendor: Vendor, cloud: str) -> Response:
    """List the issues that a query finds, a page at a time; without `fields` their ids only."""
    of_site(vendor, cloud)
    jql = request.args.get("jql", "")
    try:
        wanted = search_of(jql, vendor.settings, vendor.now())
        limit, offset = min(100, number("maxResults", 50, 1)), _offset(jql)
    except ValueError as error:
        raise Problem(400, str(error)) from error
    rows = vendor.records["issues"].between(wanted.order, down=wanted.down)
    for test in wanted.tests:
        rows = filter(test, rows)
    found, more = page(rows, offset, limit)
    token = {"nextPageToken": _token(jql, offset + limit)} if more else {}
    return reply({"issues": [_shown(row, "id") for row in found], "isLast": not more} | token)


@atlassian.get(f"{_SITE}/issue/<key>")
@looking
def issue(vendor: Vendor, cloud: str, key: str) -> Response:
    """Show one issue, by its id or its key."""
    of_site(vendor, cloud)
    held = vendor.records["issues"]
    row = held.get(key) or next((row for row in held if row.facts["key"] == key), None)
    if row is None:
        raise Problem(404, "Issue does not exist or you do not have permission to see it.")
    return reply(_shown(row, "*all"))


@atlassian.get(f"{_SITE}/myself")
@looking
def myself(vendor: Vendor, cloud: str) -> Response:
    """Show the user, whose zone decides what absolute times in JQL mean."""
    of_site(vendor, cloud)
    return reply({"emailAddress": vendor.settings.email, "timeZone": vendor.settings.zone})


def _shown(row: Row, default: str) -> Any:
    wanted = set(",".join(request.args.getlist("fields") or [default]).replace(" ", "").split(","))
    if wanted & {"*all", "*navigable"}:
        return orjson.Fragment(row.raw)
    if wanted == {"id"}:
        return {"id": row.id}
    record: Json = orjson.loads(row.raw)
    return record | {"fields": {key: value for key, value in record["fields"].items() if key in wanted}}


def _token(jql: str, offset: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([jql, offset])).decode()


def _offset(jql: str) -> int:
    token = request.args.get("nextPageToken")
    if not token:
        return 0
    try:
        of, offset = orjson.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, binascii.Error) as error:
        raise ValueError("The provided next page token is invalid or expired.") from error
    if of != jql:
        raise ValueError("The provided next page token belongs to another query.")
    return int(offset)
