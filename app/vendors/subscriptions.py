"""PagerDuty's webhook subscriptions: whether they lead here, are active and send what is needed.

Source: the vendor's OpenAPI on webhook subscriptions; developer.pagerduty.com on event types and delivery.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

from app.vendors.client import Client, ForbiddenError
from app.vendors.reading import Note, VendorError

PATH = "/webhook_subscriptions"
_LIMIT = 100
NEEDED = (
    "incident.triggered",
    "incident.acknowledged",
    "incident.unacknowledged",
    "incident.resolved",
    "incident.reopened",
    "incident.priority_updated",
    "incident.service_updated",
    "incident.incident_type.changed",
    "incident.delegated",
)
"""Each is alone in telling something."""
EVENTS = (*NEEDED, "incident.escalated", "incident.reassigned")
"""Every type whose data is an incident; the last two only show again what the others tell."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription; `url` without user, password and query, `scope` is "account", "service" or "team"."""

    id: str
    url: str
    active: bool
    disabled: bool
    scope: str
    description: str | None
    events: tuple[str, ...]

    @property
    def narrowness(self) -> str:
        """What a scope narrower than the account loses; empty for the account's."""
        if self.scope == "account":
            return ""
        return (
            f"sends the incidents of one {self.scope} only: those that are moved or merged elsewhere are lost; "
            "let one with the scope of the account take its place"
        )


def problems(client: Client, source: str) -> Iterator[str]:
    """Tell what the subscriptions to a source lose, with the remedy; VendorError where PagerDuty does not tell.

    Two bridges may have a source of one name, so a subscription vouches for its own address only.
    """
    try:
        found = leading_to(client, source)
    except ForbiddenError as error:
        yield Note(f"{explained(error, 'read')}; until then nobody notices a disabled webhook subscription")
        return
    if not found:
        yield (
            f"no webhook subscription leads to …/webhooks/{source}: "
            f"run `dx-bridge subscribe {source} --url https://<this bridge>`"
        )
    address = attrgetter("url")
    for _, group in groupby(sorted(found, key=address), key=address):
        faults = [list(_faults(each, source)) for each in group]
        yield from chain.from_iterable(faults if all(faults) else ())


def leading_to(client: Client, source: str) -> list[Subscription]:
    """Return the subscriptions whose path ends in `/webhooks/<source>`."""
    try:
        records = [each for each in _listed(client) if _address(each).endswith(f"/webhooks/{source}")]
        return [_read(client, each) for each in records]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise VendorError(
            f"PagerDuty's list of webhook subscriptions cannot be read ({type(error).__name__})"
        ) from error


def explained(error: VendorError, act: str) -> str:
    """Return an error's words, with the scope where the token lacks the right to `read` or `write`."""
    return (
        f"{error}, with the scope `webhook_subscriptions.{act}`"
        if isinstance(error, ForbiddenError)
        else str(error)
    )


def _faults(subscription: Subscription, source: str) -> Iterator[str]:
    what = f"webhook subscription {subscription.id} to {subscription.url}"
    repair = f"run `dx-bridge subscribe {source} --url {subscription.url}`"
    read = f"then `dx-bridge backfill {source} --since …`"
    if not subscription.active:
        yield f"{what} is switched off, so events are lost: {repair}, {read}"
    if subscription.disabled:
        yield (
            f"{what} is disabled for a day, since three deliveries in a row were refused; events since then "
            f"are lost: see to its signing secret, {repair}, {read}"
        )
    if missing := [event for event in NEEDED if event not in subscription.events]:
        yield f"{what} does not send {', '.join(missing)}: {repair}"
    if subscription.narrowness:
        yield Note(f"{what} {subscription.narrowness}")


def _listed(client: Client) -> Iterator[dict[str, Any]]:
    offset, more = 0, True
    while more:
        body = client.get(PATH, {"limit": _LIMIT, "offset": offset}).body
        records = body["webhook_subscriptions"]
        yield from records
        offset, more = offset + len(records), body["more"] and bool(records)


def _read(client: Client, record: dict[str, Any]) -> Subscription:
    # The OpenAPI's example of a list lacks it.
    if "temporarily_disabled" not in record["delivery_method"]:
        record = client.get(f"{PATH}/{record['id']}").body["webhook_subscription"]
    chosen = record.get("filter") or {"type": "account_reference"}
    return Subscription(
        id=record["id"],
        url=_address(record),
        active=record.get("active") is not False,
        disabled=bool(record["delivery_method"].get("temporarily_disabled")),
        scope=chosen["type"].removesuffix("_reference"),
        description=record.get("description"),
        events=tuple(record["events"]),
    )


def _address(record: dict[str, Any]) -> str:
    """Return where a subscription leads, without what may be secret: user, password, query."""
    parts = urlsplit(record["delivery_method"].get("url") or "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower() + parts.path
