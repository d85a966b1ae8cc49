"""What DX should hold for an incident under a policy: services, priorities, metadata; pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from app.document import Document, timestamp
from app.view import Incident
from mappers import MAPPERS
from mappers.observation import Service, Value

if TYPE_CHECKING:
    from app.rules import Rule

_OF_FIELDS = ("urgency", "teams", "number", "incident_type", "escalation_policy", "tags", "entity", "alias")
METADATA = ("source", "kind", *_OF_FIELDS, "acknowledged_at", "merged_into", "approximate")
RETRACTABLE = ("merged", "deleted", "excluded")
UNMAPPED = ("slug", "id", "omit")
ISSUE_TYPES = ("[System] Incident", "Incident")

Unmapped = Literal["slug", "id", "omit"]


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """What holds for one source alone."""

    vendor: str
    reference_prefix: str = ""
    include: "Rule | None" = None
    app_url: str | None = None
    issue_types: tuple[str, ...] = ISSUE_TYPES
    """Jira's: those that count as incidents."""

    @property
    def prefix(self) -> str:
        """What the references of this source begin with."""
        return self.reference_prefix + MAPPERS[self.vendor].REFERENCE_PREFIX


@dataclass(frozen=True, slots=True)
class Policy:
    """All of `bridge.toml` that decides about documents; the defaults are those of an empty file."""

    unmapped: Unmapped = "slug"
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    priorities: Mapping[str, str] = field(default_factory=dict)
    include: "Rule | None" = None
    retract: frozenset[str] = frozenset()
    metadata: tuple[str, ...] = METADATA
    rename: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, SourcePolicy] = field(default_factory=dict)

    def source(self, name: str) -> SourcePolicy | None:
        """Return what holds for a source; None for one that this policy does not know."""
        return self.sources.get(name) or (SourcePolicy(name) if name in MAPPERS else None)

    def is_mapped(self, service: Service) -> bool:
        """Whether the table of services names it."""
        return service.id in self.services or service.name in self.services

    def identifiers(self, service: Service) -> tuple[str, ...]:
        """Return the identifiers that a service has in DX's catalog: by its id, its name, or as `unmapped` says."""
        for key in (service.id, service.name):
            if key is not None and key in self.services:
                return self.services[key]
        by_name = slug(service.name or "")
        unmapped = {
            "slug": by_name or service.id or service.name,
            "id": service.id or by_name or service.name,
        }
        chosen = unmapped.get(self.unmapped)
        return (chosen,) if chosen else ()


DEFAULT = Policy()


def document(
    source: str, vendor_id: str, shown: Incident, source_url: str | None, policy: Policy = DEFAULT
) -> Document:
    """Return what DX should hold; `source_url` serves where the vendor's bodies carry none."""
    fields = {"source_url": source_url, **shown.fields} if shown.known else {}
    of_source = policy.source(source)
    values = {
        "name": fields.get("name"),
        "priority": _priority(policy, fields.get("priority")),
        "source_url": fields.get("source_url"),
        "services": _services(policy, fields.get("services")),
        "metadata": _selected(policy, metadata(source, shown)),
    }
    return Document(
        reference_id=(of_source.prefix if of_source else "") + vendor_id,
        started_at=timestamp(shown.started_at),
        resolved_at=None if shown.resolved_at is None else timestamp(shown.resolved_at),
        values={key: value for key, value in values.items() if value is not None},
    )


def metadata(source: str, shown: Incident) -> dict[str, object]:
    """Return all that is known of an incident besides DX's own keys, by the names that a policy knows."""
    acknowledged = shown.acknowledged_at
    computed = {
        "acknowledged_at": None if acknowledged is None else timestamp(acknowledged),
        "merged_into": shown.merged_into,
        "approximate": shown.approximate or None,
    }
    return {
        "source": source,
        "kind": shown.kind,
        **{key: shown.fields[key] for key in _OF_FIELDS if key in shown.fields},
        **{key: value for key, value in computed.items() if value is not None},
    }


@lru_cache(4096)
def slug(name: str) -> str:
    """Return `api-service` for `API Service`: NFKD, ASCII, lower case, one dash for anything else."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")


def _priority(policy: Policy, priority: Value | None) -> Value | None:
    return policy.priorities.get(priority, priority) or None if isinstance(priority, str) else priority


def _services(policy: Policy, services: Value | None) -> list[dict[str, str]] | None:
    """Return the services as DX wants them, each identifier once; None where nothing is known."""
    entries: dict[str, dict[str, str]] = {}
    for service in services if isinstance(services, tuple) else ():
        if isinstance(service, Service):
            named = {"name": service.name} if service.name else {}
            for identifier in policy.identifiers(service):
                entries.setdefault(identifier, {"identifier": identifier, **named})
    return list(entries.values()) or None


def _selected(policy: Policy, known: Mapping[str, object]) -> dict[str, object] | None:
    chosen = {policy.rename.get(key, key): known[key] for key in known if key in policy.metadata}
    return chosen or None
