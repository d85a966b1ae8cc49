"""What DX's answers leave behind: rows read and locked once, changed by one answer after the other, written once."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, union_all, update

from app import retry
from app.answers import Answer
from app.document import DELETE
from app.store.claims import SPARED, Claim, with_keys
from app.store.tables import calls, events, incidents
from mappers.fields import SECOND
from mappers.observation import Nanoseconds


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


@dataclass(frozen=True, slots=True)
class Awaited:
    """A webhook whose change of an incident a call brings to DX."""

    source: str
    received_at: Nanoseconds


@dataclass(slots=True)
class _Incident:
    """What an answer decides by, and what it may change."""

    id: int
    digest: str
    kept: bool
    action: str
    policy: str | None
    settled: str | None
    settled_document: str | None
    settled_at: Nanoseconds | None
    ever_sent: str
    in_doubt: int
    due_at: Nanoseconds | None
    lane: int
    attempts: int
    suspect: bool
    lease: str | None
    without_metadata: str | None
    parked: str | None

    def change(self, **values: Any) -> None:
        """Set several values at once."""
        for name, value in values.items():
            setattr(self, name, value)


_READ = _Incident.__slots__
_WRITTEN = _READ[3:]


class Settlement:
    """The answers to some claims, taken in one after the other in a transaction, and written at its end."""

    def __init__(
        self,
        connection: Connection,
        claims: Iterable[Claim],
        refused: Iterable[int],
        random: Random,
        now: Nanoseconds,
    ) -> None:
        """Lock all that may be touched: the incidents of these claims, those `refused` in a row, and the suspects."""
        self._connection, self._random, self._now = connection, random, now
        ids = {*refused, *(each.incident_id for each in claims)}
        self._held = {each.id: each for each in _touched(connection, list(ids))}
        self._changed: dict[int, _Incident] = {}
        self._calls: list[dict[str, object]] = []

    def record(self, call: Call, sender: retry.Sender) -> None:
        """Record a call, and let its answer decide about its incident; `sender` has learnt from it already."""
        row = self._take(call.claim)
        self._calls.append(_history(call, row))
        if row.lease == call.claim.lease:
            _judge(row, call, held=sender.state == "held")
        else:
            row.change(
                in_doubt=row.in_doubt + 1, ever_sent=with_keys(row.ever_sent, call.claim), **_again(row)
            )
        if call.answer.meaning in ("confirmed", "refused"):
            self._blame_suspects(row)

    def give_back(self, unused: Claim) -> None:
        """End a claim under which nothing was sent, as if it had not been."""
        row = self._take(unused)
        if row.lease == unused.lease:
            row.change(lease=None, in_doubt=_doubt_before(row, unused))
            _spare(row)

    def unpark(self, incident_ids: Iterable[int]) -> None:
        """Make parked incidents due again: what refused them was not about them."""
        for row in map(self._held.get, incident_ids):
            if row is not None and row.parked is not None:
                self._changed[row.id] = row
                row.change(parked=None, due_at=0)

    def write(self) -> None:
        """Write what has changed, and the history."""
        if self._changed:
            self._connection.execute(_UPDATE, [_written(row) for row in self._changed.values()])
        if self._calls:
            self._connection.execute(insert(calls), self._calls)

    def _take(self, claimed: Claim) -> _Incident:
        row = self._changed[claimed.incident_id] = self._held[claimed.incident_id]
        return row

    def _blame_suspects(self, but: _Incident) -> None:
        """Give the incidents that failed before another's call succeeded the back-off that is theirs."""
        for row in self._held.values():
            if row.suspect and row is not but and row.due_at is not None:
                attempts = min(row.attempts + 1, 32)
                due_at = self._now + retry.backoff(attempts, self._random)
                row.change(suspect=False, attempts=attempts, due_at=due_at)
                self._changed[row.id] = row


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
_COLUMNS = [incidents.c[name] for name in _READ]
_NAMED = incidents.c.id.in_(bindparam("ids", expanding=True))
_LOCKED = (
    select(*_COLUMNS)
    .where(_NAMED | incidents.c.suspect)
    .order_by(incidents.c.source, incidents.c.vendor_id)
    .with_for_update()
)
_UNLOCKED = union_all(select(*_COLUMNS).where(_NAMED), select(*_COLUMNS).where(incidents.c.suspect))
_UPDATE = (
    update(incidents)
    .where(incidents.c.id == bindparam("row_id"))
    .values({name: bindparam(f"new_{name}") for name in _WRITTEN})
)


def _touched(connection: Connection, ids: list[int]) -> list[_Incident]:
    """Read and lock, in the order in which folds lock; SQLite has one writer anyway, and would scan for an `OR`."""
    statement = _LOCKED if connection.dialect.name == "postgresql" else _UNLOCKED
    return [_Incident(*row) for row in connection.execute(statement, {"ids": ids})]


def _written(row: _Incident) -> dict[str, object]:
    return {"row_id": row.id, **{f"new_{name}": getattr(row, name) for name in _WRITTEN}}


def _judge(row: _Incident, call: Call, *, held: bool) -> None:
    """Change an incident as the answer to its own claim says."""
    answer, claimed = call.answer, call.claim
    if answer.meaning == "confirmed":
        _confirm(row, call)
        return
    row.lease = claimed.lease if answer.unfinished else None
    if answer.meaning != "not_now" or not answer.begun:
        row.in_doubt = _doubt_before(row, claimed)
    if answer.meaning != "unauthorised":
        row.suspect = answer.meaning == "not_now"
    if call.wants_no_metadata:
        row.without_metadata = claimed.digest
    elif answer.meaning == "refused" and not held and row.digest == claimed.digest:
        row.change(parked=f"{answer.code}: {answer.words}", due_at=None)
    _spare(row)


def _confirm(row: _Incident, call: Call) -> None:
    claimed = call.claim
    deleted = claimed.method == DELETE
    row.in_doubt = 0 if row.in_doubt == claimed.doubt + 1 else row.in_doubt
    if deleted and not row.in_doubt:
        row.ever_sent = ""
    in_place = row.digest == claimed.digest and not row.in_doubt
    row.change(**{"due_at": None} if in_place else _again(row))
    row.change(
        settled=claimed.digest, settled_document=None if deleted else claimed.document, settled_at=call.at
    )
    row.change(lease=None, parked=None, lane=0, attempts=0, suspect=False)


def _again(row: _Incident) -> dict[str, object]:
    """Have what is wanted sent again; where nothing is, have that decided anew: DX may hold the incident now."""
    return {"policy": None} if row.action == "none" else {"due_at": 0}


def _spare(row: _Incident) -> None:
    """Send an incident no more that was kept only for a doubt, once the doubt is gone and DX never took it."""
    if row.kept and not row.in_doubt and row.settled_document is None:
        row.change(**SPARED)


def _doubt_before(row: _Incident, claimed: Claim) -> int:
    """Return the doubt without what this claim added, unless more was added since."""
    return claimed.doubt if row.in_doubt == claimed.doubt + 1 else row.in_doubt


def _history(call: Call, row: _Incident) -> dict[str, object]:
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
