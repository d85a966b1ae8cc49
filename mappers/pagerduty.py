"""PagerDuty V3 webhooks (developer.pagerduty.com/docs/webhooks, V3 overview).

One event a body: {"event": {id, event_type, occurred_at, data}}. Only `data.type == "incident"`
carries an incident; ids, times and urgency follow the vendor's V3 overview. A record of the REST API
is {"read_at", "incident": {…}, "acknowledged_at"}: the last is read from the account's log.
"""

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import ValidationError, fields, missing

from mappers.fields import (
    HttpUrl,
    Identifier,
    Instant,
    Lenient,
    Number,
    Plain,
    Text,
    VendorSchema,
    load,
    text,
)
from mappers.observation import Ignored, Kind, Observation, Service, Unmappable, Value

REFERENCE_PREFIX = ""
DELIVERY_HEADER = ""

_OPENING = frozenset(
    f"incident.{change}" for change in ("triggered", "acknowledged", "unacknowledged", "reopened")
)
_ABOUT = {
    "incident.priority_updated": frozenset({"priority"}),
    "incident.service_updated": frozenset({"services"}),
    "incident.incident_type.changed": frozenset({"incident_type"}),
    "incident.delegated": frozenset({"escalation_policy"}),
}
_UNUSED_PRIORITY = "---"  # a level that the account does not use (knowledge base, incident priority)
_LEGACY = "a V1/V2 webhook, which PagerDuty no longer supports: create a V3 webhook subscription instead"
_REST = "a record of PagerDuty's REST API, not a webhook body: read history with a backfill"


class Reference(Plain[dict[str, str | None]]):
    """A reference to another object: its id and `summary`, the display name, or other texts; else it is not given.

    One field and not a schema: an incident has many, and a schema each would be half the work of mapping.
    """

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._names = names or ("id", "summary")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, dict):
            return missing
        try:
            return {key: text(value[key]) for key in self._names if key in value}
        except ValidationError:
            return missing


class References(Reference):
    """A list of references, not given where one of them is none."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            return missing
        found = [super(References, self)._deserialize(each, *args, **kwargs) for each in value]
        return missing if missing in found else found


class IncidentData(VendorSchema):
    """The incident as V3 events show it; 2021 bodies lack created_at and reopened_at."""

    id = Identifier(required=True)
    status = Lenient(Text())
    created_at = Instant()
    reopened_at = Instant()
    title = Lenient(Text())
    html_url = HttpUrl()
    service = Reference()
    priority = Reference()
    urgency = Lenient(Text())
    number = Number()
    teams = References()
    escalation_policy = Reference()
    incident_type = Reference("name")  # `{"name": "incident_default"}`, since 2024-09
    resolve_reason = fields.Raw(allow_none=True)


class Event(VendorSchema):
    """One V3 event: what `event` holds, all that a body has."""

    event_type = Lenient(Text())
    occurred_at = Instant()
    data = fields.Nested(IncidentData, required=True)


class Acknowledgement(VendorSchema):
    """`{"at": …}`; the REST API lists them while the incident is acknowledged."""

    at = Instant()


class RecordData(IncidentData):
    """The incident as the REST API shows it."""

    incident_number = Number()
    resolved_at = Instant()
    last_status_change_at = Instant()
    acknowledgements = Lenient(fields.List(fields.Nested(Acknowledgement)))


class Record(VendorSchema):
    """An incident of the REST API, with when it was read."""

    read_at = Instant(required=True)
    incident = fields.Nested(RecordData, required=True)
    acknowledged_at = Instant()


_EVENT, _RECORD = Event(), Record()


def recognises(body: Mapping[str, Any]) -> bool:
    """Tell whether a body is PagerDuty's: V3, legacy V1/V2, or a REST record."""
    event = body.get("event")
    return (isinstance(event, dict) and "data" in event) or _is_legacy(body) or _is_rest(body)


def from_webhook(body: Mapping[str, Any]) -> Observation | Ignored:
    """Read one webhook body; raise Unmappable where it should carry an incident and cannot be read."""
    if _is_legacy(body):
        return Ignored(_LEGACY)
    if _is_rest(body):
        raise Unmappable(_REST)
    if not_incident := _other_event_type(body.get("event")):
        return Ignored(not_incident)
    event = load(_EVENT, body.get("event", {}), "event")
    return _observe(event.get("event_type") or "", event.get("occurred_at"), event["data"])


