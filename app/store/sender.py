"""Statements on the sender's state, one row for the whole fleet, and on signs of life."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.retry import Sender
from app.store.tables import beats, incidents, sender
from mappers.observation import Nanoseconds

_READY = "ready"
_PAUSED = ("start", "operator", "operator, resumed")
"""START_PAUSED or an operator; in the last, one who has resumed under START_PAUSED before."""
_ROW = select(sender).where(sender.c.id == 1)
_LOCKED = _ROW.with_for_update()
_CLOCK: ColumnElement[int] = literal_column(
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
).label("clock")


@dataclass(frozen=True, slots=True)
class Row:
    """The sender's state, who paused it, the next free slot of the pace, and the time by which it is kept."""

    sender: Sender
    paused_by: str
    next_slot_at: Nanoseconds
    pace_now: Nanoseconds

    @property
    def paused(self) -> bool:
        """Whether nothing is to be sent until somebody says so."""
        return self.paused_by in _PAUSED

    def shown(self, *, can_deliver: bool) -> tuple[str, str]:
        """Return state and reason for people: a pause hides the rest, and so do missing settings."""
        if self.paused:
            return "paused", "START_PAUSED" if self.paused_by == "start" else "operator"
        if not can_deliver:
            return "held", "DX_BASE_URL or DX_API_TOKEN is not set"
        return self.sender.state, self.sender.reason


def load(connection: Connection, now: Nanoseconds, *, lock: bool = False) -> Row:
    """Return the row; with `lock`, nobody else changes it before the transaction ends.

    The pace is kept by the database's clock where there may be several machines, else by `now`.
    """
    shared = connection.dialect.name == "postgresql"
    statement = _LOCKED if lock else _ROW
    row = connection.execute(statement.add_columns(_CLOCK) if shared else statement).one()
    state = Sender(
        state=row.state,
        reason=row.reason,
        since=row.since,
        probes=row.probes,
        next_probe_at=row.next_probe_at,
        refused_code=row.refused_code,
        refused=tuple(map(int, row.refused.split())),
        blamed=tuple(map(int, row.blamed.split())),
    )
    return Row(state, row.paused, row.next_slot_at, _pace_now(row.clock) if shared else now)


def _pace_now(microseconds: int) -> Nanoseconds:
    return microseconds * 1000


def save(connection: Connection, state: Sender) -> None:
    """Write the sender's state, loaded with `lock` in this transaction."""
    values = {name: getattr(state, name) for name in Sender.__slots__}
    for name in ("refused", "blamed"):
        values[name] = " ".join(map(str, getattr(state, name)))
    connection.execute(update(sender).values(**values))


def take_slots(connection: Connection, next_slot_at: Nanoseconds) -> None:
    """Move the next free slot of the pace on."""
    connection.execute(update(sender).values(next_slot_at=next_slot_at))


def start(connection: Connection, *, paused: bool) -> None:
    """Let a starting pipeline probe at once, and pause it if START_PAUSED says so.

    A restart may bring a corrected token. The pause of START_PAUSED ends with the setting, or when an
    operator resumes; then a restart under the same setting does not pause again.
    """
    was = connection.execute(_LOCKED).one().paused
    without = {"start": "", "resumed": "", "operator, resumed": "operator"}
    by_setting = {"": "start"} if paused else without
    connection.execute(update(sender).values(next_probe_at=0, paused=by_setting.get(was, was)))


def pause(connection: Connection) -> None:
    """Send nothing until resumed."""
    was = connection.execute(_LOCKED).one().paused
    by = {"": "operator", "resumed": "operator, resumed"}
    connection.execute(update(sender).values(paused=by.get(was, was)))


def resume(connection: Connection) -> None:
    """Send again, and probe at once."""
    was = connection.execute(_LOCKED).one().paused
    by = {"start": "resumed", "operator, resumed": "resumed", "operator": ""}
    connection.execute(update(sender).values(paused=by.get(was, was), next_probe_at=0))


def end_idle_probing(connection: Connection, now: Nanoseconds) -> None:
    """Let the sender run where there is nothing to probe DX with; the next incident will show how DX is."""
    waiting, called = (
        incidents.c.due_at.is_not(None) & incidents.c.lease.is_(None),
        incidents.c.lease.is_not(None),
    )
    idle = (
        sender.c.state == "probing",
        sender.c.next_probe_at <= now,
        ~exists().where(waiting),
        ~exists().where(called),
    )
    running = {"state": "running", "reason": "", "since": now, "probes": 0}
    connection.execute(update(sender).where(*idle).values(**running))


def is_purge_due(connection: Connection, now: Nanoseconds, every: Nanoseconds) -> bool:
    """Take the periodic purge on: true for one process of the fleet in each period."""
    long_ago = (sender.c.purged_at < now - every) | (sender.c.purged_at > now)
    return connection.execute(update(sender).where(long_ago).values(purged_at=now)).rowcount == 1


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
