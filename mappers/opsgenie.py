"""Opsgenie's outgoing alert webhooks; Jira Service Management Operations sends the same bodies.

One action a body: {"action", "alert": {…}, "source", "integration…"}. There is no incident webhook:
an incident is seen through the Owner, Responder and Associated alerts that it spawns, which name it
in `details["incident-id"]` and in the first half of their alias.
Sources: support.atlassian.com "Integrate Opsgenie with Webhook"; captured deliveries of 2017 to 2023.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, cast

from marshmallow import ValidationError, fields, missing

from mappers.fields import Identifier, Instant, Lenient, Number, Text, VendorSchema, load
from mappers.observation import Ignored, Kind, Observation, Role, Service, Unmappable, Value

REFERENCE_PREFIX = ""
DELIVERY_HEADER = ""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
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
_SERVICE_TAG = "service:"


class Priority(fields.Field[str | None]):
    """`P1` to `P5`; 2017 bodies say 3 or "3"; anything else counts as not given."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        level = re.fullmatch(r"[Pp]?([1-5])", str(value).strip())
        return f"P{level[1]}" if level else missing


class Details(fields.Field[dict[str, Any]]):
    """The free map `details`; an integration that does not send it writes "" or nothing."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        return value if isinstance(value, dict) else {}


class Tags(fields.Field[tuple[str, ...] | None]):
    """A list of tags."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...] | None:
        if not isinstance(value, list):
            raise ValidationError("Not a valid list.")
        return tuple(tag for tag in value if isinstance(tag, str) and tag.strip()) or None


class Responder(VendorSchema):
    """A team, user, escalation or schedule; only Create and later bodies since 2020 carry names."""

    id = Text()
    name = Text()
    type = Text()


class Alert(VendorSchema):
    """The alert; Escalate carries nothing but `alertId`, Delete no tags, docs samples no times."""

    alertId = Identifier(required=True)
    message = Lenient(Text())
    alias = Lenient(Text())
    createdAt = Instant()
    updatedAt = Instant()
    priority = Priority(allow_none=True)
    tags = Lenient(Tags())
    entity = Lenient(Text())
    tinyId = Number()
    responders = Lenient(fields.List(fields.Nested(Responder)))
    details = Details(load_default=dict, allow_none=True)


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


def from_api(record: Mapping[str, Any]) -> Observation | Ignored:
    """Read a record of the REST API; raise Unmappable where it cannot be read."""
    raise Unmappable(_REST)


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
    incident_id = _incident_id(details, alert.get("alias") or "")
    return Observation(
        vendor_id=incident_id or alert["alertId"],
        kind="incident" if incident_id else "alert",
        at=alert.get("updatedAt") or alert.get("createdAt"),
        fields=_fields(alert) | (_of_incident(details) if incident_id else _of_alert(alert, details)),
        about=_ABOUT.get(action, frozenset()),
        created_at=alert.get("createdAt"),
        opened_at=alert.get("createdAt") if action == "Create" else None,
        opens=action in ("Acknowledge", "UnAcknowledge"),
        resolves=action in ("Close", "Delete"),
        deleted=action == "Delete",
        acknowledged=action == "Acknowledge",
        strand=alert["alertId"] if incident_id else "",
        role=_role(details) if incident_id else "owner",
    )


def _incident_id(details: dict[str, Any], alias: str) -> str | None:
    """Find the incident that spawned the alert: by its details, else by an alias `<uuid>_<uuid>`."""
    named = str(details.get("incident-id") or "")
    if _UUID.fullmatch(named) and ("incident-alert-type" in details or alias.startswith(named)):
        return named
    first, _, second = alias.partition("_")
    return first if _UUID.fullmatch(first) and _UUID.fullmatch(second) else None


def _role(details: dict[str, Any]) -> Role | None:
    role = str(details.get("incident-alert-type") or "").strip().lower()
    return cast("Literal['owner', 'responder', 'associated']", role) if role in _ROLES else None


def _fields(alert: dict[str, Any]) -> dict[str, Value | None]:
    names = {"message": "name", "priority": "priority", "tags": "tags", "entity": "entity", "alias": "alias"}
    found: dict[str, Value | None] = {name: alert[key] for key, name in names.items() if key in alert}
    if "responders" in alert:
        teams = [each.get("name") for each in alert["responders"] or () if each.get("type") == "team"]
        if names_of := tuple(filter(None, teams)):
            found["teams"] = names_of
        elif not teams:
            found["teams"] = None
    return found


def _of_alert(alert: dict[str, Any], details: dict[str, Any]) -> dict[str, Value | None]:
    """Read what an alert says of itself: its number, and services from tags, else from the details."""
    found: dict[str, Value | None] = {"number": alert["tinyId"]} if "tinyId" in alert else {}
    tags = (tag for tag in alert.get("tags") or () if tag.lower().startswith(_SERVICE_TAG))
    names = [tag[len(_SERVICE_TAG) :].strip() for tag in tags]
    names = [name for name in names if name] or [_text(details.get("service"))]
    return found | ({"services": tuple(Service(name=name) for name in names)} if names[0] else {})


def _of_incident(details: dict[str, Any]) -> dict[str, Value | None]:
    """Read the incident's services: ids in `impacted-services`, several separated by commas."""
    if "impacted-services" not in details:
        return {}
    listed = details["impacted-services"]
    ids = listed if isinstance(listed, list) else _text(listed).split(",")
    return {"services": tuple(Service(id=_text(each)) for each in ids if _text(each)) or None}


def _text(value: Any) -> str:
    """Return a text or number of the free map as a trimmed text; anything else says nothing."""
    return str(value).strip() if isinstance(value, str | int) else ""
