"""Statements on incidents as fold sees them: evidence in, what DX should hold out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    Update,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from app.decide import Action, Wanted
from app.store import codec
from app.store.many import Many, Row
from app.store.tables import incidents
from mappers.observation import Nanoseconds

Key = tuple[str, str]
"""(source, vendor id)."""
LIVE, BACKGROUND = 0, 1
"""The lanes: live incidents go first."""


@dataclass(frozen=True, slots=True)
class Held:
    """An incident as it is stored."""

    id: int
    key: Key
    state: str | None
    action: Action
    digest: str | None
    settled: str | None
    in_doubt: int
    destination: str | None
    override: str | None
    stands: bool
    """Whether the last call confirmed at the destination was an upsert."""

    def in_dx(self, destination: str | None) -> bool:
        """Whether DX holds the incident at this destination, or may; None stands for whichever it was sent to."""
        here = destination in (None, self.destination)
        return here and (self.stands or self.in_doubt > 0)


@dataclass(frozen=True, slots=True)
class Carried:
    """An incident's new state under a policy (its digest) that does not know its source: the document stays."""

    held: Held
    state: str
    policy: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """An incident's new state, and what is to be done about it in DX under a policy (its digest)."""

    held: Held
    state: str
    policy: str
    wanted: Wanted
    desired: str = field(init=False)
    """The body of the call that DX should get, or that it would get were it not left out."""
    digest: str = field(init=False)
    """What stands for the call; for an upsert the digest of its body."""

    def __post_init__(self) -> None:
        action, document = self.wanted.action, self.wanted.document
        deletes = action == "delete"
        body = codec.dump_deletion(document.reference_id) if deletes else codec.dump_document(document)
        object.__setattr__(self, "desired", body)
        object.__setattr__(self, "digest", codec.digest(body if action == "upsert" else f"{action} {body}"))


def lock(connection: Connection, keys: Iterable[Key], now: Nanoseconds) -> list[Held]:
    """Return the incidents with these keys, made where missing, locked in the order of their keys.

    The order keeps two folds from waiting for each other; the insert keeps both from making one row.
    """
    wanted = sorted(keys)
    if wanted:
        _make(connection, wanted, now)
    held = []
    for source, group in groupby(wanted, key=itemgetter(0)):
        found = connection.execute(_LOCK, {"of_source": source, "ids": [vendor_id for _, vendor_id in group]})
        held += [_held(row) for row in found]
    return held


def lock_by_id(connection: Connection, ids: Iterable[int]) -> list[Held]:
    """Return the incidents with these ids, locked in the order of their keys."""
    statement = _SELECT.where(incidents.c.id.in_(list(ids)))
    ordered = statement.order_by(incidents.c.source, incidents.c.vendor_id).with_for_update()
    return [_held(row) for row in connection.execute(ordered)]


@dataclass(frozen=True, slots=True)
class Stored:
    """An incident with what DX should hold of it, and whether all of its events are still held."""

    held: Held
    desired: str | None
    complete: bool


def page(connection: Connection, after: int, limit: int) -> list[Stored]:
    """Return the next incidents after an id, by id."""
    return _stored(connection, incidents.c.id > after, limit)


def by_id(connection: Connection, ids: Sequence[int]) -> list[Stored]:
    """Return the incidents with these ids."""
    return _stored(connection, incidents.c.id.in_(ids), len(ids))


def by_key(connection: Connection, key: Key) -> Stored | None:
    """Return one incident; None where there is none."""
    source, vendor_id = key
    found = _stored(connection, (incidents.c.source == source) & (incidents.c.vendor_id == vendor_id), 1)
    return found[0] if found else None


def by_keys(connection: Connection, source: str, vendor_ids: Sequence[str]) -> dict[str, Stored]:
    """Return the incidents of a source with these ids of the vendor's, by them; what is not held is missing."""
    where = (incidents.c.source == source) & incidents.c.vendor_id.in_(vendor_ids)
    return {each.held.key[1]: each for each in _stored(connection, where, len(vendor_ids))}


def by_reference(connection: Connection, reference_id: str) -> list[Stored]:
    """Return the incidents of this reference: one, unless two sources use the same references."""
    return _stored(connection, incidents.c.reference_id == reference_id, 10)


def _stored(connection: Connection, where: ColumnElement[bool], limit: int) -> list[Stored]:
    statement = _SELECT.add_columns(incidents.c.desired, incidents.c.events_purged)
    found = connection.execute(statement.where(where).order_by(incidents.c.id).limit(limit))
    return [Stored(_held(row[:-2]), row.desired, not row.events_purged) for row in found]


