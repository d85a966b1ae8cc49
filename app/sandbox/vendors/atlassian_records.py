"""Atlassian's records: alerts of its operations, and Jira's issues."""

import orjson

from app.sandbox.vendors import times
from app.sandbox.vendors.opsgenie_records import read_plain, read_timed
from app.sandbox.vendors.settings import Settings
from app.sandbox.vendors.store import Json, Row
from app.sandbox.vendors.vendor import Definition, Kind

_TIMES = ("created", "updated", "resolutiondate", "statuscategorychangedate")


def read_issue(record: Json, settings: Settings) -> Row:
    """Read an issue: its times get the user's zone, as Jira shows them."""
    fields = dict(record["fields"])
    for key in _TIMES:
        if fields.get(key):
            fields[key] = times.without_colon(times.parse(fields[key]), settings.tz)
    created = times.parse(fields["created"])
    keys = {
        "created": created,
        "updated": times.parse(fields.get("updated", created)),
        "id": int(record["id"]),
    }
    facts = {"type": fields["issuetype"]["name"].lower(), "key": record.get("key")}
    return Row(record["id"], orjson.dumps(record | {"fields": fields}), keys, facts)


ATLASSIAN = Definition(
    {
        "alerts": Kind(read_timed),
        "issues": Kind(read_issue, merges=("fields",)),
        "teams": Kind(read_plain),
    },
    own=frozenset({"zone", "email", "cloud_id", "issue_types"}),
)
