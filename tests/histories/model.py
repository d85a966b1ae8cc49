"""What a history is made of: webhooks, and what each of them states in the words of the contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND = 1_000_000_000
MILLISECOND = 1_000_000

RECEIPT = 2**62
"""The event time of an event without one: later than every vendor time, and otherwise unknown here."""


class UndeterminedError(Exception):
    """The contract does not settle the truth of this script, so it is of no use as a test."""


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook as the vendor would send it."""

    source: str
    body: dict[str, Any]
    received_at: str


@dataclass(frozen=True, slots=True)
class History:
    """Webhooks in the order in which they happened, and what DX must hold once all are folded."""

    events: tuple[Event, ...]
    truth: dict[str, dict[str, Any]]
    situations: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one webhook says of one incident; every time is in nanoseconds since 1970.

    `fields` maps a field to its value, or to None where the webhook clears it; a field that is
    not there was not mentioned. `opened` is open evidence whatever else happened, `snapshot` the
    time of an event about something else that shows the incident open. `alert` and `role` are
    those of the alert through which an Opsgenie incident is seen.
    """

    source: str
    kind: str
    reference: str
    time: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    about: str | None = None
    created: int | None = None
    acknowledged: int | None = None
    opened: tuple[int, ...] = ()
    snapshot: int | None = None
    resolved: int | None = None
    merged: bool = False
    merged_into: str | None = None
    alert: str | None = None
    role: str | None = None


def iso(time: int, digits: int = 0) -> str:
    """Write the time in UTC with `digits` of its fraction, cut and never rounded."""
    seconds, nanoseconds = divmod(time, SECOND)
    fraction = f".{nanoseconds:09d}"[: digits + 1] if digits else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def value_or_cleared(text: str | None) -> str | None:
    """Return None for a text that the contract takes as cleared: null, or nothing but blanks."""
    return text if text and text.strip() else None
