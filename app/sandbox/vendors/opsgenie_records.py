"""Opsgenie's records, and the alerts that Atlassian's operations share with it."""

import orjson

from app.sandbox.vendors import times
from app.sandbox.vendors.settings import Settings
from app.sandbox.vendors.store import PLACE, Json, Row
from app.sandbox.vendors.vendor import Definition, Kind

_TIMES = (
    "createdAt",
    "updatedAt",
    "insertedAt",
    "lastOccurredAt",
    "lastOccuredAt",
    "impactStartDate",
    "impactEndDate",
    "impactDetectDate",
    "closeTime",
)


def read_timed(record: Json, _: Settings) -> Row:
    """Read an incident or an alert: its times get as many digits as Opsgenie shows."""
    record = record | {key: times.shortest(times.parse(record[key])) for key in _TIMES if record.get(key)}
    created = times.parse(record["createdAt"])
    keys = {"createdAt": created, "updatedAt": times.parse(record.get("updatedAt", created))}
    facts = {"status": record["status"], "impactedServices": frozenset(record.get("impactedServices", ()))}
    return Row(record["id"], orjson.dumps(record), keys, facts)


def read_plain(record: Json, _: Settings) -> Row:
    """Read a service or a team."""
    return Row(record["id"], orjson.dumps(record), {PLACE: 0}, {})


OPSGENIE = Definition(
    {
        "incidents": Kind(read_timed),
        "alerts": Kind(read_timed),
        "services": Kind(read_plain),
        "teams": Kind(read_plain),
    },
    own=frozenset({"incident_api"}),
)
