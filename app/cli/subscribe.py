"""`dx-bridge subscribe`: a webhook subscription in PagerDuty that leads to this bridge."""

import threading
from collections.abc import Iterator
from typing import Any

import click

from app.cli.common import fail, settings_or_exit
from app.secret import Secret
from app.settings import Settings
from app.sources import Source
from app.urls import base_url
from app.vendors.client import Client, NotNowError
from app.vendors.readers import client_of
from app.vendors.reading import VendorError
from app.vendors.subscriptions import EVENTS, PATH, Subscription, explained, leading_to

_DESCRIPTION = "Incidents to DX"
_UNTOLD = "was made, but its signing secret is lost: delete it in PagerDuty, then run this again"


@click.command("subscribe")
@click.option("--url", required=True, help="Where PagerDuty reaches the bridge: https://bridge.example.com")
@click.option("--description", metavar="TEXT", help="What PagerDuty's list shows.")
@click.argument("source")
def command(source: str, url: str, description: str | None) -> None:
    """Make PagerDuty send its webhooks to this bridge, or bring its subscription up to date.

    SOURCE is a source of PagerDuty, as `pagerduty`; its API token has to be set. A new subscription's
    signing secret is printed on standard output, once; everything else goes to standard error. Exit
    code: 0, or 1 if PagerDuty did not do it.

    \b
      dx-bridge subscribe pagerduty --url https://bridge.example.com
    """
    target = _target(url, source)
    chosen = _source(settings_or_exit(), source)
    client = _client(chosen)
    try:
        found = [each for each in leading_to(client, source) if each.url == target]
        for each in found:
            _renew(client, chosen, each, description)
        if not found:
            _create(client, chosen, target, description or _DESCRIPTION)
    except VendorError as error:
        fail(explained(error, "write"))


def _target(url: str, source: str) -> str:
    try:
        base = base_url(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    return f"{base.removesuffix(f'/webhooks/{source}')}/webhooks/{source}"


def _source(settings: Settings, name: str) -> Source:
    sources = {source.name: source for source in settings.sources.values() if source.vendor == "pagerduty"}
    if name not in sources:
        raise click.BadParameter(f"is none of PagerDuty's: {', '.join(sources)}", param_hint="SOURCE")
    return sources[name]


def _client(source: Source) -> Client:
    """Return a client that tries once: somebody is waiting."""
    if source.api is None:
        fail(
            f"Set {source.api_env} to an API token of PagerDuty's that may write webhook subscriptions."
            if source.api_env
            else f"Name the variable of its API token in bridge.toml: api_token_env in [sources.{source.name}]."
        )
    at_once = threading.Event()
    at_once.set()
    return client_of(source, source.api, stop=at_once)


def _create(client: Client, source: Source, url: str, description: str) -> None:
    made, secret = _made(client, url, description)
    if secret is None:
        fail(f"Webhook subscription {made} to {url} {_UNTOLD}.")
    _tell(f"Webhook subscription {made} to {url}: made, with this signing secret, which is shown only now:")
    click.echo(f"{source.secrets_env}={secret.reveal()}")
    if source.secrets:
        _tell(
            f"{source.secrets_env} is set already: keep what it holds, and append this after a comma. Until the "
            "bridge knows it, events signed with it are refused, and PagerDuty drops them unless REJECT_WITH=503."
        )


def _made(client: Client, url: str, description: str) -> tuple[str, Secret | None]:
    wanted = {
        "type": "webhook_subscription",
        "delivery_method": {"type": "http_delivery_method", "url": url},
        "description": description,
        "events": list(EVENTS),
        "filter": {"type": "account_reference"},
    }
    try:
        record = client.send("POST", PATH, {"webhook_subscription": wanted}).body["webhook_subscription"]
        secret = record["delivery_method"].get("secret")
        return record["id"], Secret(secret) if secret else None
    except NotNowError as error:
        fail(
            f"{error}. It is not known whether the subscription was made: run this again. If it is found "
            "then, its signing secret is lost: delete it in PagerDuty, and run this once more."
        )
    except (KeyError, TypeError, AttributeError):
        fail(f"PagerDuty's answer cannot be read. If a webhook subscription to {url} is there, it {_UNTOLD}.")


def _renew(client: Client, source: Source, old: Subscription, description: str | None) -> None:
    done = ", ".join(_renewed(client, old, description)) or "nothing to do"
    _tell(f"Webhook subscription {old.id} to {old.url} is there: {done}.")
    if not old.active or old.disabled:
        _tell(f"Events meanwhile are lost: `dx-bridge backfill {source.name} --since …` reads them.")
    if old.narrowness:
        _tell(f"It {old.narrowness}.")
    _tell(
        "Its signing secret was shown when it was made. To get a new one, delete it in PagerDuty, run this "
        f"again, and put what is printed into {source.secrets_env}."
    )


def _renewed(client: Client, old: Subscription, description: str | None) -> Iterator[str]:
    """Do what is to be done, and tell after each step."""
    missing = [event for event in EVENTS if event not in old.events]
    changes: dict[str, Any] = {"events": [*old.events, *missing]} if missing else {}
    if not old.active:
        changes["active"] = True
    if description not in (None, old.description):
        changes["description"] = description
    if changes:
        client.send("PUT", f"{PATH}/{old.id}", {"webhook_subscription": changes})
        yield from _in_words(changes, missing)
    if old.disabled:
        client.send("POST", f"{PATH}/{old.id}/enable", {})
        yield "enabled"


def _in_words(changes: dict[str, Any], missing: list[str]) -> Iterator[str]:
    words = {"events": f"now also sends {', '.join(missing)}", "active": "switched on"}
    yield from (words.get(change, f"new {change}") for change in changes)


def _tell(text: str) -> None:
    click.echo(text, err=True)
