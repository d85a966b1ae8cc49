"""What Opsgenie knows of an alert, how a webhook writes it, and what that is worth to DX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tests.histories.model import MILLISECOND, value_or_cleared
from tests.histories.values import ENTITIES, SERVICE_NAMES, TAGS, TEAMS, TITLES

if TYPE_CHECKING:
    from tests.histories.script import Clock, Script

Membership = Literal["typed", "untyped", "alias"]
"""How a webhook tells the incident of its alert: details with a type, without one, or the alias."""


@dataclass(slots=True)
class Incident:
    """An Opsgenie incident, of which only the alerts that it spawned can be seen."""

    id: str
    services: list[str]


class AlertState:
    """One alert. Without an incident it stands for itself."""

    def __init__(self, script: Script, clock: Clock, source: str) -> None:
        choice = script.rng.choice
        self.script, self.clock, self.source = script, clock, source
        self.created = clock.later(1, 60)
        self.id = script.uuid()
        if script.chance(0.8):
            self.id += f"-{self.created // MILLISECOND}"
        self.incident: Incident | None = None
        self.role: str | None = None
        self.memberships: tuple[Membership, ...] = ("alias",)
        self.details: dict[str, str] = {}
        self.as_strings = script.chance(0.25)
        self.priority_as_number = self.as_strings or script.chance(0.15)
        self.message = choice(TITLES)
        self.priority: int | None = script.rng.randint(1, 5)
        self.tags = script.rng.sample(TAGS, script.rng.randint(0, 2))
        self.entity = choice(ENTITIES)
        self.alias = choice([self.id, "disk full on db-1", "queue_depth_orders"])
        self.teams = script.rng.sample(TEAMS, script.rng.randint(0, 2))
        self.people = choice([[], [{"id": "user-1", "type": "user", "name": "robin@example.com"}]])
        self.tiny_id = script.rng.randint(1, 9_999)

    def join(self, incident: Incident, role: str | None) -> None:
        """Become an alert of an incident: known by the alias, by details, or by either."""
        typed: tuple[Membership, ...] = ("typed",) if role else ()
        self.incident, self.role = incident, role
        self.alias = f"{incident.id}_{self.script.uuid()}"
        self.memberships = (*typed, "untyped", "alias")
        if self.script.chance(0.1):
            self.alias = f"{incident.id}: {self.script.token(5)}"
            self.memberships = (*typed, "untyped")
        elif role and self.script.chance(0.1):
            self.alias = "storefront down"
            self.memberships = typed

    def shown(self, membership: Membership) -> dict[str, tuple[Any, Any]]:
        """Write each key that carries a field: its JSON, and the field's value for DX.

        The details are among them, though their value is told by `services`.
        """
        teams = [{"id": f"team-{TEAMS.index(team)}", "type": "team", "name": team} for team in self.teams]
        details = self._details_shown(membership)
        return {
            "message": (self.message, value_or_cleared(self.message)),
            "priority": (self._priority_shown(), None if self.priority is None else f"P{self.priority}"),
            "tags": (list(self.tags), list(self.tags) or None),
            "entity": (self.entity, value_or_cleared(self.entity)),
            "alias": (self.alias, self.alias),
            "responders": (self.people + teams, list(self.teams) or None),
            "tinyId": (str(self.tiny_id), None if self.incident else self.tiny_id),
            **({} if details is None else {"details": (details, None)}),
        }

    def _priority_shown(self) -> str | int | None:
        if self.priority is None:
            return None
        if not self.priority_as_number:
            return f"P{self.priority}"
        return str(self.priority) if self.as_strings else self.priority

    def _details_shown(self, membership: Membership) -> dict[str, str] | None:
        left_out = self.script.chance(0.25)
        if self.incident is None:
            return None if left_out else dict(self.details)
        if membership == "alias":
            return None if left_out else {}
        separator = self.script.rng.choice([",", ", "])
        details = {
            "incident-id": self.incident.id,
            "impacted-services": separator.join(self.incident.services),
        }
        if membership == "typed" and self.role:
            details["incident-alert-type"] = self.script.rng.choice([self.role, self.role.capitalize()])
        return details

    def services(self, shown: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
        """Return the field of services; of an alert of an incident nothing but its details counts."""
        details, tags = (shown.get(key, ({}, None))[0] for key in ("details", "tags"))
        if self.incident is not None:
            ids = [{"identifier": identifier} for identifier in self.incident.services]
            return {"services": ids or None} if "impacted-services" in details else {}
        names = [tag.removeprefix("service:") for tag in tags if tag.startswith("service:")]
        if not names and "service" in details:
            names = [details["service"]]
        services = [{"identifier": SERVICE_NAMES[name], "name": name} for name in dict.fromkeys(names)]
        return {"services": services} if services else {}

    def number(self, time: int) -> int | str:
        """Write a time in milliseconds if that is exact, or in nanoseconds: its size tells which."""
        exact = time % MILLISECOND == 0 and self.script.chance(0.7)
        number = time // MILLISECOND if exact else time
        return str(number) if self.as_strings else number
