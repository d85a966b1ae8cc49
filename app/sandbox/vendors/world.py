"""All vendors of one sandbox."""

import time
from collections.abc import Callable
from typing import Any

from app.sandbox.vendors.atlassian_records import ATLASSIAN
from app.sandbox.vendors.opsgenie_records import OPSGENIE
from app.sandbox.vendors.pagerduty_records import PAGERDUTY
from app.sandbox.vendors.vendor import Vendor


class Vendors:
    """The vendors, each empty at first."""

    __slots__ = ("atlassian", "opsgenie", "pagerduty")

    def __init__(self, *, wall: Callable[[], float] = time.time, **world: Any) -> None:
        self.pagerduty = Vendor(PAGERDUTY, wall=wall, **world)
        self.opsgenie = Vendor(OPSGENIE, wall=wall, **world)
        self.atlassian = Vendor(ATLASSIAN, wall=wall, **world)

    def get(self, name: str) -> Vendor | None:
        """Return a vendor by its name."""
        vendor: Vendor | None = getattr(self, name, None) if name in self.__slots__ else None
        return vendor
