"""A PagerDuty incident: its state at the vendor, the webhooks that show it, and what they state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.histories.model import RECEIPT, SECOND, Statement, value_or_cleared
from tests.histories.pagerduty.wire import envelope, reference, time_text
from tests.histories.script import Clock
from tests.histories.values import (
    INCIDENT_TYPES,
    PAGERDUTY_PRIORITIES,
    PAGERDUTY_SERVICES,
    POLICIES,
    TEAMS,
    TITLES,
    URGENCIES,
)

if TYPE_CHECKING:
    from tests.histories.script import Script

STATUS_EVENTS = {"triggered", "acknowledged", "unacknowledged", "reopened"}
ABOUT = {
    "priority_updated": "priority",
    "service_updated": "services",
    "incident_type.changed": "incident_type",
}
ABOUT_NOTHING_KEPT = ("escalated", "reassigned", "severity_recalculated")
"""Events that change no field kept by DX; the last is a type that PagerDuty might add one day."""

FIELDS = {
    "html_url": "source_url",
    "number": "number",
    "title": "name",
    "service": "services",
    "escalation_policy": "escalation_policy",
    "teams": "teams",
    "priority": "priority",
    "urgency": "urgency",
    "incident_type": "incident_type",
}
KEYS_SINCE_2022 = {"created_at", "incident_key", "reopened_at", "incident_type"}
TRIMMABLE = ("service", "escalation_policy", "teams", "priority", "urgency", "incident_type")


class PagerDutyIncident:
    """The vendor's side of one incident; scripts change it and have it tell of itself."""

    def __init__(self, script: Script) -> None:
        choice = script.rng.choice
        self.script = script
        self.id = "Q" + script.token(13)
        self.clock = Clock(script.rng)
        self.opened_at = self.clock.later(0, 60)
        self.created = self.opened_at - self.opened_at % SECOND
        self.reopened: int | None = None
        self.thin = script.chance(0.15)
        self.status = "triggered"
        self.merged_into: str | None = None
        self.number = script.rng.randint(1, 400_000)
        self.title = choice(TITLES)
        self.service = choice(list(PAGERDUTY_SERVICES))
        self.policy = choice(POLICIES)
        self.teams = script.rng.sample(TEAMS, script.rng.randint(0, 2))
        self.priority = choice([None, *PAGERDUTY_PRIORITIES])
        self.urgency = choice(URGENCIES)
        self.incident_type = choice(INCIDENT_TYPES)

    def tell(self, what: str, at: int | None, *, whole: bool = False, moment: int | None = None) -> None:
        """Send the webhook `incident.<what>` of time `at`, in its place at `moment`.

        A `whole` one trims nothing. One without a time leaves out `reopened_at` and the reason of
        the resolution, which would otherwise be evidence of an unknown time.
        """
        missing = self._missing(whole=whole) | ({"reopened_at"} if at is None else set())
        shown = {key: pair for key, pair in self._shown().items() if key not in missing}
        merged = self.status == "resolved" and at is not None and self.merged_into is not None
        data = {
            **self._fixed(merged=merged),
            **{key: json for key, (json, _) in shown.items()},
        }
        data = {key: json for key, json in data.items() if key not in missing}
        statement = Statement(
            source="pagerduty",
            kind="incident",
            reference=self.id,
            time=RECEIPT if at is None else at,
            fields={FIELDS[key]: value for key, (_, value) in shown.items()},
            about=ABOUT.get(what),
            created=self.created if "created_at" in data else None,
            acknowledged=at if what == "acknowledged" else None,
            merged=merged,
            merged_into=(self.merged_into or None) if merged else None,
            **self._standing(what, at, self.reopened if "reopened_at" in data else None),
        )
        body = envelope(self.script, f"incident.{what}", at, data)
        self.script.add(moment or at or self.clock.now, "pagerduty", body, statement)

    def _missing(self, *, whole: bool) -> set[str]:
        """Choose the keys that this webhook lacks, as old and as very long ones do."""
        missing = set(KEYS_SINCE_2022) if self.thin else set()
        if not whole and self.script.chance(0.2):
            missing |= set(self.script.rng.sample(TRIMMABLE, self.script.rng.randint(1, 3)))
        if not whole and self.script.chance(0.05):
            missing.add("created_at")
        return missing

    def _fixed(self, *, merged: bool) -> dict[str, Any]:
        """Write the keys that carry no field."""
        return {
            "id": self.id,
            "type": "incident",
            "self": f"https://api.pagerduty.com/incidents/{self.id}",
            "status": self.status,
            "incident_key": None,
            "created_at": time_text(self.created),
            "reopened_at": None if self.reopened is None else time_text(self.reopened),
            "assignees": [],
            "conference_bridge": None,
            "resolve_reason": self._merge_reason() if merged else None,
        }

    def _merge_reason(self) -> Any:
        """Name the target of the merge, or say the bare word where it is not told."""
        if not self.merged_into:
            return "merged"
        target = reference("incident", self.merged_into, "the other one")
        return {"type": "merge_resolve_reason", "incident": target}

    def _shown(self) -> dict[str, tuple[Any, Any]]:
        """Write each key that carries a field: its JSON, and the field's value for DX."""
        name, identifier = PAGERDUTY_SERVICES[self.service]
        service = {"identifier": identifier, **({"name": name} if name else {})}
        priority = reference("priority", "PPRIO01", self.priority) if self.priority else None
        url = f"https://acme.pagerduty.com/incidents/{self.id}"
        return {
            "html_url": (url, url),
            "number": (self.number, self.number),
            "title": (self.title, value_or_cleared(self.title)),
            "service": (reference("service", self.service, name), [service]),
            "escalation_policy": (reference("escalation_policy", "PPOLICY", self.policy), self.policy),
            "teams": ([reference("team", f"PTEAM{len(t):02}", t) for t in self.teams], self.teams or None),
            "priority": (priority, None if self.priority == "---" else self.priority),
            "urgency": (self.urgency, self.urgency),
            "incident_type": ({"name": self.incident_type}, self.incident_type),
        }

    def _standing(self, what: str, at: int | None, reopened: int | None) -> dict[str, Any]:
        """State what the webhook proves about the incident being open or resolved."""
        opened = () if reopened is None else (reopened,)
        if self.status == "resolved":
            return {"opened": opened, "resolved": RECEIPT if at is None else at}
        if at is None:
            return {"opened": opened}
        if what in STATUS_EVENTS:
            return {"opened": (*opened, at)}
        return {"opened": opened, "snapshot": at}
