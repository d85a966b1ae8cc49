"""Jira's issue webhooks: an incident of Jira Service Management is an issue of type `[System] Incident`.

One event a body: {"timestamp", "webhookEvent", "issue": {id, key, self, fields}, "changelog"}. Legacy
automation sends {"issue", "timestamp"} alone, which counts as an update. Which issue types are
incidents is the policy's business. The id names an issue: its key changes when it moves to another project.
Sources: developer.atlassian.com "Jira Service Desk webhooks"; a captured delivery of 2017.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import INCLUDE, fields, missing

from mappers.fields import Identifier, Instant, Lenient, Text, VendorSchema, load
from mappers.observation import Ignored, Kind, Observation, Service, Unmappable, Value

REFERENCE_PREFIX = "jira-"
DELIVERY_HEADER = "X-Atlassian-Webhook-Identifier"

_CREATED, _UPDATED, _DELETED = (f"jira:issue_{change}" for change in ("created", "updated", "deleted"))
_FIELDS = {"summary": "name", "priority": "priority", "labels": "tags", "issuetype": "incident_type"}
_AFFECTED = "affectedservices"
_CUSTOM, _SERVICE_ID = "customfield_", "ari:cloud:graph::service/"
_REST = "a record of Jira's REST API, not a webhook body: read history with a backfill"
_SITE = re.compile(
    r"(https?://([^\s\x00-\x1f/?#@:]+)(?::\d+)?(?:/[^\s\x00-\x1f?#]*?)?)/rest/", re.IGNORECASE | re.ASCII
)
_GATEWAY = "api.atlassian.com"  # serves every site's API and shows no page
_KEY = re.compile(r"[a-z][a-z0-9_]*-\d+", re.IGNORECASE | re.ASCII)


class IssueId(Identifier):
    """An issue's id: digits, as a text or as a number."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        number = isinstance(value, int) and not isinstance(value, bool)
        return super()._deserialize(str(value) if number else value, *args, **kwargs)


class Within(fields.Field[str | None]):
    """A text inside an object; null in place of the object is None, anything else counts as not given."""

    def __init__(self, *path: str) -> None:
        super().__init__(allow_none=True)
        self._path = path

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        for key in self._path:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, str) and value.strip() else missing


class Labels(fields.Field[tuple[str, ...] | None]):
    """A list of labels; null and an empty list are None, anything but a list counts as not given."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, list):
            return missing
        return tuple(label for label in value if isinstance(label, str) and label.strip()) or None


class Changed(fields.Field[frozenset[str]]):
    """The names and ids of the fields in a changelog, as `_plain` writes them; it may lack anything."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> frozenset[str]:
        items = _objects(value.get("items")) if isinstance(value, dict) else ()
        return frozenset(_plain(str(item.get(key))) for item in items for key in ("field", "fieldId"))


class IssueFields(VendorSchema):
    """What an issue says of itself."""

    class Meta:
        """Custom fields are kept: which of them holds the affected services differs from site to site."""

        unknown = INCLUDE

    created = Instant()
    resolutiondate = Instant()
    summary = Lenient(Text())
    priority = Within("name")
    issuetype = Within("name")
    labels = Labels(allow_none=True)
    status = Within("statusCategory", "key")


class Issue(VendorSchema):
    """The issue; `self` is its address in the API of its site."""

    id = IssueId(required=True)
    key = Lenient(Text())
    self = Lenient(Text())
    told = fields.Nested(IssueFields, data_key="fields", load_default=dict, allow_none=True)


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
    event = _text(body, "webhookEvent") or _UPDATED
    if event not in (_CREATED, _UPDATED, _DELETED):
        return Ignored(event)
    envelope = load(_ENVELOPE, body)
    changed = envelope["changelog"] or frozenset()
    return _observe(event, envelope.get("timestamp"), envelope["issue"], changed)


def from_api(record: Mapping[str, Any]) -> Observation | Ignored:
    """Read a record of the REST API; raise Unmappable where it cannot be read."""
    raise Unmappable(_REST)


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
    ended_at, category = told.get("resolutiondate"), (told.get("status") or "").lower()
    resolves = event == _DELETED or ended_at is not None or category == "done"
    opens = not changed.isdisjoint(("status", "resolution"))
    is_open = bool(category) and not resolves
    return Observation(
        vendor_id=issue["id"],
        kind="incident",
        at=at,
        fields={name: told[key] for key, name in _FIELDS.items() if key in told}
        | _page(issue)
        | _services(told),
        about=_about(changed, told),
        created_at=told.get("created"),
        opens=is_open and opens,
        shows_open=is_open and not opens,
        resolves=resolves,
        resolved_at=ended_at,
        deleted=event == _DELETED,
    )


def _page(issue: dict[str, Any]) -> dict[str, Value | None]:
    """Find the issue's page: on the site whose API `self` names."""
    site, key = _SITE.match(issue.get("self") or ""), issue.get("key") or ""
    if site is None or site[2].lower() == _GATEWAY or not _KEY.fullmatch(key):
        return {}
    return {"source_url": f"{site[1]}/browse/{key}"}


def _about(changed: frozenset[str], told: dict[str, Any]) -> frozenset[str]:
    services = {_AFFECTED, *(_plain(key) for key in _service_fields(told))}
    about = {name for key, name in _FIELDS.items() if key in changed}
    return frozenset(about if changed.isdisjoint(services) else about | {"services"})


def _services(told: dict[str, Any]) -> dict[str, Value | None]:
    """Read the affected services, where an issue carries them.

    No captured delivery shows them. They are read from a field of that name, and from each custom field
    that lists objects with ids of services; only the field of that name can tell that none is left.
    """
    found = _service_fields(told)
    services = tuple(each for listed in found.values() for each in _listed(listed))
    cleared = any(listed in (None, []) for listed in found.values())
    return {"services": services or None} if services or cleared else {}


def _service_fields(told: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in told.items()
        if _plain(key) == _AFFECTED or (key.startswith(_CUSTOM) and _lists_services(value))
    }


def _lists_services(value: Any) -> bool:
    objects = _objects(value)
    return bool(objects) and all(str(each.get("id")).startswith(_SERVICE_ID) for each in objects)


def _listed(services: Any) -> Iterator[Service]:
    for each in _objects(services):
        service = Service(_text(each, "id"), _text(each, "name", "displayName", "value"))
        if service.id or service.name:
            yield service


def _objects(listed: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; anything but a list has none."""
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _text(told: Mapping[str, Any], *keys: str) -> str | None:
    """Return the first text under these keys that is not blank."""
    texts = (told[key] for key in keys if isinstance(told.get(key), str))
    return next(filter(str.strip, texts), None)


def _plain(name: str) -> str:
    return re.sub(r"\s", "", name).lower()
