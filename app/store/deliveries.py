"""Statements on incidents as delivery sees them: claim, settle, free.

An incident is due when `due_at` is set and no lease is on it. A claim marks it in doubt before a byte
is sent; only a definite answer takes that mark back. `in_doubt` counts: each claim adds one, and an
answer clears only what its own claim added, so that a late answer of a lost claim is never covered up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, bindparam, case, func, insert, or_, select, update

from app import retry
from app.answers import Answer
from app.document import request
from app.store import codec
from app.store.tables import calls, events, incidents
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

UPSERT, DELETE = "incidents.upsert", "incidents.delete"


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


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made, and its answer; `at` in nanoseconds since the epoch."""

    claim: Claim
    answer: Answer
    at: Nanoseconds
    duration_ms: int

    @property
    def wants_no_metadata(self) -> bool:
        """Whether DX refused nothing but the metadata: then the document goes once more without it."""
        refused = self.answer.meaning == "refused" and self.answer.code == "metadata_invalid"
        return refused and "metadata" in self.claim.body


def is_due(connection: Connection, now: Nanoseconds) -> bool:
    """Whether there is anything to claim; a due time that a jumping clock put too far ahead counts."""
    due = or_(incidents.c.due_at <= now, incidents.c.due_at > now + retry.LONGEST_BACKOFF)
    statement = select(incidents.c.id).where(_waiting(), due).limit(1)
    return connection.execute(statement).first() is not None


