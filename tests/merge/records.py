"""Lives of PagerDuty incidents with both kinds of evidence: the webhooks, and the API's record at any moment.

A record tells what the statements up to its moment add up to by the contract, as the vendor's API would
write it: whole seconds, everything listed, nothing of what came later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import count
from typing import Any

from app import incident
from mappers import pagerduty
from mappers.fields import Instant
from mappers.observation import Observation
from tests.histories import pagerduty as lives
from tests.histories.model import RECEIPT, SECOND, Statement, UndeterminedError, iso
from tests.histories.script import Script
from tests.histories.truth import document
from tests.histories.values import PAGERDUTY_SERVICES
from tests.merge.folding import documents

SERVICE_IDS = {identifier: id_ for id_, (_, identifier) in PAGERDUTY_SERVICES.items()}
SHIFTS = (0, 1_000_000, SECOND // 3, SECOND, 2 * SECOND, 3 * SECOND, 90 * SECOND)
"""How long after an event a record is worth reading: seconds and their ends matter most."""

_INSTANT = Instant()


@dataclass(frozen=True, slots=True)
class Webhook:
    """What one webhook states, by the contract and by the mapper's reading, and the state that it gives."""

    statement: Statement
    state: incident.State
    time: int
    """When it counts as said, in nanoseconds: an event without a time at its receipt."""


@dataclass(frozen=True, slots=True)
class Story:
    """One incident's webhooks in the order in which they happened, and its creation at the vendor's."""

    webhooks: tuple[Webhook, ...]
    created_at: str

    @property
    def last(self) -> int:
        """The time of the last thing that was told."""
        return max(each.time for each in self.webhooks)

    def truth(self, until: int | None = None) -> dict[str, Any]:
        """Return the body for DX of what was said up to a time; UndeterminedError where nothing settles it."""
        said = [each.statement for each in self.webhooks if until is None or each.time <= until]
        if not said:
            raise UndeterminedError("nothing was said yet")
        return document(said)

    def record(self, moment: int) -> Observation:
        """Return the record read at a moment, which is certain for the last second that had ended before."""
        return pagerduty.from_api(_body(self.truth(moment), self.created_at, certain(moment)))

    def readings(self) -> Iterable[tuple[int, Observation]]:
        """Return moments between the first webhook and the last, each with the record read then."""
        for moment in sorted({each.time + shift for each in self.webhooks for shift in SHIFTS}):
            try:
                if moment < self.last:
                    yield moment, self.record(moment)
            except UndeterminedError:
                continue


def certain(moment: int) -> int:
    """Return what the reader takes for the time of an answer that came within the second of its question."""
    return moment // SECOND * SECOND - SECOND


def _body(known: dict[str, Any], created_at: str, read_at: int) -> dict[str, Any]:
    """Write what is known as PagerDuty's API would: every key is there, null where nothing is known."""
    metadata, resolved_at = known["metadata"], known["resolved_at"]
    (service,) = known.get("services") or [None]
    into = metadata.get("merged_into")
    inner = {
        "id": known["reference_id"],
        "incident_number": metadata["number"],
        "status": "resolved" if resolved_at else "triggered",
        "created_at": created_at,
        "resolved_at": resolved_at,
        "last_status_change_at": resolved_at or created_at,
        "title": known.get("name") or "",
        "html_url": known.get("source_url"),
        "service": service and {"id": SERVICE_IDS[service["identifier"]], "summary": service.get("name")},
        "priority": _named(known.get("priority")),
        "urgency": metadata.get("urgency"),
        "teams": [_named(team) for team in metadata.get("teams", ())],
        "escalation_policy": _named(metadata.get("escalation_policy")),
        "incident_type": {"name": metadata.get("incident_type")},
        "resolve_reason": {"type": "merge_resolve_reason", "incident": {"id": into}} if into else None,
    }
    return {"read_at": iso(read_at), "incident": inner, "acknowledged_at": metadata.get("acknowledged_at")}


def _named(summary: str | None) -> dict[str, str] | None:
    return {"summary": summary} if summary else None


@cache
def story(seed: int) -> Story:
    """Write the life of one incident; a script that the contract does not settle is thrown away."""
    for attempt in count():
        script = Script(seed, "record", attempt)
        lives.live(script)
        try:
            return _told(script)
        except UndeterminedError:
            continue
    raise AssertionError


def _told(script: Script) -> Story:
    scenes = sorted(script._scenes, key=lambda scene: scene.moment)
    if not any(scene.statement for scene in scenes):
        raise UndeterminedError("every webhook about it was lost")
    pairs = zip(scenes, script.history().events, strict=True)
    webhooks = tuple(
        _webhook(scene.statement, event.body, _INSTANT.deserialize(event.received_at))
        for scene, event in pairs
        if scene.statement
    )
    exact = [each.statement.created for each in webhooks if each.statement.created is not None]
    return Story(webhooks, iso(min(exact or [each.time for each in webhooks])))


def _webhook(statement: Statement, body: dict[str, Any], received_at: int) -> Webhook:
    time = received_at if statement.time == RECEIPT else statement.time
    return Webhook(statement, incident.observe(pagerduty.from_webhook(body), received_at), time)


def shown(states: Sequence[incident.State]) -> dict[str, Any]:
    """Return the document that states add up to, merged in the order in which they are given."""
    (found,) = documents({("pagerduty", "X"): reduce(incident.merge, states)}).values()
    return found
