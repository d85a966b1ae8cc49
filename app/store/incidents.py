"""Statements on incidents as fold sees them: evidence in, desired document out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.store import codec
from app.store.tables import incidents
from mappers.observation import Nanoseconds

Key = tuple[str, str]
"""(source, vendor id)."""


@dataclass(frozen=True, slots=True)
class Held:
    """An incident as it is stored, its row locked."""

    id: int
    key: Key
    state: str | None
    digest: str | None
    settled: str | None
    in_doubt: int
    destination: str | None


@dataclass(frozen=True, slots=True)
class Renewed:
    """An incident's new state, and the document that DX should hold for it."""

    held: Held
    state: str
    reference_id: str
    desired: str


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
        held += [Held(row.id, (row.source, row.vendor_id), *row[3:]) for row in found]
    return held


_COLUMNS = (
    incidents.c.id,
    incidents.c.source,
    incidents.c.vendor_id,
    incidents.c.state,
    incidents.c.digest,
    incidents.c.settled,
    incidents.c.in_doubt,
    incidents.c.destination,
)
_LOCK = (
    select(*_COLUMNS)
    .where(incidents.c.source == bindparam("of_source"))
    .where(incidents.c.vendor_id.in_(bindparam("ids", expanding=True)))
    .order_by(incidents.c.vendor_id)
    .with_for_update()
)


def _make(connection: Connection, keys: Sequence[Key], now: Nanoseconds) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [
        {"source": source, "vendor_id": vendor_id, "reference_id": vendor_id, "updated_at": now}
        for source, vendor_id in keys
    ]
    connection.execute(insert(incidents).on_conflict_do_nothing(index_elements=["source", "vendor_id"]), rows)


def renew(
    connection: Connection, renewed: Sequence[Renewed], destination: str | None, now: Nanoseconds
) -> None:
    """Write new states; an incident whose document changed is due, unless DX holds just that already."""
    same = [each for each in renewed if codec.digest(each.desired) == each.held.digest]
    changed = [each for each in renewed if codec.digest(each.desired) != each.held.digest]
    by_id = update(incidents).where(incidents.c.id == bindparam("row_id"))
    if same:
        state_only = by_id.values(state=bindparam("new_state"))
        connection.execute(state_only, [{"row_id": each.held.id, "new_state": each.state} for each in same])
    if changed:
        columns = ("state", "reference_id", "desired", "digest", "due_at")
        everything = by_id.values(
            **{name: bindparam(f"new_{name}") for name in columns},
            parked=None,
            attempts=0,
            lane=0,
            updated_at=now,
        )
        connection.execute(everything, [_changed(each, destination) for each in changed])


def _changed(renewed: Renewed, destination: str | None) -> dict[str, object]:
    held, digest = renewed.held, codec.digest(renewed.desired)
    in_place = held.settled == digest and held.destination == destination and not held.in_doubt
    return {
        "row_id": held.id,
        "new_state": renewed.state,
        "new_reference_id": renewed.reference_id,
        "new_desired": renewed.desired,
        "new_digest": digest,
        "new_due_at": None if in_place else 0,
    }


def counts(connection: Connection) -> dict[str, int]:
    """Count incidents in all, due, parked, and those whose present document DX has confirmed."""

    def count(*where: object) -> int:
        return connection.execute(select(func.count()).select_from(incidents).where(*where)).scalar_one()  # type: ignore[arg-type]

    return {
        "total": count(),
        "due": count(incidents.c.due_at.is_not(None)),
        "parked": count(incidents.c.parked.is_not(None)),
        "delivered": count(incidents.c.settled == incidents.c.digest, incidents.c.in_doubt == 0),
    }
