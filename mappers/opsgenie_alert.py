"""What an alert of Opsgenie says of itself, in a webhook and in a record of the REST API alike."""

# ruff: noqa: N815 - the vendor's keys

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, missing

from mappers.fields import Instant, Lenient, Number, Text, VendorSchema
from mappers.observation import Service, Value

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NAMES = {"message": "name", "priority": "priority", "tags": "tags", "entity": "entity", "alias": "alias"}
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
    """A team, user, escalation or schedule; only webhooks since 2020 carry names, and records never do."""

    id = Text()
    name = Text()
    type = Text()


class AlertFields(VendorSchema):
    """The alert; Escalate carries nothing but its id, Delete no tags, docs samples no times."""

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


def incident_of(alert: Mapping[str, Any]) -> str | None:
    """Find the incident that spawned the alert: by its details, else by an alias `<uuid>_<uuid>`."""
    details, alias = alert.get("details") or {}, alert.get("alias") or ""
    named = str(details.get("incident-id") or "")
    if _UUID.fullmatch(named) and ("incident-alert-type" in details or alias.startswith(named)):
        return named
    first, _, second = alias.partition("_")
    return first if _UUID.fullmatch(first) and _UUID.fullmatch(second) else None


def told_of(alert: Mapping[str, Any]) -> dict[str, Value | None]:
    """Return the fields that an alert carries and that mean the same for the incident which spawned it."""
    return {name: alert[key] for key, name in _NAMES.items() if key in alert}


def teams_of(alert: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Value | None]:
    """Return the teams among the responders; nothing where there are some, but no name of any is known."""
    if "responders" not in alert:
        return {}
    listed = [each for each in alert["responders"] or () if each.get("type") == "team"]
    named = tuple(filter(None, (each.get("name") or names.get(each.get("id") or "") for each in listed)))
    return {"teams": named or None} if named or not listed else {}


def services_of(alert: Mapping[str, Any]) -> tuple[Service, ...] | None:
    """Return the services that an alert names: in tags `service:x`, else in `details.service`."""
    tags = (tag for tag in alert.get("tags") or () if tag.lower().startswith(_SERVICE_TAG))
    names = list(filter(None, (tag[len(_SERVICE_TAG) :].strip() for tag in tags)))
    names = names or list(filter(None, [text_of((alert.get("details") or {}).get("service"))]))
    return tuple(Service(name=name) for name in names) or None


def text_of(value: Any) -> str:
    """Return a text or number of the free map as a trimmed text; anything else says nothing."""
    return str(value).strip() if isinstance(value, str | int) else ""
