"""Set-ups in which DX would count an incident twice, or two as one; for `dx-bridge check`."""

from collections.abc import Iterator
from itertools import combinations

from app.settings import Settings
from app.sources import Source

_CONNECTORS = {
    "pagerduty": "PagerDuty",
    "opsgenie": "Opsgenie",
    "jsm": "Jira Service Management",
    "jira": "Jira Service Management",
}
"""Vendors with a connector, or with tables of one, in DX (docs.getdx.com/schema)."""
_PAIRS = {
    frozenset({"jsm", "jira"}): "an incident is a Jira issue and raises alerts",
    frozenset({"opsgenie", "jsm"}): "after the migration both send the same alerts",
    frozenset({"opsgenie", "jira"}): "after the migration an incident may be in both",
}


def doubles(settings: Settings) -> Iterator[str]:
    """Yield what to look after, none of which can be seen from here."""
    used = [source for source in settings.sources.values() if source.secrets]
    vendors = sorted({source.vendor for source in used})
    for name in dict.fromkeys(_CONNECTORS[vendor] for vendor in vendors):
        yield (
            f"if DX's own {name} connector reads the same account, DX counts each incident twice: "
            "switch off its incidents, or this source; this could not be checked from here"
        )
    for pair, why in _PAIRS.items():
        if pair <= set(vendors):
            first, second = sorted(pair)
            yield f"{first} and {second} are both in use, and {why}: let `include` choose one of them"
    for one, other in combinations(used, 2):
        if _share(settings, one, other):
            yield (
                f"{one.name} and {other.name} are both {one.vendor} and have one reference_prefix: if two of "
                "their incidents have one id, they are one in DX; give one of them a prefix"
            )


def _share(settings: Settings, one: Source, other: Source) -> bool:
    found = [settings.policy.source(source.name) for source in (one, other)]
    prefixes = {each.prefix for each in found if each}
    return one.vendor == other.vendor and len(prefixes) == 1
