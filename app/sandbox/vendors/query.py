"""The search language of Opsgenie and of Atlassian's operations, as far as it is used: conditions and AND."""

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from app.sandbox.vendors.store import Row

Test = Callable[[Row], bool]
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_CONDITION = re.compile(
    r"""\s*(?P<field>\w+)\s*(?P<op>:?\s*(?:>=|<=|>|<)|:|=)\s*(?P<value>"[^"]*"|[^\s"():<>=]+)\s*"""
)
_AND = re.compile(r"AND(?=\W)", re.IGNORECASE)


def clauses(text: str, condition: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Give the conditions of a text that AND joins; ValueError where it is anything else."""
    place = 0
    while True:
        found = condition.match(text, place)
        if found is None:
            raise ValueError(f"cannot read the query at: {text[place : place + 40]!r}")
        yield found
        place = found.end()
        if place == len(text):
            return
        word = _AND.match(text, place)
        if word is None:
            raise ValueError(f"expected AND at: {text[place : place + 40]!r}")
        place = word.end()


def tests_of(query: str, fields: frozenset[str]) -> list[Test]:
    """Return the tests that a row must pass; ValueError for what is not understood.

    Times are compared in milliseconds, whatever their magnitude: seconds find nothing, as with the vendor.
    """
    if not query.strip():
        return []
    known = {name.lower(): name for name in fields}
    return [_test(found, known) for found in clauses(query, _CONDITION)]


def _test(found: re.Match[str], known: dict[str, str]) -> Test:
    name = known.get(found["field"].lower())
    op, value = re.sub(r"[\s:]", "", found["op"]) or "=", found["value"].strip('"')
    if name in ("createdAt", "updatedAt"):
        return _on_time(name, COMPARE[op], int(value))
    if name is None or op != "=":
        raise ValueError(f"cannot search by {found[0].strip()!r}")
    if name == "status":
        return lambda row: str(row.facts["status"]).lower() == value.lower()
    return lambda row: value in row.facts[name]


def _on_time(name: str, compare: Callable[[Any, Any], bool], ms: int) -> Test:
    return lambda row: compare(row.keys[name], ms)
