"""PagerDuty's webhook subscriptions, whose secrets are told once."""

import secrets
from typing import Any

import orjson
from flask import Response, request
from marshmallow import ValidationError

from app.sandbox.vendors.edge import Problem, looking, reply
from app.sandbox.vendors.pagerduty import invalid, listed, pagerduty, paging
from app.sandbox.vendors.pagerduty_records import new_id
from app.sandbox.vendors.store import PLACE, Json, Row, page
from app.sandbox.vendors.vendor import Vendor

_CHANGEABLE = {"active", "description", "events", "filter"}
_FILTERS = ("account_reference", "service_reference", "team_reference")


@pagerduty.get("/webhook_subscriptions")
@looking
def subscriptions(vendor: Vendor) -> Response:
    """List the subscriptions."""
    offset, limit = paging()
    found, more = page(vendor.records["subscriptions"].between(PLACE), offset, limit)
    return listed("webhook_subscriptions", [_shown(row) for row in found], offset, limit, more=more)


@pagerduty.post("/webhook_subscriptions")
@looking
def subscribe(vendor: Vendor) -> Response:
    """Make a subscription, and tell its secret."""
    sent = _received()
    method = sent.get("delivery_method")
    if not isinstance(method, dict) or not str(method.get("url")).startswith(("http://", "https://")):
        raise invalid("delivery_method.url")
    if method.get("type") != "http_delivery_method" or "filter" not in sent or "events" not in sent:
        raise invalid("delivery_method.type, filter or events")
    record = {key: value for key, value in sent.items() if key in {*_CHANGEABLE, "delivery_method", "type"}}
    row = _kept(vendor, record | {"id": new_id()})
    told: Json = orjson.loads(row.raw)
    told["delivery_method"]["secret"] = secrets.token_urlsafe(48)
    return reply({"webhook_subscription": told}, 201)


@pagerduty.get("/webhook_subscriptions/<key>")
@looking
def subscription(vendor: Vendor, key: str) -> Response:
    """Show one subscription, without its secret."""
    return reply({"webhook_subscription": _shown(_found(vendor, key))})


@pagerduty.put("/webhook_subscriptions/<key>")
@looking
def change(vendor: Vendor, key: str) -> Response:
    """Change what is sent of a subscription; the way of delivery cannot be changed."""
    _found(vendor, key)
    sent = {name: value for name, value in _received().items() if name in _CHANGEABLE}
    return reply({"webhook_subscription": _shown(_kept(vendor, sent | {"id": key}))})


@pagerduty.post("/webhook_subscriptions/<key>/enable")
@looking
def enable(vendor: Vendor, key: str) -> Response:
    """Take back that a subscription was disabled for a day."""
    _found(vendor, key)
    changed = {"id": key, "delivery_method": {"temporarily_disabled": False}}
    return reply({"webhook_subscription": _shown(_kept(vendor, changed))})


@pagerduty.delete("/webhook_subscriptions/<key>")
@looking
def unsubscribe(vendor: Vendor, key: str) -> Response:
    """Delete a subscription."""
    vendor.drop("subscriptions", _found(vendor, key).id)
    return Response(status=204)


def _received() -> Json:
    body = request.get_json(force=True, silent=True)
    sent = body.get("webhook_subscription") if isinstance(body, dict) else None
    if not isinstance(sent, dict):
        raise invalid("webhook_subscription")
    chosen, events = sent.get("filter", {"type": _FILTERS[0]}), sent.get("events", ["any"])
    if not isinstance(chosen, dict) or chosen.get("type") not in _FILTERS:
        raise invalid("filter")
    if not isinstance(events, list) or not events:
        raise invalid("events")
    return sent


def _kept(vendor: Vendor, record: Json) -> Row:
    try:
        vendor.patch({"subscriptions": [record]})
    except ValidationError as error:
        raise invalid("webhook_subscription") from error
    return _found(vendor, record["id"])


def _found(vendor: Vendor, key: str) -> Row:
    row = vendor.records["subscriptions"].get(key)
    if row is None:
        raise Problem(404, "Not Found", 2100)
    return row


def _shown(row: Row) -> Any:
    return orjson.Fragment(row.raw)