def from_api(record: Mapping[str, Any]) -> Observation:
    """Read a record of the REST API; raise Unmappable where it cannot be read.

    Its times are whole seconds; `resolved_at` is null while it is open (OpenAPI, since 2023-05-08).
    """
    loaded = load(_RECORD, record)
    data = loaded["incident"]
    listed = [each.get("at") for each in data.get("acknowledgements") or ()]
    times = [at for at in (loaded.get("acknowledged_at"), *listed) if at is not None]
    resolved = data.get("status") == "resolved"
    return Observation(
        vendor_id=data["id"],
        kind="incident",
        at=loaded["read_at"],
        fields=_told(data),
        created_at=data.get("created_at"),
        opens=not resolved,
        resolves=resolved,
        resolved_at=data.get("resolved_at") or data.get("last_status_change_at"),
        merged_into=_merged_into(data.get("resolve_reason")) if resolved else None,
        acknowledged=bool(times),
        acknowledged_at=min(times, default=None),
        record=True,
    )


def event_id(body: Mapping[str, Any]) -> str | None:
    """Return `event.id`, repeated with every delivery of the event: 26 characters, 38 digits or a UUID."""
    event = body.get("event")
    identifier = event.get("id") if isinstance(event, dict) else None
    return str(identifier) if isinstance(identifier, str | int) and not isinstance(identifier, bool) else None


def redact(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body as it is: PagerDuty echoes no header and no secret."""
    return body


def source_url(kind: Kind, vendor_id: str, app_url: str | None) -> None:
    """Return None: PagerDuty's bodies carry `html_url` themselves."""


def _is_legacy(body: Mapping[str, Any]) -> bool:
    return isinstance(body.get("messages"), list) and "event" not in body


def _is_rest(body: Mapping[str, Any]) -> bool:
    record = body.get("incident", body)
    return "event" not in body and isinstance(record, dict) and "incident_number" in record


def _other_event_type(event: Any) -> str | None:
    """Return the type of an event whose data is not an incident (a note, a ping, a service …)."""
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict) or data.get("type") == "incident":
        return None
    return str(event.get("event_type") or "an event without a type")


def _observe(event_type: str, at: int | None, data: dict[str, Any]) -> Observation:
    resolved = "resolved" in (data.get("status"), event_type.removeprefix("incident."))
    opens = event_type in _OPENING
    return Observation(
        vendor_id=data["id"],
        kind="incident",
        at=at,
        fields=_told(data),
        about=_ABOUT.get(event_type, frozenset()),
        created_at=data.get("created_at"),
        opened_at=data.get("reopened_at"),
        opens=opens,
        shows_open=not opens and not resolved and data.get("status") in ("triggered", "acknowledged"),
        resolves=resolved,
        infers=event_type != "incident.resolved",
        merged_into=_merged_into(data.get("resolve_reason")) if resolved else None,
        acknowledged=event_type == "incident.acknowledged",
    )


def _told(data: dict[str, Any]) -> dict[str, Value | None]:
    return {field: read(data[key]) for key, (field, read) in _FIELDS.items() if key in data}


def _merged_into(reason: Any) -> str | None:
    """Read `resolve_reason`: null, the string "merged", or an object naming the target.

    Source: V3 OpenAPI `ResolveReason`; the knowledge base on merging ("currently only merge is supported").
    """
    if isinstance(reason, dict) and reason.get("type") == "merge_resolve_reason":
        target = reason.get("incident")
        return str(target.get("id") or "") if isinstance(target, dict) else ""
    return "" if reason in ("merged", "merge_resolve_reason") else None


def _as_it_is(value: Value | None) -> Value | None:
    return value


def _label(reference: dict[str, Any] | None) -> str | None:
    return (reference or {}).get("summary")


def _labels(references: list[dict[str, Any]] | None) -> tuple[str, ...] | None:
    return tuple(filter(None, map(_label, references or ()))) or None


def _service(reference: dict[str, Any] | None) -> tuple[Service, ...] | None:
    service = Service((reference or {}).get("id"), (reference or {}).get("summary"))
    return (service,) if service.id or service.name else None


def _priority(reference: dict[str, Any] | None) -> str | None:
    name = _label(reference)
    return None if name == _UNUSED_PRIORITY else name


_FIELDS: dict[str, tuple[str, Callable[[Any], Value | None]]] = {
    "title": ("name", _as_it_is),
    "html_url": ("source_url", _as_it_is),
    "service": ("services", _service),
    "priority": ("priority", _priority),
    "urgency": ("urgency", _as_it_is),
    "incident_number": ("number", _as_it_is),
    "number": ("number", _as_it_is),
    "teams": ("teams", _labels),
    "escalation_policy": ("escalation_policy", _label),
    "incident_type": ("incident_type", lambda kind: (kind or {}).get("name")),
}
