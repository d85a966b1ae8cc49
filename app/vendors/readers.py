"""The readers, one a vendor."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from app.clock import Clock
from app.policy import DEFAULT, ISSUE_TYPES, Policy
from app.sources import Source
from app.vendors import jira, jsm, opsgenie, pagerduty
from app.vendors.client import PATIENCE_SECONDS, Access, Client, Wait, retry_after
from app.vendors.reading import Reader


@dataclass(frozen=True, slots=True)
class _Vendor:
    """How a vendor's API is asked: `how` is its kind of authorisation."""

    name: str
    how: str
    wait: Wait
    make: Callable[[Client, Source, Policy], Reader]
    accept: str = "application/json"


_VENDORS = {
    "pagerduty": _Vendor(
        "PagerDuty",
        "Token token={}",
        pagerduty.wait,
        lambda client, source, _: pagerduty.PagerDuty(client, source.name),
        pagerduty.ACCEPT,
    ),
    "opsgenie": _Vendor(
        "Opsgenie", "GenieKey {}", opsgenie.wait, lambda client, *_: opsgenie.Opsgenie(client)
    ),
    "jsm": _Vendor("Jira Service Management", "Basic {}", retry_after, lambda client, *_: jsm.JSM(client)),
    "jira": _Vendor(
        "Jira",
        "Basic {}",
        retry_after,
        lambda client, source, policy: jira.Jira(client, _types(source, policy), source.app_url or ""),
    ),
}


def reader(
    source: Source,
    policy: Policy = DEFAULT,
    clock: Clock | None = None,
    stop: threading.Event | None = None,
    patience: float = PATIENCE_SECONDS,
) -> Reader | None:
    """Return the reader of a source's vendor; None where there is no access to its API."""
    if source.api is None:
        return None
    vendor = _VENDORS[source.vendor]
    access = Access(vendor.name, source.api, vendor.how, vendor.accept)
    return vendor.make(Client(access, vendor.wait, clock, stop, patience), source, policy)


def _types(source: Source, policy: Policy) -> tuple[str, ...]:
    of_source = policy.source(source.name)
    return of_source.issue_types if of_source else ISSUE_TYPES
