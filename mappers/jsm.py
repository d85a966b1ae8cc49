"""Jira Service Management Operations: Opsgenie's alert webhooks under another name and other links."""

from mappers.observation import Kind
from mappers.opsgenie import DELIVERY_HEADER, REFERENCE_PREFIX, event_id, from_api, from_webhook, redact

__all__ = [
    "DELIVERY_HEADER",
    "REFERENCE_PREFIX",
    "event_id",
    "from_api",
    "from_webhook",
    "recognises",
    "redact",
    "source_url",
]


def recognises(body: object) -> bool:  # noqa: ARG001
    """Return False: the bodies do not differ from Opsgenie's, so the source has to be named."""
    return False


def source_url(kind: Kind, vendor_id: str, app_url: str | None) -> str | None:
    """Return the page of an alert under the Jira site `app_url`; incidents have none by their alerts' id."""
    return f"{app_url}/jira/ops/alerts/{vendor_id}" if app_url and kind == "alert" else None
