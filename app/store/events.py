"""Statements on events: stored once, marked once folded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Text,
    bindparam,
    false,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from app.store.many import Many
from app.store.tables import events
from mappers.observation import Nanoseconds

PROBLEMS = ("unmappable", "failed")
IS_PROBLEM = events.c.outcome.in_([literal_column(f"'{outcome}'") for outcome in PROBLEMS])
"""In the words of its index: bound values would not be recognised there."""
_COLUMNS = (
    events.c.id,
    events.c.source,
    events.c.key,
    events.c.received_at,
    events.c.body,
    events.c.record,
)
_UNFOLDED = (
    select(*_COLUMNS)
    .where(~events.c.folded)
    .order_by(events.c.record, events.c.id)
    .limit(bindparam("most", type_=Integer))
)
_UNFOLDED_LOCKED = _UNFOLDED.with_for_update(skip_locked=True)

_MARK = Many(
    {"id": events.c.id.type, "outcome": Text(), "reason": Text(), "incident_id": BigInteger()},
    lambda _, row: (
        update(events)
        .where(events.c.id == row["id"])
        .values(folded=True, outcome=row["outcome"], reason=row["reason"], incident_id=row["incident_id"])
    ),
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A webhook as it was received, or a record as it was read from the vendor's API."""

    id: int
    source: str
    key: str
    received_at: Nanoseconds
    body: bytes
    record: bool = False


@dataclass(frozen=True, slots=True)
class Folded:
    """What folding made of an event."""

    event: StoredEvent
    outcome: str
    reason: str | None = None
    incident_id: int | None = None


def add(connection: Connection, source: str, key: str, body: bytes, received_at: Nanoseconds) -> bool:
    """Store an event unless its key is held already; return whether it is new."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(events)
        .values(source=source, key=key, body=body, received_at=received_at)
        .on_conflict_do_nothing(index_elements=["source", "key"])
        .returning(events.c.id)
    )
    return connection.execute(statement).first() is not None


def add_records(
    connection: Connection, source: str, bodies: Iterable[tuple[str, bytes]], read_at: Nanoseconds
) -> None:
    """Store records of the vendor's API, each with its key; what is held already stays."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [
        {"source": source, "key": key, "body": body, "received_at": read_at, "record": True}
        for key, body in bodies
    ]
    if rows:
        connection.execute(insert(events).on_conflict_do_nothing(index_elements=["source", "key"]), rows)


def unfolded(connection: Connection, limit: int, *, lock: bool = False) -> list[StoredEvent]:
    """Return the oldest events not yet folded, webhooks first: history must not keep the present waiting.

    A flag and not a cursor, since ids may commit out of order.
    With `lock` those that another process is folding are left to it.
    """
    found = connection.execute(_UNFOLDED_LOCKED if lock else _UNFOLDED, {"most": limit})
    return [StoredEvent(*row) for row in found]


def oldest_unfolded(connection: Connection) -> Nanoseconds | None:
    """Return when the first of the events not yet folded was received; None where all are."""
    ordered = select(events.c.received_at).where(~events.c.folded).order_by(events.c.record, events.c.id)
    statement = ordered.limit(1)
    return connection.execute(statement).scalar()


def last_received(connection: Connection, sources: Iterable[str]) -> dict[str, Nanoseconds]:
    """Return when the last webhook of each of these sources was received, of those that have sent any."""
    last = select(func.max(events.c.received_at)).where(
        events.c.source == bindparam("of_source"), events.c.record == false()
    )
    found = {name: connection.execute(last, {"of_source": name}).scalar_one() for name in sources}
    return {name: at for name, at in found.items() if at is not None}


def mark_folded(connection: Connection, folded: Sequence[Folded]) -> None:
    """Mark events as folded, in the transaction that writes the incidents they went into."""
    rows = [
        {
            "id": each.event.id,
            "outcome": each.outcome,
            "reason": each.reason and each.reason.replace("\0", " "),
            "incident_id": each.incident_id,
        }
        for each in folded
    ]
    _MARK.execute(connection, rows)


def of_incidents(connection: Connection, ids: Sequence[int]) -> dict[int, list[StoredEvent]]:
    """Return the events that went into these incidents, by incident."""
    statement = select(*_COLUMNS, events.c.incident_id).where(events.c.incident_id.in_(ids), events.c.folded)
    found: dict[int, list[StoredEvent]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.incident_id, []).append(StoredEvent(*row[:-1]))
    return found


def loose(connection: Connection, after: int, limit: int) -> list[StoredEvent]:
    """Return the next folded events that led to no incident, after an id, by id."""
    led_nowhere = (events.c.incident_id.is_(None), events.c.folded, events.c.id > after)
    statement = select(*_COLUMNS).where(*led_nowhere).order_by(events.c.id).limit(limit)
    return [StoredEvent(*row) for row in connection.execute(statement)]


def refold(connection: Connection, ids: Sequence[int]) -> None:
    """Mark events as unfolded again: they lead to another incident than they did, or to one at last."""
    again = update(events).where(events.c.id.in_(ids))
    connection.execute(again.values(folded=False, outcome=None, reason=None, incident_id=None))


def refold_one(connection: Connection, event_id: int) -> bool:
    """Mark one event as unfolded again that led to no incident; false where there is none such."""
    led_nowhere = (events.c.id == event_id, events.c.folded, events.c.incident_id.is_(None))
    again = update(events).where(*led_nowhere).values(folded=False, outcome=None, reason=None)
    return connection.execute(again).rowcount == 1


def refold_problems(connection: Connection) -> int:
    """Mark what could not be mapped as unfolded again; return how many."""
    again = update(events).where(IS_PROBLEM).values(folded=False, outcome=None, reason=None)
    return connection.execute(again).rowcount


def count_unfolded(connection: Connection) -> int:
    """Count the events not yet folded."""
    return connection.execute(select(func.count(events.c.id)).where(~events.c.folded)).scalar_one()


def counts(connection: Connection) -> dict[str, int]:
    """Count events received, unfolded, and of no use so far."""

    def count(*where: object) -> int:
        return connection.execute(select(func.count()).select_from(events).where(*where)).scalar_one()  # type: ignore[arg-type]

    return {
        "received": count(),
        "unfolded": count_unfolded(connection),
        "unmappable": count(IS_PROBLEM),
    }
