"""Statements on how far reading the vendors' APIs has come, and on the incidents to ask them about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.store.tables import incidents, readings
from mappers.observation import Nanoseconds

CHANGES = "changes"
_EVERYBODY, _RECONCILE = "", "reconcile"


_UNSEARCHED = incidents.c.source.concat("")
"""For SQLite, which would go through all incidents of a source for the few that are open."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An incident to ask its vendor about; `state` as it is stored."""

    id: int
    vendor_id: str
    state: str


def cursor(connection: Connection, source: str, what: str) -> str:
    """Return where to go on; "" where reading has not begun."""
    where = (readings.c.source == source, readings.c.what == what)
    return connection.execute(select(readings.c.cursor).where(*where)).scalar() or ""


def put(connection: Connection, source: str, what: str, cursor: str, now: Nanoseconds) -> None:
    """Note where to go on."""
    statement = _insert(connection).values(source=source, what=what, cursor=cursor, at=now)
    told = {"cursor": cursor, "at": now}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "what"], set_=told))


def forget(connection: Connection, source: str, what: str) -> None:
    """Forget what was read to its end."""
    connection.execute(delete(readings).where(readings.c.source == source, readings.c.what == what))


def is_due(connection: Connection, now: Nanoseconds, every: Nanoseconds) -> bool:
    """Take the periodic reconciliation on: true for one process of the fleet in each period."""
    first = _insert(connection).values(source=_EVERYBODY, what=_RECONCILE, cursor="", at=0)
    connection.execute(first.on_conflict_do_nothing(index_elements=["source", "what"]))
    long_ago = (readings.c.at <= now - every) | (readings.c.at > now)
    where = (readings.c.source == _EVERYBODY, readings.c.what == _RECONCILE, long_ago)
    return connection.execute(update(readings).where(*where).values(at=now)).rowcount == 1


def doubtful(connection: Connection, source: str, before: Nanoseconds, limit: int) -> list[Doubtful]:
    """Return incidents that DX believes open since before a moment, or whose resolution was only inferred.

    Least recently asked first. One whose resolution is inferred is asked about again only once it changes.
    """
    is_open = (
        incidents.c.resolved_at.is_(None),
        incidents.c.action == literal_column("'upsert'"),
        incidents.c.started_at < before,
    )
    of_source = _UNSEARCHED if connection.dialect.name == "sqlite" else incidents.c.source
    changed = incidents.c.asked_at.is_(None) | (incidents.c.asked_at < incidents.c.updated_at)
    found = [
        *_asked_first(connection, limit, of_source == source, *is_open),
        *_asked_first(connection, limit, incidents.c.source == source, incidents.c.inferred, changed),
    ]
    return [Doubtful(row.id, row.vendor_id, row.state) for row in found]


def asked(connection: Connection, ids: Sequence[int], now: Nanoseconds) -> None:
    """Note that the vendor was asked about these incidents."""
    connection.execute(update(incidents).where(incidents.c.id.in_(ids)).values(asked_at=now))


def _asked_first(connection: Connection, limit: int, *where: ColumnElement[bool]) -> list[Any]:
    columns = (incidents.c.id, incidents.c.vendor_id, incidents.c.state)
    statement = select(*columns).where(*where, incidents.c.state.is_not(None))
    ordered = statement.order_by(incidents.c.asked_at.nulls_first(), incidents.c.id)
    return list(connection.execute(ordered.limit(limit)))


def _insert(connection: Connection) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(readings)
