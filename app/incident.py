"""The state of one incident, and how events add up: a join, so order and repetition cannot matter.

`merge` is commutative, associative and idempotent because each part of a state is: the latest of
registers (totally ordered), the earliest or latest of times, or the union of sets of times. What is
shown (start, end, fields) is computed from this evidence in `app.view` and never stored in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

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
    merged: Merged | None = None
    deleted: Nanoseconds | None = None
    acknowledged: Nanoseconds | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of one incident: the evidence, kept apart by alert id ("" for the incident)."""

    kind: Kind
    strands: Mapping[str, Strand]


def observe(seen: Observation, received_at: Nanoseconds) -> State:
    """Return the state that one observation alone gives; `received_at` stands in for a missing time.

    A receipt is never evidence of an open incident: a webhook may arrive long after what it tells.
    """
    at = received_at if seen.at is None else seen.at
    resolved_at = at if seen.resolved_at is None else seen.resolved_at
    strand = Strand(
        role=seen.role,
        fields={name: Register(at, name in seen.about, value) for name, value in seen.fields.items()},
        created=seen.created_at,
        first=at,
        opened=_latest(seen.opened_at, seen.at if seen.opens else None),
        shown_open=(at,) if seen.shows_open and seen.at is not None else (),
        resolved=(resolved_at,) if seen.resolves else (),
        merged=None if seen.merged_into is None else Merged(at, seen.merged_into),
        deleted=at if seen.deleted else None,
        acknowledged=at if seen.acknowledged else None,
    )
    return State(seen.kind, {seen.strand: strand})


def merge(a: State, b: State) -> State:
    """Join two states of the same incident."""
    return State(max(a.kind, b.kind), _union(a.strands, b.strands, join))


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
        merged=_last_merged(a.merged, b.merged),
        deleted=_latest(a.deleted, b.deleted),
        acknowledged=_earliest(a.acknowledged, b.acknowledged),
    )


def _later(a: Register, b: Register) -> Register:
    """The later wins; then the event about the field, then a value over cleared, then a fixed order."""
    return max(a, b, key=lambda r: (r.at, r.about, r.value is not None, repr(r.value)))


def _first_role(a: Role | None, b: Role | None) -> Role | None:
    """Any event may tell the role; of two that differ, the one that gives more: owner, responder."""
    return max(filter(None, (a, b)), key=("associated", "responder", "owner").index, default=None)


def _last_merged(a: Merged | None, b: Merged | None) -> Merged | None:
    return max(filter(None, (a, b)), key=lambda m: (m.at, m.into), default=None)


def _earliest(a: Nanoseconds | None, b: Nanoseconds | None) -> Nanoseconds | None:
    return min((time for time in (a, b) if time is not None), default=None)


def _latest(a: Nanoseconds | None, b: Nanoseconds | None) -> Nanoseconds | None:
    return max((time for time in (a, b) if time is not None), default=None)


def _all(a: tuple[Nanoseconds, ...], b: tuple[Nanoseconds, ...]) -> tuple[Nanoseconds, ...]:
    return a if a == b else tuple(sorted({*a, *b}))


def _union(a: Mapping[str, V], b: Mapping[str, V], both: Callable[[V, V], V]) -> dict[str, V]:
    return {**a, **{key: both(a[key], value) if key in a else value for key, value in b.items()}}
