"""The state of one incident, and how events add up: a join, so order and repetition cannot matter.

`merge` is commutative, associative and idempotent because each part of a state is: the latest of
registers (totally ordered), the earliest or latest of times, or the union of sets of times. What is
shown (start, end, fields) is computed from this evidence in `app.view` and never stored in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mappers.fields import SECOND
from mappers.observation import Kind, Nanoseconds, Observation, Role, Value

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Register:
    """A field's value (None: cleared), when it was said, and whether the event was about this field."""

    at: Nanoseconds
    about: bool
    value: Value | None


@dataclass(frozen=True, slots=True)
class Merged:
    """A resolution by merging into another incident; "" where the vendor does not tell which."""

    at: Nanoseconds
    into: str


@dataclass(frozen=True, slots=True)
class Strand:
    """The evidence of one alert, or of the incident itself; times in nanoseconds, sets as sorted tuples."""

    role: Role | None = None
    fields: Mapping[str, Register] = field(default_factory=dict)
    created: Nanoseconds | None = None
    first: Nanoseconds | None = None
    opened: Nanoseconds | None = None
    shown_open: tuple[Nanoseconds, ...] = ()
    resolved: tuple[Nanoseconds, ...] = ()
    inferred: tuple[Nanoseconds, ...] = ()
    """Those of `resolved` that an event only shows."""
    merged: Merged | None = None
    deleted: Nanoseconds | None = None
    acknowledged: Nanoseconds | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What the vendor's API told of the incident, the truth up to `at`: the last nanosecond of a second."""

    at: Nanoseconds
    strand: Strand


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of one incident: the evidence, kept apart by alert id ("" for the incident)."""

    kind: Kind
    strands: Mapping[str, Strand]
    record: Record | None = None


def observe(seen: Observation, received_at: Nanoseconds) -> State:
    """Return the state that one observation alone gives; `received_at` stands in for a missing time.

    A receipt is never evidence of an open incident: a webhook may arrive long after what it tells.
    """
    at = received_at if seen.at is None else seen.at
    if seen.record:
        at = at - at % SECOND + SECOND - 1
        return State(seen.kind, {}, Record(at, _strand(seen, at, at)))
    return State(seen.kind, {seen.strand: _strand(seen, at, seen.at)})


def _strand(seen: Observation, at: Nanoseconds, own: Nanoseconds | None) -> Strand:
    """Return the evidence of an observation at a time, which may be its own."""
    resolved_at = at if seen.resolved_at is None else seen.resolved_at
    acknowledged_at = at if seen.acknowledged_at is None else seen.acknowledged_at
    return Strand(
        role=seen.role,
        fields={name: Register(at, name in seen.about, value) for name, value in seen.fields.items()},
        created=seen.created_at,
        first=at,
        opened=_latest(seen.opened_at, own if seen.opens else None),
        shown_open=(at,) if seen.shows_open and own is not None else (),
        resolved=(resolved_at,) if seen.resolves else (),
        inferred=(resolved_at,) if seen.resolves and seen.infers else (),
        merged=None if seen.merged_into is None else Merged(at, seen.merged_into),
        deleted=at if seen.deleted else None,
        acknowledged=acknowledged_at if seen.acknowledged else None,
    )


def merge(a: State, b: State) -> State:
    """Join two states of the same incident."""
    record = later_record(a.record, b.record) if a.record and b.record else a.record or b.record
    return State(max(a.kind, b.kind), _union(a.strands, b.strands, join), record)


def join(a: Strand, b: Strand) -> Strand:
    """Join two pieces of evidence."""
    return Strand(
        role=_first_role(a.role, b.role),
        fields=_union(a.fields, b.fields, _later),
        created=_earliest(a.created, b.created),
        first=_earliest(a.first, b.first),
        opened=_latest(a.opened, b.opened),
        shown_open=_all(a.shown_open, b.shown_open),
        resolved=_all(a.resolved, b.resolved),
        inferred=_all(a.inferred, b.inferred),
        merged=_last_merged(a.merged, b.merged),
        deleted=_latest(a.deleted, b.deleted),
        acknowledged=_earliest(a.acknowledged, b.acknowledged),
    )


def _later(a: Register, b: Register) -> Register:
    """The later wins; then the event about the field, then a value over cleared, then a fixed order."""
    if a.at != b.at:
        return a if a.at > b.at else b
    return max(a, b, key=lambda r: (r.about, r.value is not None, repr(r.value)))


def _first_role(a: Role | None, b: Role | None) -> Role | None:
    """Any event may tell the role; of two that differ, the one that gives more: owner, responder."""
    return max(filter(None, (a, b)), key=("associated", "responder", "owner").index, default=None)


def _last_merged(a: Merged | None, b: Merged | None) -> Merged | None:
    return max(filter(None, (a, b)), key=lambda m: (m.at, m.into), default=None)


def later_record(a: Record, b: Record) -> Record:
    """Return the later record, with the earliest acknowledgement: one tells of it only while it is open."""
    last = max(a, b, key=_order)
    acknowledged = _earliest(a.strand.acknowledged, b.strand.acknowledged)
    return replace(last, strand=replace(last.strand, acknowledged=acknowledged))


def _order(record: Record) -> tuple[Nanoseconds, str, str]:
    rest = replace(record.strand, fields={}, acknowledged=None)
    return record.at, repr(sorted(record.strand.fields.items())), repr(rest)


def _earliest(a: Nanoseconds | None, b: Nanoseconds | None) -> Nanoseconds | None:
    return min((time for time in (a, b) if time is not None), default=None)


def _latest(a: Nanoseconds | None, b: Nanoseconds | None) -> Nanoseconds | None:
    return max((time for time in (a, b) if time is not None), default=None)


def _all(a: tuple[Nanoseconds, ...], b: tuple[Nanoseconds, ...]) -> tuple[Nanoseconds, ...]:
    return a if a == b else tuple(sorted({*a, *b}))


def _union(a: Mapping[str, V], b: Mapping[str, V], both: Callable[[V, V], V]) -> dict[str, V]:
    return {**a, **{key: both(a[key], value) if key in a else value for key, value in b.items()}}
