"""An Opsgenie or JSM alert: the webhooks that it causes, and what they state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.histories.model import RECEIPT, Statement
from tests.histories.opsgenie.state import AlertState
from tests.histories.values import TEAMS

if TYPE_CHECKING:
    from tests.histories.opsgenie.state import Membership
    from tests.histories.script import Clock, Script

ABOUT = {"UpdatePriority": "priority", "UpdateMessage": "name"}
ABOUT_NOTHING_KEPT = ("Snooze", "AddNote", "Run diagnostics")
"""Actions that change no field kept by DX; the last is a custom one."""

FIELDS = {
    "message": "name",
    "priority": "priority",
    "tags": "tags",
    "entity": "entity",
    "alias": "alias",
    "responders": "teams",
    "tinyId": "number",
}
TRIMMABLE = ("message", "priority", "entity", "responders", "tinyId")
ONE_INTEGRATION = "0f1f7e4e-6a36-4d53-9b43-6f2b7f0c9d10"


class Alert(AlertState):
    """The vendor's side of one alert; scripts change it and have it tell of itself."""

    def __init__(self, script: Script, clock: Clock, source: str = "opsgenie") -> None:
        super().__init__(script, clock, source)
        self.keyless = set(script.rng.choice([(), (), ("responders",), ("priority", "responders")]))

    def tell(
        self,
        action: str,
        at: int | None,
        *,
        dated: bool = True,
        whole: bool = False,
        membership: Membership | None = None,
        **extra: Any,
    ) -> None:
        """Send the webhook of an action: `updatedAt` is `at`, and `createdAt` is there if `dated`.

        A `whole` one lacks no key of a field. Without a `membership` any that suits is chosen.
        """
        telling: Membership = self.script.rng.choice(self.memberships)
        telling = membership or telling
        missing = set() if whole else self._missing()
        missing |= {"tags"} if action == "Delete" else set()
        shown = {key: pair for key, pair in self.shown(telling).items() if key not in missing}
        alert = {"alertId": self.id, "teams": [f"team-{TEAMS.index(team)}" for team in self.teams], **extra}
        alert |= {key: json for key, (json, _) in shown.items()}
        if dated:
            alert["createdAt"] = self.number(self.created)
        if at is not None:
            alert["updatedAt"] = self.number(at)
        if self.as_strings and dated:
            self.script.reach("numbers_as_strings")
        time = at if at is not None else self.created if dated else RECEIPT
        fields = {FIELDS[key]: value for key, (_, value) in shown.items() if key in FIELDS}
        fields |= self.services(shown)
        statement = self._statement(action, time, fields, dated=dated, typed=telling == "typed")
        self.script.add(at or self.clock.now, self.source, self._envelope(action, alert), statement)

    def first_membership(self) -> Membership:
        """Choose what a Create tells: all that the alert ever tells of its incident."""
        return self.memberships[0]

    def _missing(self) -> set[str]:
        """Choose the keys that this webhook lacks: of its age, or left out this time."""
        rng = self.script.rng
        missing = set(rng.sample(TRIMMABLE, rng.randint(1, 2))) if self.script.chance(0.2) else set()
        return missing | self.keyless

    def _statement(
        self, action: str, time: int, fields: dict[str, Any], *, dated: bool, typed: bool
    ) -> Statement:
        kind, reference = ("incident", self.incident.id) if self.incident else ("alert", self.id)
        if self.source == "opsgenie":
            page = f"{kind}/detail/{reference}" + ("" if self.incident else "/details")
            fields["source_url"] = f"https://app.opsgenie.com/{page}"
        opened = {"Acknowledge": time, "UnAcknowledge": time, "Create": self.created if dated else None}
        return Statement(
            source=self.source,
            kind=kind,
            reference=reference,
            time=time,
            fields=fields,
            about=ABOUT.get(action),
            created=self.created if dated else None,
            acknowledged=time if action == "Acknowledge" else None,
            opened=tuple(t for t in (opened.get(action),) if t is not None),
            resolved=time if action in ("Close", "Delete") else None,
            alert=self.id if self.incident else None,
            role=self.role if typed else None,
        )

    def _envelope(self, action: str, alert: dict[str, Any]) -> dict[str, Any]:
        """Wrap the alert; each Create comes from the integration of another team."""
        created = action == "Create"
        return {
            "action": action,
            "alert": alert,
            "source": {"name": "", "type": "incident" if self.incident and created else "web"},
            "integrationId": self.script.uuid() if created else ONE_INTEGRATION,
            "integrationName": "Webhook",
            "integrationType": "Webhook",
        }


def escalate(script: Script, alert_id: str, at: int, source: str = "opsgenie") -> None:
    """Send an Escalate: it knows nothing but the id of the alert, so it may not make an incident."""
    body = {
        "action": "Escalate",
        "alert": {"alertId": alert_id},
        "escalationId": script.uuid(),
        "escalationName": "Platform on-call",
        "escalationNotify": {"type": "user", "name": "robin@example.com"},
        "repeatCount": 0,
    }
    script.add(at, source, body)
