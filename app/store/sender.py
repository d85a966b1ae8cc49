"""Statements on the sender's state, one row for the whole fleet, and on signs of life."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.retry import Sender
from app.store.tables import beats, sender
from mappers.observation import Nanoseconds

_READY = "ready"


@dataclass(frozen=True, slots=True)
class Row:
    """The sender's state, whether an operator paused it, and the next free slot of the pace."""

    sender: Sender
    paused: bool
    next_slot_at: Nanoseconds

    @property
    def shown_state(self) -> str:
        """The state for people: an operator's pause hides the rest."""
        return "paused" if self.paused else self.sender.state


def load(connection: Connection, *, lock: bool = False) -> Row:
    """Return the row; with `lock`, nobody else changes it before the transaction ends."""
    statement = select(sender).where(sender.c.id == 1)
    row = connection.execute(statement.with_for_update() if lock else statement).one()
    state = Sender(
        state=row.state,
        reason=row.reason,
        since=row.since,
        probes=row.probes,
        next_probe_at=row.next_probe_at,
        refused_code=row.refused_code,
        refused=tuple(map(int, row.refused.split())),
    )
    return Row(state, row.paused, row.next_slot_at)


def save(connection: Connection, state: Sender) -> None:
    """Write the sender's state, loaded with `lock` in this transaction."""
    values = {name: getattr(state, name) for name in Sender.__slots__}
    values["refused"] = " ".join(map(str, state.refused))
    connection.execute(update(sender).values(**values))


def take_slots(connection: Connection, next_slot_at: Nanoseconds) -> None:
    """Move the next free slot of the pace on."""
    connection.execute(update(sender).values(next_slot_at=next_slot_at))


def beat(connection: Connection, name: str, now: Nanoseconds) -> None:
    """Leave a sign of life."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(beats).values(name=name, at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"at": now}))


def prove_writable(connection: Connection, now: Nanoseconds) -> None:
    """Write one row, as an accepted webhook would."""
    beat(connection, _READY, now)


def last_beat(connection: Connection) -> Nanoseconds:
    """Return when any pipeline last gave a sign of life; 0 for never."""
    statement = select(func.max(beats.c.at)).where(beats.c.name != _READY)
    return connection.execute(statement).scalar_one() or 0
