"""Records of Jira's REST API: {"read_at", "issue": {id, key, self, fields}, "site": "https://acme.atlassian.net"}.

They are read with all fields, so services that none of them lists are none. `site` may be "".
Source: developer.atlassian.com, Jira Cloud platform REST API v3, issue search.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from mappers.fields import HttpUrl, Instant, Lenient, VendorSchema, load
from mappers.jira_issue import Issue, IssueFields, is_over, told_of
from mappers.observation import Observation


class RecordFields(IssueFields):
    """What an issue says of itself, with the times that stand in for that of a resolution."""

    updated = Lenient(Instant())
    statuscategorychangedate = Lenient(Instant())


class RecordIssue(Issue):
    """The issue, by the API."""

    told = fields.Nested(RecordFields, data_key="fields", required=True)


class Body(VendorSchema):
    """An issue with when it was read, and its site."""

    read_at = Instant(required=True)
    issue = fields.Nested(RecordIssue, required=True)
    site = HttpUrl()


_BODY = Body()


def from_api(record: Mapping[str, Any]) -> Observation:
    """Read a record of an issue; raise Unmappable where it cannot be read.

    A workflow may end without setting a resolution: then the last change of the status' category tells when.
    """
    body = load(_BODY, record)
    told = body["issue"]["told"]
    over, ended_at = is_over(told), told.get("resolutiondate")
    return Observation(
        vendor_id=body["issue"]["id"],
        kind="incident",
        at=body["read_at"],
        fields={"services": None, **told_of(body["issue"], body.get("site") or "")},
        created_at=told.get("created"),
        opens=not over,
        resolves=over,
        resolved_at=ended_at or told.get("statuscategorychangedate") or told.get("updated"),
        infers=ended_at is None,
        record=True,
    )
