"""A DX that obeys: documented semantics, answers that a test chooses, and a log of what arrived."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.answers import Answer
from app.dx import LeaseLostError


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ends: what the caller learns, and whether DX applies the body `now`, `later`, or never."""

    answer: Answer
    applied: str = ""


CONFIRMED = Outcome(Answer("confirmed", "ok", status=200), "now")
REFUSED = Outcome(Answer("refused", "invalid_arguments", "started_at is wrong", 422))
REFUSED_METADATA = Outcome(Answer("refused", "metadata_invalid", "no such metadata key", 422))
UNAUTHORISED = Outcome(Answer("unauthorised", "invalid_auth", "bad token", 401))
BUSY = Outcome(Answer("not_now", "http_503", status=503))
BUSY_APPLIED = Outcome(Answer("not_now", "http_502", status=502), "now")
PATIENCE = Outcome(Answer("not_now", "http_429", status=429, retry_after=120.0))
UNREACHABLE = Outcome(Answer("not_now", "connection", "refused", begun=False))
TIMEOUT = Outcome(Answer("not_now", "timeout", "no answer", unfinished=True))
TIMEOUT_APPLIED = Outcome(TIMEOUT.answer, "now")
TIMEOUT_LATE = Outcome(TIMEOUT.answer, "later")
STUCK = Outcome(CONFIRMED.answer, "stuck")
"""The process freezes between its last check and the write: all happens much later."""


@dataclass(slots=True)
class FakeDX:
    """Holds incidents as DX would; `outcome` is that of the next calls."""

    outcome: Outcome = CONFIRMED
    incidents: dict[str, dict[str, object]] = field(default_factory=dict)
    arrived: list[dict[str, object]] = field(default_factory=list)
    late: list[dict[str, object]] = field(default_factory=list)
    """What DX is still at work on."""
    stuck: list[dict[str, object]] = field(default_factory=list)
    """What a frozen process is about to write."""
    refuses_metadata: bool = False

    def upsert(self, body: Mapping[str, object], permit: Callable[[], bool]) -> Answer:
        """Take one call, as `app.dx.DX` would make it."""
        answer, applied = self.outcome.answer, self.outcome.applied
        if answer.begun:
            if not permit():
                raise LeaseLostError
            self.arrived.append(dict(body))
        if self.refuses_metadata and body.get("metadata"):
            return REFUSED_METADATA.answer
        if applied == "now":
            self.apply(body)
        if applied == "later":
            self.late.append(dict(body))
        if applied == "stuck":
            self.stuck.append(dict(body))
        return answer

    def delete(self, body: Mapping[str, object], permit: Callable[[], bool]) -> Answer:
        """Take a deletion, as `app.dx.DX` would make it."""
        return self.upsert(body, permit)

    def apply(self, body: Mapping[str, object]) -> None:
        """Apply an upsert: an omitted key stays, null and [] erase, anything else replaces.

        A body of nothing but the reference is a deletion.
        """
        if set(body) == {"reference_id"}:
            self.incidents.pop(str(body["reference_id"]), None)
            return
        held = self.incidents.setdefault(str(body["reference_id"]), {})
        held.update(body)
        for key in [key for key, value in held.items() if value is None or value == []]:
            del held[key]

    def land(self) -> None:
        """Finish what DX is at work on."""
        while self.late:
            self.apply(self.late.pop(0))

    def thaw(self, *reference_ids: str) -> None:
        """Let frozen processes write; without references, all of them."""
        for body in [
            each for each in self.stuck if not reference_ids or each["reference_id"] in reference_ids
        ]:
            self.stuck.remove(body)
            self.apply(body)

    def references(self) -> list[object]:
        """Return the reference of each call that arrived, in order."""
        return [body["reference_id"] for body in self.arrived]
