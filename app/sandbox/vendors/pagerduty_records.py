"""PagerDuty's records."""

import secrets

import orjson

from app.sandbox.vendors import times
from app.sandbox.vendors.settings import Settings
from app.sandbox.vendors.store import PLACE, Json, Row
from app.sandbox.vendors.vendor import Definition, Kind

OVERVIEW = "overview"  # the order of the log entries that an overview has
REDACTED = "<redacted>"
# Which kinds an overview leaves out is not documented; these are the most frequent of no consequence.
_DETAILS = {"notify_log_entry"}


def read_incident(record: Json, settings: Settings) -> Row:
    """Read an incident: its times become whole seconds."""
    record = _in_whole_seconds(record, settings)
    number = record.get("incident_number", 0)
    facts = {
        "status": record.get("status"),
        "urgency": record.get("urgency"),
        "service": (record.get("service") or {}).get("id"),
        "teams": frozenset(team.get("id") for team in record.get("teams") or ()),
    }
    keys = {"created_at": times.parse(record["created_at"]), "incident_number": number}
    return Row(record["id"], orjson.dumps(record), keys, facts)


def read_log_entry(record: Json, settings: Settings) -> Row:
    """Read a log entry."""
    record = _in_whole_seconds(record, settings)
    keys = {"created_at": times.parse(record["created_at"])}
    if record["type"] not in _DETAILS:
        keys[OVERVIEW] = keys["created_at"]
    facts = {"incident": (record.get("incident") or {}).get("id")}
    return Row(record["id"], orjson.dumps(record), keys, facts)


def read_subscription(record: Json, _: Settings) -> Row:
    """Read a subscription: its secret is not kept, and the values of its headers are never shown."""
    method = {key: value for key, value in record["delivery_method"].items() if key != "secret"}
    headers = [header | {"value": REDACTED} for header in method.get("custom_headers") or ()]
    whole = {
        "type": "webhook_subscription",
        "active": True,
        "description": None,
        "events": [],
        "filter": {"id": None, "type": "account_reference"},
    }
    shown = {
        "id": new_id(),
        "type": "http_delivery_method",
        "url": None,
        "temporarily_disabled": False,
    } | method
    shown["custom_headers"] = headers
    return Row(record["id"], orjson.dumps(whole | record | {"delivery_method": shown}), {PLACE: 0}, {})


def new_id() -> str:
    """Return an id in the present form: P and 13 more."""
    return "P" + secrets.token_hex(7).upper()[:13]


PAGERDUTY = Definition(
    {
        "incidents": Kind(read_incident),
        "log_entries": Kind(read_log_entry),
        "subscriptions": Kind(read_subscription, merges=("delivery_method",)),
    },
    Settings(rate=960),
    frozenset({"zone"}),
)


def _in_whole_seconds(record: Json, settings: Settings) -> Json:
    cut = {
        key: times.whole_seconds(times.parse(value, settings.tz))
        for key, value in record.items()
        if key.endswith("_at") and value is not None
    }
    return record | cut
