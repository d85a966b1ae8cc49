"""What an incident's evidence shows: its start, end and fields."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from app.authority import under
from app.incident import State, Strand, join
from mappers.fields import SECOND
from mappers.observation import Kind, Nanoseconds, Value

SNAPSHOT_WINDOW = 2 * SECOND
"""An event about something else may still show the open incident this long after its resolution."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as the vendor's events show it; times in nanoseconds since the epoch."""

    kind: Kind
    started_at: Nanoseconds
    resolved_at: Nanoseconds | None
    fields: dict[str, Value]
    acknowledged_at: Nanoseconds | None
    merged: bool
    merged_into: str | None
    deleted: bool
    approximate: bool
    known: bool
    """False where only Associated alerts have named it: then nothing is told but that it exists."""
    inferred: bool = False
    """Its resolution was only shown in passing, or by the alerts of an incident: worth asking the vendor."""


def view(state: State) -> Incident:
    """Compute what the evidence of a state shows.

    Owner alerts tell status, start and fields; the others (Responders, and alerts of unknown type
    beside known ones) fill what no Owner has given; Associated alerts give nothing but existence.
    Where no alert has a type, all count as Owners and the result is approximate. The record that the
    vendor's API gave goes before all evidence up to its own time.
    """
    strands = state.strands.values()
    untyped = all(strand.role is None for strand in strands)
    owners = _pool(strand for strand in strands if untyped or strand.role == "owner")
    others = _pool(strand for strand in strands if not untyped and strand.role in ("responder", None))
    lead, fill = owners or others or Strand(), others or Strand()
    if state.record is not None:
        unknown = _pool(strand for strand in strands if strand.role is None)
        lead, untyped = under(state.record, owners or unknown or Strand()), False
    started_at = _start(lead, fill, strands)
    opened = _last_open(lead, started_at)
    merged = lead.merged is not None and max(lead.merged.at, started_at) >= opened
    acknowledged = lead.acknowledged if lead.acknowledged is not None else fill.acknowledged
    resolved_at = _resolution(lead, started_at, opened)
    return Incident(
        kind=state.kind,
        started_at=started_at,
        resolved_at=resolved_at,
        fields=_fields(lead, fill),
        acknowledged_at=acknowledged,
        merged=merged,
        merged_into=lead.merged.into or None if lead.merged and merged else None,
        deleted=lead.deleted is not None and max(lead.deleted, started_at) >= opened,
        approximate=untyped,
        known=bool(owners or others or state.record),
        inferred=resolved_at in {max(end, started_at) for end in lead.inferred},
    )


def _pool(strands: Iterable[Strand]) -> Strand | None:
    pooled = list(strands)
    return reduce(join, pooled) if pooled else None


def _start(lead: Strand, fill: Strand, strands: Iterable[Strand]) -> Nanoseconds:
    """The earliest exact creation; without one, the earliest event; Associated alerts come last."""
    known = (lead.created, fill.created, lead.first, fill.first)
    every = (strand.first for strand in strands if strand.first is not None)
    return next((time for time in known if time is not None), None) or min(every)


def _last_open(lead: Strand, started_at: Nanoseconds) -> Nanoseconds:
    """The latest open evidence; a snapshot within two seconds after a resolution is none."""
    shown = (
        time
        for time in lead.shown_open
        if not any(0 <= time - end <= SNAPSHOT_WINDOW for end in lead.resolved)
    )
    return max(started_at, lead.opened or started_at, *shown)


def _resolution(lead: Strand, started_at: Nanoseconds, opened: Nanoseconds) -> Nanoseconds | None:
    """The earliest resolution not before the latest open evidence; none before the start."""
    ends = (max(end, started_at) for end in lead.resolved)
    return min((end for end in ends if end >= opened), default=None)


def _fields(lead: Strand, fill: Strand) -> dict[str, Value]:
    registers = {**fill.fields, **lead.fields}
    return {name: register.value for name, register in registers.items() if register.value is not None}
