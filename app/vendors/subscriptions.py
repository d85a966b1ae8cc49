"""PagerDuty's webhook subscriptions: are they active, and do they send every type of event that is needed?"""

from collections.abc import Iterator

from app.vendors.client import Client


def problems(client: Client) -> Iterator[str]:
    """Tell which subscriptions to a bridge are disabled or lack event types, with the remedy."""
    yield from ()
