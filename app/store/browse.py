"""Statements for people who look around: pages of incidents, one incident, the last day.

Each is bounded: by an index, by a page, or by how far back it looks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Row, cast, false, func, literal_column, select

from app.store.acts import HOUR
from app.store.events import IS_PROBLEM
from app.store.tables import calls, events, incidents
from mappers.observation import Nanoseconds

STATES = ("open", "resolved", "due", "parked", "left_out", "overridden")
_UPSERT: ColumnElement[str] = literal_column("'upsert'")
_WHERE: Mapping[str, ColumnElement[bool]] = {
    "open": incidents.c.resolved_at.is_(None) & (incidents.c.action == _UPSERT),
    "resolved": incidents.c.resolved_at.is_not(None) & (incidents.c.action == _UPSERT),
    "due": incidents.c.due_at.is_not(None) & incidents.c.lease.is_(None),
    "parked": incidents.c.parked.is_not(None),
    "left_out": incidents.c.action != _UPSERT,
    "overridden": incidents.c.override.is_not(None),
}
_RARE = ("due", "parked", "overridden")
"""States whose own small index is faster than going through the incidents by id."""
_LOOKED_THROUGH = 20_000
"""How many of the newest incidents a search by name, or a filter without an index, looks through."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which incidents to list: all of what is given holds; `before` is an id, the cursor."""

    state: str | None = None
    source: str | None = None
    query: str | None = None
    before: int | None = None
    limit: int = 50


def listed(connection: Connection, selection: Selection) -> list[Row[Any]]:
    """Return a page of incidents, the newest first.

    A search finds a whole reference, and names and beginnings of references among the newest incidents.
    """
    statement = select(incidents).where(*_selected(connection, selection))
    ordered = statement.order_by(incidents.c.id.desc()).limit(selection.limit)
    return list(connection.execute(ordered))


def one(connection: Connection, reference_id: str) -> Row[Any] | None:
    """Return an incident's row, the newest where two sources have this reference."""
    statement = select(incidents).where(incidents.c.reference_id == reference_id)
    return connection.execute(statement.order_by(incidents.c.id.desc()).limit(1)).first()


def events_of(connection: Connection, incident_id: int, limit: int) -> list[Row[Any]]:
    """Return an incident's events in the order in which they came."""
    statement = select(events).where(events.c.incident_id == incident_id).order_by(events.c.id).limit(limit)
    return list(connection.execute(statement))


def calls_of(connection: Connection, incident_id: int, limit: int) -> list[Row[Any]]:
    """Return the calls to DX for an incident, the newest first."""
    statement = select(calls).where(calls.c.incident_id == incident_id)
    return list(connection.execute(statement.order_by(calls.c.id.desc()).limit(limit)))


def event(connection: Connection, event_id: int) -> Row[Any] | None:
    """Return one event."""
    return connection.execute(select(events).where(events.c.id == event_id)).first()


def problems(connection: Connection, limit: int) -> list[Row[Any]]:
    """Return the newest events that could not be mapped."""
    ids = select(events.c.id).select_from(events).where(IS_PROBLEM).limit(_LOOKED_THROUGH)
    statement = select(events).where(events.c.id.in_(ids))
    return list(connection.execute(statement.order_by(events.c.id.desc()).limit(limit)))


def last_event(connection: Connection, source: str) -> Nanoseconds | None:
    """Return when a source last sent a webhook; None for never."""
    webhooks = (events.c.source == source, events.c.record == false())
    statement = select(func.max(events.c.received_at)).where(*webhooks)
    at: Nanoseconds | None = connection.execute(statement).scalar_one()
    return at


def received_by_hour(
    connection: Connection, sources: Iterable[str], since: Nanoseconds
) -> dict[tuple[str, int], int]:
    """Count the webhooks received by source and hour (since the epoch); one search of the index a source."""
    found: dict[tuple[str, int], int] = {}
    for source in sources:
        where = (events.c.source == source, events.c.record == false(), events.c.received_at >= since)
        found |= _by_hour(connection, events.c.source, events.c.received_at, *where)
    return found


def calls_by_hour(connection: Connection, since: Nanoseconds) -> dict[tuple[str, int], int]:
    """Count the calls to DX by what their answer meant, and hour (since the epoch)."""
    return _by_hour(connection, calls.c.meaning, calls.c.at, calls.c.at >= since)


def waiting(connection: Connection) -> dict[str, int]:
    """Count what is due, parked, or could not be mapped: each is in an index of its own."""

    def count(column: ColumnElement[int], where: ColumnElement[bool]) -> int:
        return connection.execute(select(func.count(column)).where(where)).scalar_one()

    return {
        "due": count(incidents.c.id, _WHERE["due"]) + count(incidents.c.id, incidents.c.lease.is_not(None)),
        "parked": count(incidents.c.id, _WHERE["parked"]),
        "problems": count(events.c.id, IS_PROBLEM),
    }


def _by_hour(
    connection: Connection, what: ColumnElement[str], at: ColumnElement[int], *where: ColumnElement[bool]
) -> dict[tuple[str, int], int]:
    hour = at.op("/")(literal_column(str(HOUR))).label("hour")
    statement = select(what, hour, func.count()).where(*where).group_by(what, hour)
    return {(name, number): count for name, number, count in connection.execute(statement)}


def _selected(connection: Connection, selection: Selection) -> Sequence[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if selection.state:
        ids = select(incidents.c.id).where(_WHERE[selection.state])
        where.append(incidents.c.id.in_(ids) if selection.state in _RARE else _WHERE[selection.state])
    if selection.source:
        where.append(incidents.c.source == selection.source)
    if selection.before is not None:
        where.append(incidents.c.id < selection.before)
    if selection.query:
        where.append(_found(connection, selection.query))
    return where


def _found(connection: Connection, query: str) -> ColumnElement[bool]:
    sqlite = connection.dialect.name == "sqlite"
    desired = incidents.c.desired
    name = func.json_extract(desired, "$.name") if sqlite else cast(desired, JSON)["name"].as_string()
    newest = connection.execute(select(func.max(incidents.c.id))).scalar_one() or 0
    alike = name.icontains(query, autoescape=True) | incidents.c.reference_id.startswith(
        query, autoescape=True
    )
    near = select(incidents.c.id).where(
        incidents.c.id > newest - _LOOKED_THROUGH, desired.is_not(None), alike
    )
    exact = select(incidents.c.id).where(incidents.c.reference_id == query)
    return incidents.c.id.in_(near.union(exact))
