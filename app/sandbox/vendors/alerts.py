"""Searching and listing: incidents and alerts, in Opsgenie and in Atlassian's operations."""

from collections.abc import Iterator
from typing import Any

import orjson
from flask import request

from app.sandbox.vendors.query import tests_of
from app.sandbox.vendors.store import PLACE, Json, Records, Row

ALERTS = frozenset({"status", "createdAt", "updatedAt"})
_ORDERS = {"createdAt": "createdAt", "updatedAt": "updatedAt", "insertedAt": "createdAt"}
_ONLY_SINGLE = ("details", "description", "entity")


def chosen(records: Records, fields: frozenset[str]) -> Iterator[Row]:
    """Give the rows that `query` finds, as `sort` and `order` want; ValueError for a bad one."""
    order, direction = request.args.get("sort", "createdAt"), request.args.get("order", "desc")
    if order not in _ORDERS or direction not in ("asc", "desc"):
        raise ValueError(f"cannot sort by {order} {direction}")
    if not fields:
        return records.between(PLACE)
    rows = records.between(_ORDERS[order], down=direction == "desc")
    for test in tests_of(request.args.get("query", ""), fields):
        rows = filter(test, rows)
    return rows


def listed_alert(row: Row, absent: tuple[str, ...] = _ONLY_SINGLE) -> Any:
    """Return an alert as lists show it: without what only the single one tells."""
    record: Json = orjson.loads(row.raw)
    return {key: value for key, value in record.items() if key not in absent}
