"""Jira's issue webhooks: an incident of Jira Service Management is an issue of type `[System] Incident`.

One event a body: {"timestamp", "webhookEvent", "issue": {id, key, self, fields}, "changelog"}. Legacy
automation sends {"issue", "timestamp"} alone, which counts as an update. Which issue types are
incidents is the policy's business. The id names an issue: its key changes when it moves to another project.
Sources: developer.atlassian.com "Jira Service Desk webhooks"; a captured delivery of 2017.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from mappers.fields import Instant, VendorSchema, load
from mappers.jira_issue import (
    AFFECTED,
    FIELDS,
    Issue,
    category,
    is_over,
    objects_in,
    plain,
    service_fields,
    text_in,
    told_of,
)
from mappers.jira_records import from_api
from mappers.observation import Ignored, Kind, Observation, Unmappable

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

REFERENCE_PREFIX = "jira-"
DELIVERY_HEADER = "X-Atlassian-Webhook-Identifier"

_CREATED, _UPDATED, _DELETED = (f"jira:issue_{change}" for change in ("created", "updated", "deleted"))
_REST = "a record of Jira's REST API, not a webhook body: read history with a backfill"


class Changed(fields.Field[frozenset[str]]):
    """The names and ids of the fields in a changelog, as `plain` writes them; it may lack anything."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> frozenset[str]:
        items = objects_in(value.get("items")) if isinstance(value, dict) else ()
        return frozenset(plain(str(item.get(key))) for item in items for key in ("field", "fieldId"))


class Envelope(VendorSchema):
    """The body of an issue webhook."""

    timestamp = Instant()
    issue = fields.Nested(Issue, required=True)
    changelog = Changed(load_default=frozenset(), allow_none=True)


_ENVELOPE = Envelope()


def recognises(body: Mapping[str, Any]) -> bool:
    """Tell whether a body is Jira's: a webhook, a legacy automation's, or a REST record."""
    automation = isinstance(body.get("issue"), dict) and "timestamp" in body
    return isinstance(body.get("webhookEvent"), str) or automation or _is_rest(body)


def from_webhook(body: Mapping[str, Any]) -> Observation | Ignored:
    """Read one webhook body; raise Unmappable where the issue cannot be read."""
    if _is_rest(body):
        raise Unmappable(_REST)
    event = text_in(body, "webhookEvent") or _UPDATED
    if event not in (_CREATED, _UPDATED, _DELETED):
        return Ignored(event)
    envelope = load(_ENVELOPE, body)
    changed = envelope["changelog"] or frozenset()
    return _observe(event, envelope.get("timestamp"), envelope["issue"], changed)


def event_id(body: Mapping[str, Any]) -> None:
    """Return None: a header names the delivery, not the body."""


def redact(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body as it is: Jira echoes no header and no secret."""
    return body


def source_url(kind: Kind, vendor_id: str, app_url: str | None) -> None:
    """Return None: Jira's bodies carry their site and the issue's key."""


def _is_rest(body: Mapping[str, Any]) -> bool:
    return not {"webhookEvent", "issue"} & body.keys() and {"id", "key", "fields"} <= body.keys()


def _observe(event: str, at: int | None, issue: dict[str, Any], changed: frozenset[str]) -> Observation:
    told = issue["told"] or {}
    resolves = event == _DELETED or is_over(told)
    opens = not changed.isdisjoint(("status", "resolution"))
    is_open = bool(category(told)) and not resolves
    return Observation(
        vendor_id=issue["id"],
        kind="incident",
        at=at,
        fields=told_of(issue),
        about=_about(changed, told),
        created_at=told.get("created"),
        opens=is_open and opens,
        shows_open=is_open and not opens,
        resolves=resolves,
        resolved_at=told.get("resolutiondate"),
        infers=told.get("resolutiondate") is None and not opens and event != _DELETED,
        deleted=event == _DELETED,
    )


def _about(changed: frozenset[str], told: dict[str, Any]) -> frozenset[str]:
    services = {AFFECTED, *(plain(key) for key in service_fields(told))}
    about = {name for key, name in FIELDS.items() if key in changed}
    return frozenset(about if changed.isdisjoint(services) else about | {"services"})