def sources(connection: Connection) -> set[str]:
    """Return the sources that incidents came from."""
    return set(connection.execute(select(incidents.c.source).distinct()).scalars())


def renamed(connection: Connection, source: str, prefix: str) -> int:
    """Count the incidents of a source that are in DX, or may be, or are about to be, under another prefix."""
    in_dx = incidents.c.settled_document.is_not(None) | (incidents.c.in_doubt > 0)
    known = in_dx | incidents.c.due_at.is_not(None)
    other = incidents.c.reference_id != literal(prefix) + incidents.c.vendor_id
    return _count(connection, incidents.c.source == source, known, other)


def stale(connection: Connection, policy: str, limit: int) -> list[int]:
    """Return some incidents whose document was computed under another policy, or none."""
    other = or_(incidents.c.policy < policy, incidents.c.policy > policy, incidents.c.policy.is_(None))
    folded = and_(other, incidents.c.state.is_not(None))
    return list(connection.execute(select(incidents.c.id).where(folded).limit(limit)).scalars())


def is_empty(connection: Connection) -> bool:
    """Whether no incident is held at all."""
    return connection.execute(select(incidents.c.id).limit(1)).first() is None


def override(connection: Connection, incident_id: int, text: str | None) -> None:
    """Record an operator's correction of an incident, or take it back."""
    connection.execute(update(incidents).where(incidents.c.id == incident_id).values(override=text))


@dataclass(frozen=True, slots=True)
class Overridden:
    """An incident that an operator has corrected."""

    reference_id: str
    source: str
    override: str


def overridden(connection: Connection) -> list[Overridden]:
    """Return the incidents that an operator has corrected, the latest first."""
    columns = (incidents.c.reference_id, incidents.c.source, incidents.c.override)
    statement = select(*columns).where(incidents.c.override.is_not(None)).order_by(incidents.c.id.desc())
    return [Overridden(*row) for row in connection.execute(statement)]


@dataclass(frozen=True, slots=True)
class Open:
    """An open incident; `started_at` in nanoseconds, `desired` its document as JSON."""

    reference_id: str
    source: str
    started_at: Nanoseconds
    desired: str


def open_since(connection: Connection, before: Nanoseconds) -> list[Open]:
    """Return the incidents in DX that started before a moment and are still open, the oldest first."""
    columns = (incidents.c.reference_id, incidents.c.source, incidents.c.started_at, incidents.c.desired)
    statement = select(*columns).where(*_open(before)).order_by(incidents.c.started_at)
    return [Open(*row) for row in connection.execute(statement)]


def count_open_since(connection: Connection, before: Nanoseconds) -> int:
    """Count what `open_since` returns."""
    return _count(connection, *_open(before))


def _open(before: Nanoseconds) -> tuple[ColumnElement[bool], ...]:
    is_open = incidents.c.resolved_at.is_(None) & (incidents.c.action == literal_column("'upsert'"))
    return is_open, incidents.c.started_at < before


def leave(connection: Connection, incident_id: int, policy: str, reason: str) -> None:
    """Note that an incident stays as it is under this policy, and why."""
    stays = update(incidents).where(incidents.c.id == incident_id)
    connection.execute(stays.values(policy=policy, reason=reason))


_SELECT: Select[Any] = select(
    incidents.c.id,
    incidents.c.source,
    incidents.c.vendor_id,
    incidents.c.state,
    incidents.c.action,
    incidents.c.digest,
    incidents.c.settled,
    incidents.c.in_doubt,
    incidents.c.destination,
    incidents.c.override,
    incidents.c.settled_document.is_not(None).label("stands"),
)
_LOCK = (
    _SELECT.where(incidents.c.source == bindparam("of_source"))
    .where(incidents.c.vendor_id.in_(bindparam("ids", expanding=True)))
    .order_by(incidents.c.vendor_id)
    .with_for_update()
)


def _held(row: Sequence[Any]) -> Held:
    number, source, vendor_id, *rest = row
    return Held(number, (source, vendor_id), *rest)


def _make(connection: Connection, keys: Sequence[Key], now: Nanoseconds) -> None:
    rows = [
        {"source": source, "vendor_id": vendor_id, "reference_id": vendor_id, "updated_at": now}
        for source, vendor_id in keys
    ]
    _MAKE.execute(connection, rows)


def _types(*names: str) -> dict[str, TypeEngine[Any]]:
    return {name: incidents.c[name].type for name in names}


def _insert(dialect: str, row: Row) -> Insert:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    # without a WHERE, SQLite would take ON for a join's
    given = select(*row.values()).where(literal_column("1 = 1"))
    made = insert(incidents).from_select(list(row), given)
    return made.on_conflict_do_nothing(index_elements=["source", "vendor_id"])


