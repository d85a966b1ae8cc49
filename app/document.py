"""The shape of what DX is sent for an incident, and nothing about where it comes from.

Source: docs.getdx.com/datacloudapi, methods `incidents.upsert` and `incidents.delete`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from mappers.fields import SECOND
from mappers.observation import Nanoseconds

UPSERT, DELETE = "incidents.upsert", "incidents.delete"
ALWAYS = ("reference_id", "started_at", "resolved_at")


@dataclass(frozen=True, slots=True)
class Document:
    """The body of an upsert by key, without the keys that have no value; times are UTC, whole seconds."""

    reference_id: str
    started_at: str
    resolved_at: str | None
    values: dict[str, object] = field(default_factory=dict)
    """name, priority, source_url, services, metadata: where known."""


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
    return f"{datetime.fromtimestamp(instant // SECOND, UTC).isoformat()[:19]}Z"
