"""What DX should hold for an incident: a pure function of what its events show.

Source of the document's shape: docs.getdx.com/datacloudapi, method `incidents.upsert`.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.view import Incident
from mappers.fields import SECOND
from mappers.observation import Nanoseconds, Service, Value

ALWAYS = ("reference_id", "started_at", "resolved_at")
_METADATA = ("urgency", "teams", "number", "incident_type", "escalation_policy", "tags", "entity", "alias")


@dataclass(frozen=True, slots=True)
class Document:
    """The body of an upsert by key, without the keys that have no value; times are UTC, whole seconds."""

    reference_id: str
    started_at: str
    resolved_at: str | None
    values: dict[str, object] = field(default_factory=dict)
    """name, priority, source_url, services, metadata: where known."""


def document(source: str, vendor_id: str, shown: Incident, source_url: str | None) -> Document:
    """Return what DX should hold; `source_url` serves where the vendor's bodies carry none."""
    fields = {"source_url": source_url, **shown.fields} if shown.known else {}
    values = {
        "name": fields.get("name"),
        "priority": fields.get("priority"),
        "source_url": fields.get("source_url"),
        "services": _services(fields.get("services")),
        "metadata": _metadata(source, shown),
    }
    return Document(
        reference_id=vendor_id,
        started_at=timestamp(shown.started_at),
        resolved_at=None if shown.resolved_at is None else timestamp(shown.resolved_at),
        values={key: value for key, value in values.items() if value is not None},
    )


def request(wanted: Document, ever_sent: frozenset[str] = frozenset()) -> dict[str, object]:
    """Return the body to send: what is wanted, and null for each key once sent that has no value now.

    DX leaves an omitted key as it is and erases one that is null; services are erased by [].
    """
    gone: dict[str, object] = {
        key: [] if key == "services" else None for key in sorted(ever_sent - {*ALWAYS, *wanted.values})
    }
    times = {"started_at": wanted.started_at, "resolved_at": wanted.resolved_at}
    return {"reference_id": wanted.reference_id, **times, **wanted.values, **gone}


def timestamp(instant: Nanoseconds) -> str:
    """Write a time as DX wants it, cut (not rounded) to whole seconds: `2024-01-01T11:22:33Z`."""
    return datetime.fromtimestamp(instant // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def slug(name: str) -> str:
    """Return `api-service` for `API Service`: NFKD, ASCII, lower case, one dash for anything else."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")


def _services(services: Value | None) -> list[dict[str, str]] | None:
    if not isinstance(services, tuple):
        return None
    entries = [_service(service) for service in services if isinstance(service, Service)]
    return list({entry["identifier"]: entry for entry in entries if entry}.values()) or None


def _service(service: Service) -> dict[str, str] | None:
    """Identify a service in DX's catalog by the slug of its name; by its id where nothing of a name is left."""
    identifier = slug(service.name or "") or service.id or service.name
    named = {"name": service.name} if service.name else {}
    return {"identifier": identifier, **named} if identifier else None


def _metadata(source: str, shown: Incident) -> dict[str, object]:
    known = {key: shown.fields[key] for key in _METADATA if key in shown.fields}
    acknowledged = shown.acknowledged_at
    computed = {
        "acknowledged_at": None if acknowledged is None else timestamp(acknowledged),
        "merged_into": shown.merged_into,
        "approximate": shown.approximate or None,
    }
    return {
        "source": source,
        "kind": shown.kind,
        **known,
        **{k: v for k, v in computed.items() if v is not None},
    }
