"""Jira's query language, as far as it is used: conditions on type, times and id, AND, one ORDER BY."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from app.sandbox.vendors import times
from app.sandbox.vendors.query import COMPARE, Test, clauses
from app.sandbox.vendors.settings import Settings
from app.sandbox.vendors.store import Row

_CONDITION = re.compile(
    r"""\s*(?P<field>\w+)\s*(?P<op>>=|<=|=|>|<|\bIN\b)\s*"""
    r"""(?P<value>\((?:"[^"]*"|[^()"])*\)|"[^"]*"|[^\s"()]+)\s*""",
    re.IGNORECASE,
)
_ORDER = re.compile(r"\s*\bORDER\s+BY\s+(?P<by>\w+)(?:\s+(?P<way>ASC|DESC))?\s*\Z", re.IGNORECASE)
_RELATIVE = re.compile(r"([+-]?\d+)([mhdw])")
_UNIT = {"m": times.MINUTE, "h": 60 * times.MINUTE, "d": times.DAY, "w": 7 * times.DAY}
_TIMES = {"created": "created", "createddate": "created", "updated": "updated", "updateddate": "updated"}
_ORDERS = _TIMES | {"id": "id", "key": "id", "issuekey": "id"}


@dataclass(frozen=True, slots=True)
class Search:
    """What a query asks for: all tests passed, in an order of the rows' keys."""

    tests: list[Test]
    order: str
    down: bool


def search_of(text: str, settings: Settings, now: int) -> Search:
    """Return what a query asks for; ValueError for one that is unbounded or not understood.

    `now` (ms) is what relative times count from. Absolute ones are in the user's zone.
    """
    ordered = _ORDER.search(text)
    conditions = text[: ordered.start()] if ordered else text
    if not conditions.strip():
        raise ValueError("Unbounded JQL queries are not allowed here. Please add a search restriction.")
    order = _ORDERS.get(ordered["by"].lower()) if ordered else "id"
    if order is None:
        raise ValueError("The sandbox orders by created, updated or id only.")
    down = ordered is None or (ordered["way"] or "").upper() == "DESC"
    return Search([_test(found, settings, now) for found in clauses(conditions, _CONDITION)], order, down)


def _test(found: re.Match[str], settings: Settings, now: int) -> Test:
    name, op = found["field"].lower(), found["op"].upper()
    if name in _TIMES and op != "IN":
        return _compared(_TIMES[name], COMPARE[op], _time(_plain(found["value"]), settings, now))
    if name == "id" and op != "IN":
        return _compared("id", COMPARE[op], int(_plain(found["value"])))
    if name == "id":
        wanted = {int(value) for value in _values(found["value"])}
        return lambda row: row.keys["id"] in wanted
    if name in ("issuetype", "type") and op in ("IN", "="):
        return _typed(_values(found["value"]), settings.issue_types)
    raise ValueError(f"The sandbox cannot search by {found[0].strip()!r}.")


def _compared(name: str, compare: Callable[[Any, Any], bool], value: int) -> Test:
    return lambda row: compare(row.keys[name], value)


def _typed(names: list[str], known: Collection[str] | None) -> Test:
    wanted = {name.lower() for name in names}
    if known is not None and (strange := wanted - {name.lower() for name in known}):
        raise ValueError(f"The value '{min(strange)}' does not exist for the field 'issuetype'.")

    def test(row: Row) -> bool:
        return row.facts["type"] in wanted

    return test


def _time(text: str, settings: Settings, now: int) -> int:
    relative = _RELATIVE.fullmatch(text)
    if relative:
        return now + int(relative[1]) * _UNIT[relative[2]]
    if not re.fullmatch(r"\d{4}[-/]\d\d[-/]\d\d( \d\d:\d\d)?", text):
        raise ValueError(f"Date value '{text}' is invalid: 'yyyy-MM-dd HH:mm' and '-30m' are valid.")
    return times.parse(text.replace("/", "-"), settings.tz)


def _values(text: str) -> list[str]:
    if not text.startswith("("):
        return [_plain(text)]
    return [_plain(value) for value in re.findall(r'"[^"]*"|[^\s,"()]+', text)]


def _plain(text: str) -> str:
    return text.strip('"')