_MAKE = Many(_types("source", "vendor_id", "reference_id", "updated_at"), _insert)


def renew(
    connection: Connection,
    renewed: Sequence[Renewed | Carried],
    destination: str | None,
    now: Nanoseconds,
    lane: int = LIVE,
) -> None:
    """Write new states; an incident whose document changed is due, unless DX holds just that already.

    What is due already keeps its lane: a change of policy must not put a live incident back.
    """
    judged = [each for each in renewed if isinstance(each, Renewed)]
    told = {"lane": lane, "updated_at": now}
    kept = [_told(each) for each in judged if each.digest == each.held.digest]
    changed = [_changed(each, destination) | told for each in judged if each.digest != each.held.digest]
    _KEEP.execute(connection, kept)
    _CHANGE.execute(connection, changed)
    _CARRY.execute(connection, [_bare(each) for each in renewed if isinstance(each, Carried)])


def _values(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


def _keep(_: str, row: Row) -> Update:
    return update(incidents).where(incidents.c.id == row["id"]).values(_values(row))


def _change(_: str, row: Row) -> Update:
    waits = incidents.c.due_at.is_not(None) & (incidents.c.lane < row["lane"])
    return (
        update(incidents)
        .where(incidents.c.id == row["id"])
        .values(
            _values(row)
            | {
                "parked": None,
                "attempts": 0,
                "suspect": incidents.c.suspect & (row["action"] != "none"),
                "lane": case((waits, incidents.c.lane), else_=row["lane"]),
            }
        )
    )


_BARE = ("id", "state", "policy")
_TOLD = (*_BARE, "reason", "kept", "started_at", "resolved_at", "inferred")
_CARRY = Many(_types(*_BARE), _keep)
_KEEP = Many(_types(*_TOLD), _keep)
_CHANGE = Many(
    _types(*_TOLD, "action", "reference_id", "desired", "digest", "due_at", "updated_at", "lane"), _change
)


def _bare(renewed: Renewed | Carried) -> dict[str, object]:
    return {"id": renewed.held.id, "state": renewed.state, "policy": renewed.policy}


def _told(renewed: Renewed) -> dict[str, object]:
    wanted = renewed.wanted
    return _bare(renewed) | {
        "reason": wanted.reason or None,
        "kept": wanted.kept,
        "started_at": wanted.shown.started_at,
        "resolved_at": wanted.shown.resolved_at,
        "inferred": wanted.shown.inferred,
    }


def _changed(renewed: Renewed, destination: str | None) -> dict[str, object]:
    held, digest, wanted = renewed.held, renewed.digest, renewed.wanted
    in_place = held.settled == digest and held.destination == destination and not held.in_doubt
    return _told(renewed) | {
        "action": wanted.action,
        "reference_id": wanted.document.reference_id,
        "desired": renewed.desired,
        "digest": digest,
        "due_at": None if in_place or wanted.action == "none" else 0,
    }


def counts(connection: Connection) -> dict[str, int]:
    """Count incidents in all, due, parked, and those whose present document DX has confirmed."""
    stands = (incidents.c.action == "upsert", incidents.c.settled == incidents.c.digest)
    return {
        "total": _count(connection),
        "due": count_due(connection),
        "parked": _count(connection, incidents.c.parked.is_not(None)),
        "delivered": _count(connection, *stands, incidents.c.in_doubt == 0),
    }


def count_due(connection: Connection) -> int:
    """Count what is due; what has a call under way is in an index of its own."""
    either = (incidents.c.lease.is_(None), incidents.c.lease.is_not(None))
    return sum(_count(connection, incidents.c.due_at.is_not(None), each) for each in either)


def oldest_due(connection: Connection) -> Nanoseconds | None:
    """Return when the longest waiting of the live lane's due documents last changed; None where none is due.

    Those with a call under way are waiting, too; they are in an index of their own.
    """
    due = incidents.c.due_at.is_not(None) & (incidents.c.lane == LIVE)
    oldest = select(func.min(incidents.c.updated_at)).where(due)
    either = (oldest.where(incidents.c.lease.is_(None)), oldest.where(incidents.c.lease.is_not(None)))
    found = [connection.execute(each).scalar_one() for each in either]
    return min((at for at in found if at is not None), default=None)


def left_out(connection: Connection) -> int:
    """Count the incidents that DX is not to hold."""
    return _count(connection, incidents.c.action != "upsert")


def _count(connection: Connection, *where: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(incidents).where(*where)).scalar_one()
