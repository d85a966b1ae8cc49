"""The readers, one a vendor."""

import threading

from app.clock import Clock
from app.sources import Source
from app.vendors import pagerduty
from app.vendors.client import Access, Client
from app.vendors.reading import Reader


def reader(source: Source, clock: Clock | None = None, stop: threading.Event | None = None) -> Reader | None:
    """Return the reader of a source's vendor; None where there is no access to its API."""
    if source.api is None:
        return None
    if source.vendor == "pagerduty":
        access = Access("PagerDuty", source.api, "Token token={}", pagerduty.ACCEPT)
        return pagerduty.PagerDuty(Client(access, pagerduty.wait, clock, stop))
    return None
