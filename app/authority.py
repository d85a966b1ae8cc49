"""The vendor's API record against the webhooks: the record is the truth up to its own time; pure."""

from collections.abc import Mapping
from dataclasses import replace

from app.incident import Merged, Record, Register, State, Strand, join, later_record
from mappers.fields import SECOND
from mappers.observation import Nanoseconds, Service

SAME_RESOLUTION = 2 * SECOND
"""A webhook's resolution within this of the record's is the same one, told more precisely."""


def under(record: Record, webhooks: Strand) -> Strand:
    """Return the evidence that counts: the record's, and what webhooks tell of the time after it.

    Webhooks keep what the record does not tell (a tag, say), the milliseconds of its resolution, and the
    time of one that the record only infers.
    """
    told = record.strand
    resolution = min(told.resolved, default=None)
    precise = None if resolution is None else _precise(resolution, webhooks, inferred=bool(told.inferred))
    truth = told if precise is None else replace(told, resolved=(precise,), inferred=())
    ends = _last_of(resolution) if precise is None else precise
    later = replace(_later(webhooks, told, record.at, ends), merged=_merged(webhooks.merged, record))
    return _named(join(later, truth), told.fields)


def tells_more(held: State, record: Record) -> bool:
    """Tell whether a record that was read adds anything to the evidence.

    One that says what the record before it said does so only where webhooks have spoken in between.
    """
    known = held.record
    if known is None:
        return True
    if record.at <= known.at:
        return later_record(known, record) != known
    spoken = max(map(_last, held.strands.values()), default=0)
    return spoken > known.at or _content(later_record(known, record)) != _content(known)


def _content(record: Record) -> Strand:
    """Return what a record tells, without the time at which it was read."""
    told, at = record.strand, record.at
    return replace(
        told,
        fields={name: replace(register, at=0) for name, register in told.fields.items()},
        first=None,
        opened=None if told.opened is None else told.opened - at,
        resolved=tuple(time for time in told.resolved if time != at),
        merged=told.merged and replace(told.merged, at=0),
        deleted=told.deleted and 0,
    )


def _last(strand: Strand) -> Nanoseconds:
    times = [strand.opened, strand.deleted, strand.acknowledged, strand.merged.at if strand.merged else None]
    told = [register.at for register in strand.fields.values()]
    return max([*filter(None, times), *told, *strand.shown_open, *strand.resolved], default=0)


def _later(webhooks: Strand, told: Strand, at: Nanoseconds, resolution_ends: Nanoseconds) -> Strand:
    """Return what webhooks tell of the time after `at`, and of what the record is silent about."""
    fields = {
        name: register
        for name, register in webhooks.fields.items()
        if name not in told.fields or register.at > at
    }
    opened = webhooks.opened
    return replace(
        webhooks,
        fields=fields,
        created=webhooks.created if told.created is None else None,
        opened=opened if opened is not None and opened > max(at, resolution_ends) else None,
        shown_open=tuple(
            time for time in webhooks.shown_open if time > max(at, resolution_ends + SAME_RESOLUTION)
        ),
        resolved=tuple(time for time in webhooks.resolved if time > at),
        inferred=tuple(time for time in webhooks.inferred if time > at),
        deleted=webhooks.deleted if webhooks.deleted is not None and webhooks.deleted > at else None,
    )


def _merged(merged: Merged | None, record: Record) -> Merged | None:
    """Return a merge after the record, or that of its resolution where it does not tell of one."""
    told, since = record.strand, record.at
    if told.merged is None and told.resolved:
        since = min(told.resolved) - SAME_RESOLUTION
    return merged if merged is not None and merged.at >= since else None


def _precise(resolution: Nanoseconds, webhooks: Strand, *, inferred: bool) -> Nanoseconds | None:
    """Return the webhook's time of the resolution that the record tells, or only infers; None without one."""
    exact = set(webhooks.resolved).difference(webhooks.inferred)
    near = [time for time in exact if abs(time - resolution) <= SAME_RESOLUTION]
    if near:
        second = resolution // SECOND
        return min(near, key=lambda time: (time // SECOND != second, abs(time - resolution), time))
    opened = webhooks.opened or 0
    known = (exact or webhooks.resolved) if inferred else ()
    return min((time for time in known if opened <= time <= resolution), default=None)


def _last_of(resolution: Nanoseconds | None) -> Nanoseconds:
    """Return the end of the second that a resolution in whole seconds stands for."""
    return 0 if resolution is None else resolution + (SECOND - 1 if resolution % SECOND == 0 else 0)


def _named(strand: Strand, told: Mapping[str, Register]) -> Strand:
    """Name services that a later webhook gives by their id alone, as far as the record knows them."""
    listed = strand.fields.get("services")
    names = {each.id: each.name for each in _services(told.get("services"))}
    if listed is None or not names or not listed.value:
        return strand
    named = tuple(replace(each, name=each.name or names.get(each.id)) for each in _services(listed))
    return replace(strand, fields={**strand.fields, "services": replace(listed, value=named)})


def _services(register: Register | None) -> list[Service]:
    value = register.value if register else None
    return [each for each in value if isinstance(each, Service)] if isinstance(value, tuple) else []
