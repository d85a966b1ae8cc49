"""Opsgenie's outgoing alert webhooks; Jira Service Management Operations sends the same bodies.

One action a body: {"action", "alert": {…}, "source", "integration…"}. There is no incident webhook:
an incident is seen through the Owner, Responder and Associated alerts that it spawns, which name it
in `details["incident-id"]` and in the first half of their alias.
Sources: support.atlassian.com "Integrate Opsgenie with Webhook"; captured deliveries of 2017 to 2023.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

from marshmallow import fields

from mappers.fields import Identifier, Lenient, Text, VendorSchema, load
from mappers.observation import Ignored, Kind, Observation, Role, Service, Unmappable, Value
from mappers.opsgenie_alert import AlertFields, incident_of, services_of, teams_of, text_of, told_of
from mappers.opsgenie_records import from_api

__all__ = [
    "DELIVERY_HEADER",
    "REFERENCE_PREFIX",
    "event_id",
    "from_api",
    "from_webhook",
    "recognises",
    "redact",
    "source_url",
]

REFERENCE_PREFIX = ""
DELIVERY_HEADER = ""

_ROLES = ("owner", "responder", "associated")
_ABOUT = {
    "UpdatePriority": frozenset({"priority"}),
    "UpdateMessage": frozenset({"name"}),
    "AddTags": frozenset({"tags", "services"}),
    "RemoveTags": frozenset({"tags", "services"}),
    "AddTeam": frozenset({"teams"}),
    "AddResponder": frozenset({"teams"}),
}
_REST = "a record of a REST API, not a webhook body: read history with a backfill"


class Alert(AlertFields):
    """The alert by its name in webhooks."""

    alertId = Identifier(required=True)


class Envelope(VendorSchema):
    """The body of an alert webhook; `action` may be the name of a custom action."""

    action = Lenient(Text())
    alert = fields.Nested(Alert, required=True)


_ENVELOPE = Envelope()


def recognises(body: Mapping[str, Any]) -> bool:
    """Tell whether a body is Opsgenie's: an alert webhook or a REST record."""
    return isinstance(body.get("alert"), dict) or _is_rest(body)


def from_webhook(body: Mapping[str, Any]) -> Observation | Ignored:
    """Read one webhook body; raise Unmappable where the alert cannot be read."""
    if _is_rest(body):
        raise Unmappable(_REST)
    envelope = load(_ENVELOPE, body)
    action, alert = envelope.get("action") or "", envelope["alert"]
    if not any(alert.get(key) for key in ("message", "createdAt", "updatedAt", "alias")):
        return Ignored(f"{action or 'an event without an action'} that names an alert and nothing else")
    return _observe(action, alert)


def event_id(body: Mapping[str, Any]) -> None:
    """Return None: deliveries carry no id, so the digest of the body stands for one."""


def redact(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body without `headers`, which echoes the integration's own headers and their secrets."""
    return {key: value for key, value in body.items() if key != "headers"} if "headers" in body else body


def source_url(kind: Kind, vendor_id: str, app_url: str | None) -> str | None:
    """Return the page of an alert or incident under `app_url` (https://app.opsgenie.com); None without."""
    page = f"incident/detail/{vendor_id}" if kind == "incident" else f"alert/detail/{vendor_id}/details"
    return f"{app_url}/{page}" if app_url else None


def _is_rest(body: Mapping[str, Any]) -> bool:
    record = body.get("data", body)
    keys = {"id", "tinyId", "status"}, {"id", "name", "isExternal"}  # an alert or incident; a service
    return "alert" not in body and isinstance(record, dict) and any(k <= record.keys() for k in keys)


def _observe(action: str, alert: dict[str, Any]) -> Observation:
    details = alert["details"] or {}
    incident_id = incident_of(alert)
    of_either = told_of(alert) | teams_of(alert, {})
    return Observation(
        vendor_id=incident_id or alert["alertId"],
        kind="incident" if incident_id else "alert",
        at=alert.get("updatedAt") or alert.get("createdAt"),
        fields=of_either | (_of_incident(details) if incident_id else _of_alert(alert)),
        about=_ABOUT.get(action, frozenset()),
        created_at=alert.get("createdAt"),
        opened_at=alert.get("createdAt") if action == "Create" else None,
        opens=action in ("Acknowledge", "UnAcknowledge"),
        resolves=action in ("Close", "Delete"),
        infers=incident_id is not None,  # an alert may be closed before its incident is over
        deleted=action == "Delete",
        acknowledged=action == "Acknowledge",
        strand=alert["alertId"] if incident_id else "",
        role=_role(details) if incident_id else "owner",
    )


def _role(details: dict[str, Any]) -> Role | None:
    role = str(details.get("incident-alert-type") or "").strip().lower()
    return cast("Literal['owner', 'responder', 'associated']", role) if role in _ROLES else None


def _of_alert(alert: dict[str, Any]) -> dict[str, Value | None]:
    """Read what an alert says of itself alone: its number, and its services."""
    services = services_of(alert)
    found: dict[str, Value | None] = {"number": alert["tinyId"]} if "tinyId" in alert else {}
    return found | ({"services": services} if services else {})


def _of_incident(details: dict[str, Any]) -> dict[str, Value | None]:
    """Read the incident's services: ids in `impacted-services`, several separated by commas."""
    if "impacted-services" not in details:
        return {}
    listed = details["impacted-services"]
    ids = listed if isinstance(listed, list) else text_of(listed).split(",")
    return {"services": tuple(Service(id=text_of(each)) for each in ids if text_of(each)) or None}
