"""The one noun that mappers produce: what one vendor event says about one incident.

Times are whole nanoseconds since 1970-01-01T00:00:00Z: Opsgenie sends nanoseconds, which a
`datetime` would cut, and integers compare, merge and serialise without a time zone in sight.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Nanoseconds = int
Kind = Literal["incident", "alert"]
Role = Literal["owner", "responder", "associated"]


@dataclass(frozen=True, slots=True)
class Service:
    """A service as the vendor names it; at least one of the two is known."""

    id: str | None = None
    name: str | None = None


Value = str | int | tuple[str, ...] | tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """What one event says. A field that it does not carry is not in `fields`; None there is "cleared"."""

    vendor_id: str
    kind: Kind
    at: Nanoseconds | None
    """The event's own time; None where it has none (fold then takes the time of receipt)."""
    fields: Mapping[str, Value | None] = field(default_factory=dict)
    about: frozenset[str] = frozenset()
    """The fields that this type of event is about: they win over others of the same time."""
    created_at: Nanoseconds | None = None
    opened_at: Nanoseconds | None = None
    """A time at which the incident was certainly open, other than the event's own."""
    opens: bool = False
    """The event itself opened the incident or kept it open, at `at`."""
    shows_open: bool = False
    """The event is about something else and shows an open incident in passing."""
    resolves: bool = False
    resolved_at: Nanoseconds | None = None
    """When it was resolved, where the event tells a time of its own for that; else `at`."""
    infers: bool = False
    """The event shows in passing that it is resolved: the resolution itself came earlier, or may not hold."""
    merged_into: str | None = None
    """The incident that this one was merged into; "" where the vendor does not tell which."""
    deleted: bool = False
    acknowledged: bool = False
    acknowledged_at: Nanoseconds | None = None
    """When it was acknowledged, where the record tells a time of its own for that; else `at`."""
    strand: str = ""
    """Which of the incident's alerts speaks; "" where the vendor speaks of the incident itself."""
    role: Role | None = "owner"
    """The part that this alert plays in its incident; None where this event does not tell."""
    record: bool = False
    """Not an event but the record that the vendor's API gave: the whole truth at `at`."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """An authentic event that says nothing about an incident; `reason` is for people."""

    reason: str


class Unmappable(ValueError):  # noqa: N818 - an outcome as well
    """A body that should describe an incident but cannot be read; the text says where and why."""