def claim(
    connection: Connection, limit: int, destination: str, now: Nanoseconds, *, probe: bool
) -> list[Claim]:
    """Lease the `limit` incidents longest due; as a probe, those least recently tried.

    Each is in doubt, and the keys of its body are among those ever sent, before the call begins.
    """
    _heal(connection, now)
    order = [incidents.c.tried_at.asc().nulls_first()] if probe else []
    statement = (
        select(incidents)
        .where(_waiting(), incidents.c.due_at <= now)
        .order_by(*order, incidents.c.lane, incidents.c.due_at, incidents.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claims = []
    for row in connection.execute(statement).all():
        moved = {} if row.destination == destination else {**_NOTHING_THERE, "destination": destination}
        if row.destination not in (None, destination) and (row.kept or row.action == "delete"):
            connection.execute(update(incidents).where(incidents.c.id == row.id).values(**moved, **_SPARED))
            continue
        each = _claim(row, destination, probe=probe)
        claims.append(each)
        sent = " ".join(sorted({*_ever_sent(row), *(each.body if each.method == UPSERT else ())}))
        values = {
            **moved,
            "lease": each.lease,
            "in_doubt": each.doubt + 1,
            "ever_sent": sent,
            "tried_at": now,
        }
        connection.execute(update(incidents).where(incidents.c.id == row.id).values(**values))
    return claims


@dataclass(frozen=True, slots=True)
class Awaited:
    """A webhook whose change of an incident a call brings to DX."""

    source: str
    received_at: Nanoseconds


def awaited(connection: Connection, confirmed: Iterable[Call]) -> list[Awaited]:
    """Return the webhooks behind the documents that these calls, not settled yet, bring to DX.

    Behind a document is the newest event received before it changed. None is behind what DX was confirmed
    to hold already, the background lane, or an incident that an operator has corrected.
    """
    leased = {each.claim.incident_id: each.claim for each in confirmed}
    if not leased:
        return []
    found = connection.execute(_AWAITED, {"ids": list(leased)})
    return [
        Awaited(row.source, row.received_at)
        for row in found
        if (row.lease, row.digest) == (leased[row.id].lease, leased[row.id].digest)
    ]


_NOTHING_THERE = {"settled": None, "settled_document": None, "without_metadata": None, "in_doubt": 0}
"""Of another destination than the one that was delivered to."""
_SPARED = {"action": "none", "due_at": None, "parked": None, "suspect": False, "policy": None}
"""DX was to be told only as it held the incident, and it does not: nothing is sent until that is decided anew."""


def lock_for_settling(connection: Connection, claims: Iterable[Claim]) -> None:
    """Lock all that settling may touch, in the order in which folds lock; SQLite has one writer anyway."""
    if connection.dialect.name != "postgresql":
        return
    touched = incidents.c.id.in_([each.incident_id for each in claims]) | incidents.c.suspect
    order = (incidents.c.source, incidents.c.vendor_id)
    connection.execute(select(incidents.c.id).where(touched).order_by(*order).with_for_update()).all()


def settle(
    connection: Connection, call: Call, sender: retry.Sender, random: Random, now: Nanoseconds
) -> None:
    """Record a call, and let its answer decide about its incident; `sender` has learnt from it already."""
    row = _locked(connection, call.claim)
    if row.lease == call.claim.lease:
        values = _spared(row, _verdict(row, call, held=sender.state == "held"))
    else:
        late = call.claim.body if call.claim.method == UPSERT else ()
        sent = " ".join(sorted({*_ever_sent(row), *late}))
        values = {"in_doubt": row.in_doubt + 1, "ever_sent": sent, **_again(row)}
    connection.execute(update(incidents).where(incidents.c.id == row.id).values(**values))
    connection.execute(insert(calls).values(**_history(call, row)))
    if call.answer.meaning in ("confirmed", "refused"):
        _blame_suspects(connection, row.id, random, now)


def give_back(connection: Connection, unused: Claim) -> None:
    """End a claim under which nothing was sent, as if it had not been."""
    row = _locked(connection, unused)
    if row.lease == unused.lease:
        values = _spared(row, {"lease": None, "in_doubt": _doubt_before(row, unused)})
        connection.execute(update(incidents).where(incidents.c.id == row.id).values(**values))


def leases(connection: Connection) -> set[str]:
    """Return the tokens of all leases."""
    return set(connection.execute(select(incidents.c.lease).where(incidents.c.lease.is_not(None))).scalars())


def free(connection: Connection, tokens: Iterable[str]) -> None:
    """End leases that have outlived any call; their incidents stay in doubt and are due as they were."""
    ended = update(incidents).where(incidents.c.lease == bindparam("token")).values(lease=None)
    connection.execute(ended, [{"token": token} for token in tokens])


def unpark(connection: Connection, incident_ids: Sequence[int]) -> None:
    """Make parked incidents due again: what refused them was not about them."""
    parked = incidents.c.id.in_(incident_ids) & incidents.c.parked.is_not(None)
    connection.execute(update(incidents).where(parked).values(parked=None, due_at=0))


def redeliver(connection: Connection, *where: Any, lane: int) -> int:
    """Make incidents due whatever was settled, parked ones too, but none that is left out; return how many.

    What was sent is in doubt, since somebody doubts that DX holds it.
    """
    sent = incidents.c.settled_document.is_not(None) | (incidents.c.in_doubt > 0)
    again = {
        "due_at": 0,
        "parked": None,
        "in_doubt": incidents.c.in_doubt + case((sent, 1), else_=0),
        "lane": lane,
    }
    gone = incidents.c.action == "none", (incidents.c.action == "delete") & ~sent
    known = (incidents.c.desired.is_not(None), ~or_(*gone))
    statement = update(incidents).where(*known, *where).values(**again)
    return connection.execute(statement).rowcount


def elsewhere(connection: Connection, destination: str) -> int:
    """Count the incidents that were delivered to another destination and not yet to this one."""
    where = (incidents.c.settled.is_not(None), incidents.c.destination != destination)
    return connection.execute(select(func.count()).select_from(incidents).where(*where)).scalar_one()


_CLOCKS_APART = 5 * SECOND
"""The clocks of two machines may differ by so much: of the one that receives and the one that folds."""
_AWAITED = (
    select(
        incidents.c.id,
        incidents.c.source,
        incidents.c.lease,
        incidents.c.digest,
        func.max(events.c.received_at).label("received_at"),
    )
    .join(events, events.c.incident_id == incidents.c.id)
    .where(
        incidents.c.id.in_(bindparam("ids", expanding=True)),
        incidents.c.settled.is_distinct_from(incidents.c.digest),
        incidents.c.lane == 0,
        incidents.c.override.is_(None),
        events.c.received_at <= incidents.c.updated_at + _CLOCKS_APART,
    )
    .group_by(incidents.c.id)
)


def _waiting() -> Any:
    return incidents.c.due_at.is_not(None) & incidents.c.lease.is_(None)


def _heal(connection: Connection, now: Nanoseconds) -> None:
    """Make due what lies further ahead than the longest back-off: the clock has jumped."""
    ahead = _waiting() & (incidents.c.due_at > now + retry.LONGEST_BACKOFF)
    connection.execute(update(incidents).where(ahead).values(due_at=0))


def _claim(row: Row[Any], destination: str, *, probe: bool) -> Claim:
    doubt = row.in_doubt if row.destination == destination else 0
    if row.action == "delete":
        method, body = DELETE, codec.load_deletion(row.desired)
    else:
        method, body = UPSERT, request(codec.load_document(row.desired), _ever_sent(row))
    if row.without_metadata == row.digest and row.destination == destination:
        body.pop("metadata", None)
    return Claim(row.id, uuid4().hex, row.digest, row.desired, method, body, doubt, probe, row.source)


def _ever_sent(row: Row[Any]) -> frozenset[str]:
    """Return the keys ever sent, wherever to: null for a key that this destination never got does no harm."""
    return frozenset(row.ever_sent.split())


def _locked(connection: Connection, claimed: Claim) -> Row[Any]:
    statement = select(incidents).where(incidents.c.id == claimed.incident_id).with_for_update()
    return connection.execute(statement).one()


def _verdict(row: Row[Any], call: Call, *, held: bool) -> dict[str, object]:
    """Return what the answer changes in the incident's row."""
    answer, claimed = call.answer, call.claim
    if answer.meaning == "confirmed":
        return _confirmed(row, call)
    values: dict[str, object] = {"lease": claimed.lease if answer.unfinished else None}
    if answer.meaning != "not_now" or not answer.begun:
        values["in_doubt"] = _doubt_before(row, claimed)
    if answer.meaning == "not_now":
        values["suspect"] = True
    if answer.meaning == "refused":
        values["suspect"] = False
    if call.wants_no_metadata:
        values["without_metadata"] = claimed.digest
    elif answer.meaning == "refused" and not held and row.digest == claimed.digest:
        values |= {"parked": f"{answer.code}: {answer.words}", "due_at": None}
    return values


def _confirmed(row: Row[Any], call: Call) -> dict[str, object]:
    claimed = call.claim
    doubt = 0 if row.in_doubt == claimed.doubt + 1 else row.in_doubt
    deleted = claimed.method == DELETE
    forgotten = {"ever_sent": ""} if deleted and not doubt else {}
    in_place = row.digest == claimed.digest and not doubt
    return (
        forgotten
        | ({"due_at": None} if in_place else _again(row))
        | {
            "settled": claimed.digest,
            "settled_document": None if deleted else claimed.document,
            "settled_at": call.at,
            "in_doubt": doubt,
            "lease": None,
            "parked": None,
            "lane": 0,
            "attempts": 0,
            "suspect": False,
        }
    )


def _again(row: Row[Any]) -> dict[str, object]:
    """Have what is wanted sent again; where nothing is, have that decided anew: DX may hold the incident now."""
    return {"policy": None} if row.action == "none" else {"due_at": 0}


def _spared(row: Row[Any], values: dict[str, object]) -> dict[str, object]:
    """Send an incident no more that was kept only for a doubt, once the doubt is gone and DX never took it."""
    gone = not values.get("in_doubt", row.in_doubt) and row.settled_document is None
    confirmed = "settled" in values
    return values | _SPARED if row.kept and gone and not confirmed else values


def _doubt_before(row: Row[Any], claimed: Claim) -> int:
    """Return the doubt without what this claim added, unless more was added since."""
    return claimed.doubt if row.in_doubt == claimed.doubt + 1 else row.in_doubt


def _blame_suspects(connection: Connection, but: int, random: Random, now: Nanoseconds) -> None:
    """Give the incidents that failed before another's call succeeded the back-off that is theirs."""
    suspects = select(incidents.c.id, incidents.c.attempts).where(incidents.c.suspect, incidents.c.id != but)
    for row in connection.execute(suspects.with_for_update()).all():
        attempts = min(row.attempts + 1, 32)
        due_at = now + retry.backoff(attempts, random)
        blamed = update(incidents).where(incidents.c.id == row.id, incidents.c.due_at.is_not(None))
        connection.execute(blamed.values(suspect=False, attempts=attempts, due_at=due_at))


def _history(call: Call, row: Row[Any]) -> dict[str, object]:
    answer = call.answer
    reduced = "sent without metadata" if row.without_metadata == call.claim.digest else ""
    return {
        "incident_id": call.claim.incident_id,
        "at": call.at,
        "method": call.claim.method,
        "digest": call.claim.digest,
        "meaning": answer.meaning,
        "code": answer.code,
        "words": "; ".join(filter(None, (reduced, answer.words))),
        "status": answer.status,
        "duration_ms": call.duration_ms,
    }
