"""The truth of a history: what its statements add up to, by the contract and by nothing else.

Written for clearness, not speed: every rule looks at all statements at once, so order, repetition
and batches cannot matter. What the contract leaves open raises `UndeterminedError`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from tests.histories.model import RECEIPT, SECOND, Statement, UndeterminedError, iso

OWN_KEYS = ("name", "priority", "source_url", "services")
"""The fields with a key of their own in the body for DX; the others are metadata."""

SNAPSHOT_WINDOW = 2 * SECOND

Statements = Sequence[Statement]


def documents(statements: Iterable[Statement]) -> dict[str, dict[str, Any]]:
    """Return the body for DX of every incident that the statements speak of."""
    incidents: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements:
        incidents[statement.reference].append(statement)
    return {reference: document(said) for reference, said in incidents.items()}


def document(said: Statements) -> dict[str, Any]:
    """Return the body for DX of one incident."""
    if sum(statement.time == RECEIPT for statement in said) > 1:
        raise UndeterminedError("two events without a time: their receipt would tell the last")
    groups = [group for group in _by_authority(said) if group]
    _refuse_inexact_start(groups)
    fields = _fields(groups)
    metadata = {key: value for key, value in fields.items() if key not in OWN_KEYS}
    metadata |= {"source": said[0].source, "kind": said[0].kind, **_acknowledged(groups)}
    if said[0].alert and not _roles(said):
        metadata["approximate"] = True
    if groups:
        start, resolved, merge = _status(groups[0])
        metadata |= merge
    else:
        start, resolved = min(s.time for s in said), None
    return {
        "reference_id": said[0].reference,
        "started_at": _out(start),
        "resolved_at": None if resolved is None else _out(resolved),
        **{key: value for key, value in fields.items() if key in OWN_KEYS},
        "metadata": metadata,
    }


def _roles(said: Statements) -> dict[str, str]:
    """Return the type of each alert that has one; any of its events may tell it."""
    return {s.alert: s.role for s in said if s.alert and s.role}


def _by_authority(said: Statements) -> tuple[Statements, ...]:
    """Return groups of statements, each filling only what those before it have not given."""
    roles = _roles(said)
    if not roles:
        return (said,)
    owners = [s for s in said if roles.get(s.alert or "") == "owner"]
    responders = [s for s in said if roles.get(s.alert or "", "responder") == "responder"]
    return owners, responders


def _refuse_inexact_start(groups: Sequence[Statements]) -> None:
    exact = [any(s.created is not None for s in group) for group in groups]
    if any(exact) and not exact[0]:
        raise UndeterminedError("an event time of Owner alerts against a creation time of others")


def _status(said: Statements) -> tuple[int, int | None, dict[str, str]]:
    """Return start, resolution and, while a merge with a known target holds, `merged_into`."""
    exact = [s.created for s in said if s.created is not None]
    start = min(exact or [s.time for s in said])
    resolutions = [(max(s.resolved, start), s) for s in said if s.resolved is not None]
    opened = max([start, *(time for s in said for time in s.opened), *_snapshots(said, start)])
    resolved = min((time for time, _ in resolutions if time >= opened), default=None)
    merges = [(time, s.merged_into) for time, s in resolutions if s.merged and time >= opened]
    last = max((time for time, _ in merges), default=None)
    target = _only([target for time, target in merges if time == last]) if merges else None
    if target is None and any(target for _, target in merges):
        raise UndeterminedError("the last of several merges does not name its target")
    return start, resolved, {"merged_into": target} if target else {}


def _snapshots(said: Statements, start: int) -> list[int]:
    """Return when other events showed the incident open, but for those just after a resolution."""
    resolutions = [s.resolved for s in said if s.resolved is not None]
    shown = [s.snapshot for s in said if s.snapshot is not None]
    if shown and any(time < start for time in resolutions):
        raise UndeterminedError("two seconds after a resolution before the start: from where on?")
    return [time for time in shown if not any(_trails(time, resolution) for resolution in resolutions)]


def _trails(snapshot: int, resolution: int) -> bool:
    if snapshot - resolution in (0, SNAPSHOT_WINDOW):
        raise UndeterminedError("a snapshot exactly at an edge of the two seconds")
    return 0 < snapshot - resolution < SNAPSHOT_WINDOW


def _fields(groups: Sequence[Statements]) -> dict[str, Any]:
    """Return every field that has a value; what one group has cleared the next does not fill."""
    told: dict[str, Any] = {}
    for group in reversed(groups):
        told |= {name: _latest(name, group) for name in {name for s in group for name in s.fields}}
    return {name: value for name, value in told.items() if value is not None}


def _latest(name: str, said: Statements) -> Any:
    """Return the latest value; at equal times that of an event about the field, then any value."""
    told = [s for s in said if name in s.fields]
    newest = max(s.time for s in told)
    last = [s for s in told if s.time == newest]
    last = [s for s in last if s.about == name] or last
    last = [s for s in last if s.fields[name] is not None] or last
    return _only([s.fields[name] for s in last])


def _acknowledged(groups: Sequence[Statements]) -> dict[str, str]:
    for group in groups:
        times = [s.acknowledged for s in group if s.acknowledged is not None]
        if times:
            return {"acknowledged_at": _out(min(times))}
    return {}


def _only(values: Sequence[Any]) -> Any:
    first, *others = values
    if any(other != first for other in others):
        raise UndeterminedError(f"equal claims to different values: {first!r}, {others!r}")
    return first


def _out(time: int) -> str:
    if time == RECEIPT:
        raise UndeterminedError("a time that only the receipt could tell")
    return iso(time)
