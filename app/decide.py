"""Whether DX should hold an incident at all: include, retract, an operator's override; pure."""

from dataclasses import dataclass, field, replace
from typing import Literal

from app.document import Document
from app.policy import Policy, SourcePolicy, document, metadata
from app.view import Incident
from mappers.observation import Nanoseconds, Service

Action = Literal["upsert", "delete", "none"]


@dataclass(frozen=True, slots=True)
class Override:
    """An operator's correction of one incident, applied after the merge; None: as the evidence shows."""

    included: bool | None = None
    started_at: Nanoseconds | None = None
    resolved_at: Nanoseconds | None = None

    def applied(self, shown: Incident) -> Incident:
        """Return the incident as corrected; it never ends before it starts."""
        if self.started_at is None and self.resolved_at is None and not _ends_early(shown):
            return shown
        started = shown.started_at if self.started_at is None else self.started_at
        resolved = shown.resolved_at if self.resolved_at is None else self.resolved_at
        ended = None if resolved is None else max(resolved, started)
        return replace(shown, started_at=started, resolved_at=ended)


def _ends_early(shown: Incident) -> bool:
    return shown.resolved_at is not None and shown.resolved_at < shown.started_at


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done about an incident in DX; `none` where DX does not hold it and should not."""

    action: Action
    document: Document
    shown: Incident
    reason: str = ""
    """Why it is left out or deleted, or kept all the same."""
    failed: str = ""
    """Which rule failed on it, and how."""
    kept: bool = False
    """It should not be in DX, and is kept true there only because DX holds it, or may."""


@dataclass(frozen=True, slots=True)
class _Out:
    """Why an incident should not be in DX, and whether it is to be deleted where it is."""

    reason: str
    retract: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts besides the evidence: an operator's correction, and whether DX holds the incident, or may."""

    override: Override = field(default_factory=Override)
    in_dx: bool = False


NEW = Standing()
"""Of an incident that nobody but the vendor has said anything about, and DX has never heard of."""


def decide(
    policy: Policy, key: tuple[str, str], shown: Incident, link: str | None, standing: Standing = NEW
) -> Wanted:
    """Return what is to be done about the incident of this (source, vendor id).

    Inclusion is sticky: what DX holds is kept true there, whatever `include` says, unless it is retracted.
    """
    (source, vendor_id), override = key, standing.override
    shown = override.applied(shown)
    desired = document(source, vendor_id, shown, link, policy)
    out, failed = _left_out(policy, source, shown, desired, override)
    if out is None:
        return Wanted("upsert", desired, shown, failed, failed)
    if not standing.in_dx:
        return Wanted("none", desired, shown, out.reason, failed)
    action: Action = "delete" if out.retract else "upsert"
    return Wanted(action, desired, shown, out.reason, failed, kept=not out.retract)


def _left_out(
    policy: Policy, source: str, shown: Incident, desired: Document, override: Override
) -> tuple[_Out | None, str]:
    """Return why the incident should not be in DX, None if it should; and which rule failed on it."""
    of_source = policy.source(source) or SourcePolicy(source)
    if override.included is not None:
        return (None if override.included else _Out("an operator excluded it", retract=True)), ""
    for fact, holds in (("merged", shown.merged), ("deleted", shown.deleted)):
        if holds and fact in policy.retract:
            return _Out(fact, retract=True), ""
    excluded, failed = _excluded(policy, of_source, source, shown, desired)
    return (_Out(excluded, "excluded" in policy.retract) if excluded else None), failed


def _excluded(
    policy: Policy, of_source: SourcePolicy, source: str, shown: Incident, desired: Document
) -> tuple[str, str]:
    if of_source.vendor == "jira":
        kind = str(shown.fields.get("incident_type", ""))
        if kind.casefold() not in map(str.casefold, of_source.issue_types):
            return f'issue type "{kind}" does not count', ""
    rules = (("", policy.include), (f"[sources.{source}] ", of_source.include))
    names, failures = dict[str, object](), list[str]()
    for place, rule in rules:
        if rule is not None:
            names = names or _names(of_source, source, shown, desired)
            included, failure = rule.judge(names)
            if not included:
                return f"{place}include is false", "; ".join(failures)
            if failure:
                failures.append(f"{place}include failed and counts as true: {failure}")
    return "", "; ".join(failures)


def _names(of_source: SourcePolicy, source: str, shown: Incident, desired: Document) -> dict[str, object]:
    """Return what `app.rules.NAMES` stand for: the vendor's own words, before any mapping."""
    fields = shown.fields
    services = [each for each in _listed(fields.get("services")) if isinstance(each, Service)]
    return {
        "source": source,
        "vendor": of_source.vendor,
        "kind": shown.kind,
        "reference_id": desired.reference_id,
        **{name: str(fields.get(name, "")) for name in ("incident_type", "name", "priority", "urgency")},
        "status": "open" if shown.resolved_at is None else "resolved",
        "services": [each.name for each in services if each.name],
        "service_ids": [each.id for each in services if each.id],
        "teams": _listed(fields.get("teams")),
        "tags": _listed(fields.get("tags")),
        "metadata": metadata(source, shown),
        "merged": shown.merged,
        "deleted": shown.deleted,
    }


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, tuple) else []
