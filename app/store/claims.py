"""Statements on the right to call DX for an incident: taken, and ended when nobody can use it any more.

An incident is due when `due_at` is set and no lease is on it. A claim marks it in doubt before a byte
is sent; only a definite answer takes that mark back. `in_doubt` counts: each claim adds one, and an
answer clears only what its own claim added, so that a late answer of a lost claim is never covered up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Integer, bindparam, or_, select, update

from app import retry
from app.document import DELETE, UPSERT, request
from app.store import codec
from app.store.tables import incidents
from mappers.observation import Nanoseconds


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make one call for one incident."""

    incident_id: int
    lease: str
    digest: str
    document: str
    method: str
    """`incidents.upsert` or `incidents.delete`."""
    body: dict[str, object]
    doubt: int
    """What `in_doubt` was before this claim added one."""
    probe: bool
    source: str

    @property
    def told(self) -> dict[str, str]:
        """What names the incident in a log line."""
        return {"source": self.source, "reference_id": str(self.body["reference_id"])}


def is_due(connection: Connection, now: Nanoseconds) -> bool:
    """Whether there is anything to claim."""
    return connection.execute(_ANY_DUE, _times(now)).first() is not None


def claim(
    connection: Connection, limit: int, destination: str, now: Nanoseconds, *, probe: bool
) -> list[Claim]:
    """Lease the `limit` incidents longest due; as a probe, those least recently tried.

    What has waited out its back-off comes first, one at a time: changes at the full pace must not shut it out.
    Each is in doubt, and the keys of its body are among those ever sent, before the call begins.
    """
    rows = _claimable(connection, limit, now, probe=probe)
    moved = {row.id for row in rows if row.destination not in (None, destination)}
    spared = {row.id for row in rows if row.id in moved and (row.kept or row.action == "delete")}
    for ids, values in ((moved, {**NOTHING_THERE, "destination": destination}), (spared, SPARED)):
        if ids:
            connection.execute(update(incidents).where(incidents.c.id.in_(ids)).values(**values))
    found = [(row, _claim(row, destination, probe=probe)) for row in rows if row.id not in spared]
    if found:
        connection.execute(_LEASED, [_leased(row, each, destination, now) for row, each in found])
    return [each for _, each in found]


def is_anything_left(connection: Connection) -> bool:
    """Whether anything is to be sent, now or after a back-off, or may be on its way."""
    return any(connection.execute(statement).first() for statement in (_ANY_WAITING, _ANY_LEASED))


def leases(connection: Connection) -> set[str]:
    """Return the tokens of all leases."""
    return set(connection.execute(select(incidents.c.lease).where(incidents.c.lease.is_not(None))).scalars())


def free(connection: Connection, tokens: Iterable[str]) -> None:
    """End leases that have outlived any call; their incidents stay in doubt and are due as they were."""
    dead = incidents.c.lease.in_(list(tokens))
    in_order = select(incidents.c.id).where(dead).order_by(incidents.c.source, incidents.c.vendor_id)
    connection.execute(in_order.with_for_update())  # as fold and settlement lock them
    connection.execute(update(incidents).where(dead).values(lease=None))


NOTHING_THERE = {"settled": None, "settled_document": None, "without_metadata": None, "in_doubt": 0}
"""Of another destination than the one that was delivered to."""
SPARED = {"action": "none", "due_at": None, "parked": None, "suspect": False, "policy": None}
"""DX was to be told only as it held the incident, and it does not: nothing is sent until that is decided anew."""

_WAITING = incidents.c.due_at.is_not(None) & incidents.c.lease.is_(None)
_DUE = or_(incidents.c.due_at <= bindparam("now"), incidents.c.due_at > bindparam("never"))
"""Now, or at a time that only a jumping clock can have set."""
_CLAIMABLE = (
    select(
        incidents.c.id,
        incidents.c.source,
        incidents.c.desired,
        incidents.c.digest,
        incidents.c.action,
        incidents.c.kept,
        incidents.c.destination,
        incidents.c.in_doubt,
        incidents.c.ever_sent,
        incidents.c.without_metadata,
    )
    .where(_WAITING, _DUE)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_BY_DUE = _CLAIMABLE.order_by(incidents.c.lane, incidents.c.due_at, incidents.c.id)
_BY_TRIAL = _CLAIMABLE.order_by(
    incidents.c.tried_at.asc().nulls_first(), incidents.c.lane, incidents.c.due_at, incidents.c.id
)
_BACK = _CLAIMABLE.where(
    incidents.c.lane == 0, incidents.c.due_at > 0, incidents.c.due_at <= bindparam("now")
).order_by(incidents.c.due_at)
_ANY_DUE = select(incidents.c.id).where(_WAITING, _DUE).limit(1)
_ANY_WAITING = select(incidents.c.id).where(_WAITING).limit(1)
_ANY_LEASED = select(incidents.c.id).where(incidents.c.lease.is_not(None)).limit(1)
_LEASED = (
    update(incidents)
    .where(incidents.c.id == bindparam("row_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("destination", "lease", "in_doubt", "ever_sent", "tried_at")
        }
    )
)


def _claimable(connection: Connection, limit: int, now: Nanoseconds, *, probe: bool) -> list[Any]:
    most, times = {"most": limit}, _times(now)
    if probe:
        return list(connection.execute(_BY_TRIAL, most | times))
    found = [*connection.execute(_BACK, {"most": 1} | times), *connection.execute(_BY_DUE, most | times)]
    return list({row.id: row for row in found}.values())[:limit]


def _times(now: Nanoseconds) -> dict[str, Nanoseconds]:
    return {"now": now, "never": now + retry.LONGEST_BACKOFF}


def _claim(row: Any, destination: str, *, probe: bool) -> Claim:
    there = row.destination == destination
    if row.action == "delete":
        method, body = DELETE, codec.load_deletion(row.desired)
    else:
        method, body = UPSERT, request(codec.load_document(row.desired), keys_ever_sent(row.ever_sent))
    if row.without_metadata == row.digest and there:
        body.pop("metadata", None)
    doubt = row.in_doubt if there else 0
    return Claim(row.id, uuid4().hex, row.digest, row.desired, method, body, doubt, probe, row.source)


def _leased(row: Any, claimed: Claim, destination: str, now: Nanoseconds) -> dict[str, object]:
    return {
        "row_id": row.id,
        "new_destination": destination,
        "new_lease": claimed.lease,
        "new_in_doubt": claimed.doubt + 1,
        "new_ever_sent": with_keys(row.ever_sent, claimed),
        "new_tried_at": now,
    }


def keys_ever_sent(ever_sent: str) -> frozenset[str]:
    """Return the keys ever sent, wherever to: null for a key that this destination never got does no harm."""
    return frozenset(ever_sent.split())


def with_keys(ever_sent: str, claimed: Claim) -> str:
    """Add the keys of a claim's body to those ever sent."""
    return " ".join(sorted({*ever_sent.split(), *(claimed.body if claimed.method == UPSERT else ())}))
