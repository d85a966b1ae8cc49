"""Incidents as the admin API tells them: a page, or one with its history."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson
from sqlalchemy import Connection, Row, select

from app.store import acts, browse
from app.store.browse import Selection
from app.store.tables import events, incidents

LONGEST_HISTORY = 200
"""Calls, events and acts of one incident, of each the newest so many."""
_LAST_ID = 2**63 - 1
_CURSOR = b"before "
_EVENT = (
    events.c.id,
    events.c.key,
    events.c.source,
    events.c.received_at,
    events.c.outcome,
    events.c.reason,
)


def page(connection: Connection, selection: Selection) -> dict[str, Any]:
    """Return the next `limit - 1` incidents, and a cursor where there are more: `limit` looks one ahead."""
    rows = browse.listed(connection, selection)
    more = len(rows) == selection.limit
    shown = rows[: selection.limit - 1]
    cursor = write_cursor(shown[-1].id) if more else None
    return {"incidents": [summary(row) for row in shown], "next_cursor": cursor}


def write_cursor(before: int) -> str:
    """Return a cursor; it names the last incident shown, so new ones move nothing."""
    return urlsafe_b64encode(b"%b%d" % (_CURSOR, before)).decode().rstrip("=")


def read_cursor(text: str) -> int:
    """Read what `write_cursor` wrote; raise ValueError for anything else."""
    word, _, digits = urlsafe_b64decode(text + "=" * (-len(text) % 4)).partition(b" ")
    before = int(digits) if digits.isdigit() and len(digits) < 20 else 0
    if word + b" " != _CURSOR or not 0 < before <= _LAST_ID or write_cursor(before) != text:
        raise ValueError("Not a cursor.")
    return before


def find(connection: Connection, reference_id: str, source: str | None) -> Row[Any] | None:
    """Return an incident's row; without a source the newest of this reference."""
    if source is None:
        return browse.one(connection, reference_id)
    of_source = (incidents.c.reference_id == reference_id) & (incidents.c.source == source)
    return connection.execute(select(incidents).where(of_source).limit(1)).first()


def summary(row: Row[Any]) -> dict[str, Any]:
    """Return an incident as a list shows it."""
    names = ("reference_id", "source", "vendor_id", "action", "parked", "started_at", "resolved_at")
    return {
        **{name: getattr(row, name) for name in names},
        "name": (_document(row.desired) or {}).get("name"),
        "states": states(row),
        "reason": row.reason or None,
        "in_doubt": row.in_doubt > 0,
        "updated_at": row.updated_at,
        "delivered_at": row.settled_at,
    }


def states(row: Row[Any]) -> list[str]:
    """Return the states, as the list is filtered by, that hold of an incident."""
    sent = row.action == "upsert"
    holds = {
        "open": sent and row.resolved_at is None,
        "resolved": sent and row.resolved_at is not None,
        "due": row.due_at is not None and row.lease is None,
        "parked": row.parked is not None,
        "left_out": not sent,
        "overridden": row.override is not None,
    }
    return [state for state in browse.STATES if holds[state]]


def detail(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    """Return an incident with its documents and its history, the newest first."""
    return summary(row) | {
        "desired": _document(row.desired),
        "delivered": _document(row.settled_document),
        "destination": row.destination,
        "override": _document(row.override),
        "calls": [each._mapping for each in browse.calls_of(connection, row.id, LONGEST_HISTORY)],  # noqa: SLF001 - public, in spite of its name
        "events": _events(connection, row.id),
        "events_purged": row.events_purged,
        "acts": acts.about(connection, row.reference_id, LONGEST_HISTORY),
    }


def _events(connection: Connection, incident_id: int) -> list[Any]:
    """Return an incident's events without their bodies, which may be megabytes."""
    own = select(*_EVENT).where(events.c.incident_id == incident_id).order_by(events.c.id.desc())
    return list(connection.execute(own.limit(LONGEST_HISTORY)).mappings())


def _document(text: str | None) -> dict[str, Any] | None:
    document: dict[str, Any] | None = orjson.loads(text) if text else None
    return document
