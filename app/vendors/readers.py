"""The readers, one a vendor."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from app.clock import Clock
from app.policy import DEFAULT, ISSUE_TYPES, Policy
from app.sources import Api, Source
from app.vendors import jira, jsm, opsgenie, pagerduty
from app.vendors.client import PATIENCE_SECONDS, Access, Client, Wait, retry_after
from app.vendors.reading import Reader


@dataclass(frozen=True, slots=True)
class _Vendor:
    """How a vendor's API is asked: `how` is its kind of authorisation, `set_by` the variable of its address."""

    name: str
    how: str
    set_by: str
    wait: Wait
    make: Callable[[Client, Source, Policy], Reader]
    accept: str = "application/json"


_ATLASSIAN = "JSM_CLOUD_ID or JSM_API_URL"
_VENDORS = {
    "pagerduty": _Vendor(
        "PagerDuty",
        "Token token={}",
        "PAGERDUTY_API_URL",
        pagerduty.wait,
        lambda client, source, _: pagerduty.PagerDuty(client, source.name),
        pagerduty.ACCEPT,
    ),
    "opsgenie": _Vendor(
        "Opsgenie",
        "GenieKey {}",
        "OPSGENIE_API_URL",
        opsgenie.wait,
        lambda client, *_: opsgenie.Opsgenie(client),
    ),
    "jsm": _Vendor(
        "Jira Service Management",
        "Basic {}",
        _ATLASSIAN,
        retry_after,
        lambda client, *_: jsm.JSM(client),
    ),
    "jira": _Vendor(
        "Jira",
        "Basic {}",
        _ATLASSIAN,
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
    made = client_of(source, source.api, clock, stop, patience)
    return _VENDORS[source.vendor].make(made, source, policy)


def client_of(
    source: Source,
    api: Api,
    clock: Clock | None = None,
    stop: threading.Event | None = None,
    patience: float = PATIENCE_SECONDS,
) -> Client:
    """Return a client of the API of a source's vendor."""
    vendor = _VENDORS[source.vendor]
    is_own = source.api_url or source.name != source.vendor  # another account than that of the variables
    set_by = f"api_url in [sources.{source.name}]" if is_own else vendor.set_by
    access = Access(vendor.name, api, set_by, vendor.how, vendor.accept)
    return Client(access, vendor.wait, clock, stop, patience)


def _types(source: Source, policy: Policy) -> tuple[str, ...]:
    of_source = policy.source(source.name)
    return of_source.issue_types if of_source else ISSUE_TYPES
