"""The vendors: one module each, listed here and nowhere else."""

from collections.abc import Mapping
from typing import Any, Protocol

from mappers import jira, jsm, opsgenie, pagerduty
from mappers.observation import Ignored, Kind, Observation

__all__ = ["MAPPERS", "Mapper", "recognise"]


class Mapper(Protocol):
    """What a vendor's module offers; every function is pure and takes no `self`."""

    REFERENCE_PREFIX: str
    """What the reference in DX begins with, before the vendor's id; mostly nothing."""
    DELIVERY_HEADER: str
    """The header that names a delivery, and with the body's digest tells events apart; "" where there is none."""

    def recognises(self, body: Mapping[str, Any]) -> bool:
        """Tell whether a body is this vendor's."""

    def from_webhook(self, body: Mapping[str, Any]) -> Observation | Ignored:
        """Read one webhook body; raise Unmappable where it should carry an incident and cannot be read."""

    def from_api(self, record: Mapping[str, Any]) -> Observation | Ignored:
        """Read one record of the vendor's API, as its reader hands it over; raise Unmappable as above."""

    def event_id(self, body: Mapping[str, Any]) -> str | None:
        """Return the vendor's own id of the event, None where it gives none."""

    def redact(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the body without anything secret that the vendor echoes."""

    def source_url(self, kind: Kind, vendor_id: str, app_url: str | None) -> str | None:
        """Return the incident's page at the vendor; None where its bodies carry it, or none is known."""


MAPPERS: dict[str, Mapper] = {"pagerduty": pagerduty, "opsgenie": opsgenie, "jsm": jsm, "jira": jira}


def recognise(body: Mapping[str, Any]) -> str | None:
    """Return the vendor whose body this is, None where no vendor claims it."""
    return next((vendor for vendor, mapper in MAPPERS.items() if mapper.recognises(body)), None)
