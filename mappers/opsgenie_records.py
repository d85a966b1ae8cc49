"""Records of Opsgenie's REST API, and of the alerts of Jira Service Management Operations.

{"read_at", "incident": {…}, "services": {id: name}, "teams": {id: name}} or {"read_at", "alert": {…}, "teams"}:
the API names services and teams by their ids, so the reader adds the names of those that a record has.
Times are milliseconds; an alert's `report` counts from its creation.
Sources: docs.opsgenie.com on the Incident and Alert APIs; captured answers of 2023 and 2024.
"""

# ruff: noqa: N815 - the vendor's keys

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from mappers.fields import SECOND, HttpUrl, Identifier, Instant, Lenient, Number, Text, VendorSchema, load
from mappers.observation import Ignored, Nanoseconds, Observation, Service, Value
from mappers.opsgenie_alert import (
    AlertFields,
    Details,
    Priority,
    Responder,
    Tags,
    incident_of,
    services_of,
    teams_of,
    told_of,
)

_OVER = frozenset({"resolved", "closed"})
_MILLISECOND = SECOND // 1_000
_OF_ALERTS_ONLY: dict[str, Value | None] = {"alias": None, "entity": None}


class Names(fields.Field[dict[str, str]]):
    """Names by id; a blank one says nothing."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, str]:
        named = value.items() if isinstance(value, dict) else ()
        return {str(key): name for key, name in named if isinstance(name, str) and name.strip()}


class Links(VendorSchema):
    """The incident's pages."""

    web = HttpUrl()


class Incident(VendorSchema):
    """An incident; one that was reopened keeps the `impactEndDate` of before."""

    id = Identifier(required=True)
    message = Lenient(Text())
    status = Lenient(Text())
    priority = Priority(allow_none=True)
    tags = Lenient(Tags())
    tinyId = Number()
    createdAt = Instant()
    updatedAt = Instant()
    impactStartDate = Instant()
    impactEndDate = Instant()
    impactedServices = Lenient(fields.List(Text()))
    ownerTeam = Lenient(Text())
    responders = Lenient(fields.List(fields.Nested(Responder)))
    links = Lenient(fields.Nested(Links))


class Report(VendorSchema):
    """When an alert was acknowledged and closed, in milliseconds after its creation."""

    ackTime = Number()
    closeTime = Number()


class AlertRecord(AlertFields):
    """An alert by its name in the API; Jira Service Management calls its details `extraProperties`."""

    id = Identifier(required=True)
    status = Lenient(Text())
    ownerTeamId = Lenient(Text())
    extraProperties = Details(load_default=dict, allow_none=True)
    report = Lenient(fields.Nested(Report))


class IncidentBody(VendorSchema):
    """An incident with when it was read, and the names of what it refers to."""

    read_at = Instant(required=True)
    incident = fields.Nested(Incident, required=True)
    services = Names(load_default=dict)
    teams = Names(load_default=dict)


class AlertBody(VendorSchema):
    """An alert likewise."""

    read_at = Instant(required=True)
    alert = fields.Nested(AlertRecord, required=True)
    teams = Names(load_default=dict)


_INCIDENT, _ALERT = IncidentBody(), AlertBody()


def from_api(record: Mapping[str, Any]) -> Observation | Ignored:
    """Read a record of an incident or an alert; raise Unmappable where it cannot be read.

    An alert that an incident spawned says nothing: the incident has a record of its own.
    """
    if "incident" in record:
        return _incident(load(_INCIDENT, record))
    body = load(_ALERT, record)
    body["alert"]["details"] = body["alert"]["details"] or body["alert"]["extraProperties"]
    incident = incident_of(body["alert"])
    return Ignored(f"an alert of incident {incident}, whose own record tells") if incident else _alert(body)


def _incident(body: dict[str, Any]) -> Observation:
    told = body["incident"]
    over = _is_over(told)
    return Observation(
        vendor_id=told["id"],
        kind="incident",
        at=body["read_at"],
        fields=told_of(told) | _OF_ALERTS_ONLY | _of_incident(told, body["services"], body["teams"]),
        created_at=told.get("impactStartDate") or told.get("createdAt"),
        opens=not over,
        resolves=over,
        resolved_at=told.get("impactEndDate") or told.get("updatedAt"),
        infers=told.get("impactEndDate") is None,
        record=True,
    )


def _alert(body: dict[str, Any]) -> Observation:
    told = body["alert"]
    over, report = _is_over(told), told.get("report") or {}
    acknowledged_at = _after(told, report.get("ackTime"))
    closed_at = _after(told, report.get("closeTime"))
    return Observation(
        vendor_id=told["id"],
        kind="alert",
        at=body["read_at"],
        fields=told_of(told) | _of_alert(told, body["teams"]),
        created_at=told.get("createdAt"),
        opens=not over,
        resolves=over,
        resolved_at=closed_at or told.get("updatedAt"),
        infers=closed_at is None,
        acknowledged=acknowledged_at is not None,
        acknowledged_at=acknowledged_at,
        record=True,
    )


def _is_over(told: dict[str, Any]) -> bool:
    return (told.get("status") or "").strip().lower() in _OVER


def _after(told: dict[str, Any], milliseconds: int | None) -> Nanoseconds | None:
    created_at = told.get("createdAt")
    return None if milliseconds is None or created_at is None else created_at + milliseconds * _MILLISECOND


def _of_incident(
    told: dict[str, Any], services: Mapping[str, str], teams: Mapping[str, str]
) -> dict[str, Value | None]:
    found = _number(told) | teams_of(_responding(told, told.get("ownerTeam")), teams)
    if "impactedServices" in told:
        ids = filter(None, told["impactedServices"] or ())
        found["services"] = tuple(Service(id_, services.get(id_)) for id_ in ids) or None
    if "web" in (told.get("links") or {}):
        found["source_url"] = told["links"]["web"]
    return found


def _of_alert(told: dict[str, Any], teams: Mapping[str, str]) -> dict[str, Value | None]:
    """Read an alert; its owner counts where no team responds: webhooks name none but those who respond."""
    alone = not any(each.get("type") == "team" for each in told.get("responders") or ())
    responding = _responding(told, told.get("ownerTeamId") if alone else None)
    return _number(told) | {"services": services_of(told)} | teams_of(responding, teams)


def _number(told: dict[str, Any]) -> dict[str, Value | None]:
    return {"number": told["tinyId"]} if "tinyId" in told else {}


def _responding(told: dict[str, Any], owner: str | None) -> dict[str, Any]:
    """Return the responders with the team that owns it, each once."""
    listed = told.get("responders") or []
    if "responders" not in told and not owner:
        return {}
    others = [each for each in listed if each.get("id") != owner]
    return {"responders": [{"type": "team", "id": owner}, *others] if owner else listed}
