"""What records of the Opsgenie, Jira Service Management and Jira APIs say, and that older webhooks change nothing of it."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from functools import reduce
from pathlib import Path

import pytest

from app.incident import merge, observe
from app.policy import document
from app.view import view
from app.webhook import parse
from mappers import MAPPERS, opsgenie_alert
from mappers.fields import Instant
from mappers.observation import Ignored, Service, Unmappable
from tests.histories import history

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
RECORDS = SAMPLES / "records"
INSTANT = Instant()
READ_AT = "2026-02-04T00:00:00Z"
MILLISECOND = 1_000_000
PAYMENTS, PLATFORM = "6a0d1c55-3c1e-4a1b-9a51-7f0e2d4b8c01", "6a0d1c55-3c1e-4a1b-9a51-7f0e2d4b8c02"
CHECKOUT = "2c7be590-14d6-4a0f-b3c8-6e5f9a7d1001"


def at(text):
    return INSTANT.deserialize(text)


def body(name):
    return json.loads((RECORDS / f"{name}.json").read_text("utf-8"))


def read(name, **changes):
    told = body(name)
    kind = next(key for key in ("incident", "alert", "issue") if key in told)
    inner = told[kind]["fields"] if kind == "issue" else told[kind]
    inner.update(changes)
    return MAPPERS[name.partition("-")[0]].from_api(told)


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_record_is_the_truth_at_the_time_it_was_read(path):
    """Every record that is about an incident is marked as one, has its time, and shows it either open or over."""
    seen = read(path.stem)
    if not isinstance(seen, Ignored):
        assert (seen.record, seen.at, seen.strand, seen.role) == (True, at(READ_AT), "", "owner")
        assert seen.opens is not seen.resolves


def test_a_resolved_incident_says_all_that_it_has():
    """Times are those of the impact, services and teams get their names, and what only alerts have is cleared."""
    seen = read("opsgenie-incident-resolved")
    assert (seen.vendor_id, seen.kind) == ("c81d5a7e-2f40-4e1b-8d36-90ab41e2f701", "incident")
    assert seen.created_at == at("2026-02-03T09:10:00Z")
    assert (seen.resolves, seen.resolved_at, seen.infers) == (True, at("2026-02-03T10:42:07.25Z"), False)
    assert seen.fields == {
        "name": "Payments fail",
        "priority": "P1",
        "tags": ("checkout", "eu"),
        "number": 47,
        "services": (Service(CHECKOUT, "Checkout"), Service("2c7be590-14d6-4a0f-b3c8-6e5f9a7d1002")),
        "teams": ("Payments", "Platform"),
        "source_url": "https://acme.app.opsgenie.com/incident/detail/c81d5a7e-2f40-4e1b-8d36-90ab41e2f701",
        "alias": None,
        "entity": None,
    }


def test_a_reopened_incident_is_open_whatever_end_its_impact_once_had():
    """The end stays in the record of an incident that was reopened."""
    seen = read("opsgenie-incident-reopened")
    assert (seen.opens, seen.resolves) == (True, False)
    assert view(observe(seen, 0)).resolved_at is None


def test_a_closed_incident_without_an_end_of_impact_was_over_at_its_last_change_at_the_latest():
    """What stands in for the missing end is marked as inferred; empty lists are cleared, and an odd link is none."""
    seen = read("opsgenie-incident-closed-bare")
    assert (seen.resolved_at, seen.infers) == (at("2026-02-03T11:00:00Z"), True)
    assert seen.created_at == at("2026-02-03T09:15:02.5Z")
    assert (seen.fields["services"], seen.fields["tags"], seen.fields["teams"]) == (None, None, None)
    assert "source_url" not in seen.fields


def test_a_closed_alert_says_all_that_it_has():
    """The report counts from the creation; a tag goes before the details; teams come in the responders' order."""
    seen = read("opsgenie-alert-closed")
    assert (seen.vendor_id, seen.kind) == ("0d9e41b2-7c35-4a68-b1f0-3e5a92c70f11-1770110400250", "alert")
    assert seen.created_at == at("2026-02-03T09:20:00.25Z")
    assert (seen.resolved_at, seen.infers) == (at("2026-02-03T10:20:01Z"), False)
    assert (seen.acknowledged, seen.acknowledged_at) == (True, at("2026-02-03T09:21:01.75Z"))
    assert seen.fields == {
        "name": "Disk of db-3 is full",
        "priority": "P2",
        "tags": ("service:Order Store", "db"),
        "number": 902,
        "services": (Service(name="Order Store"),),
        "teams": ("Platform", "Payments"),
        "entity": "db-3",
        "alias": "disk-db-3",
    }


def test_an_open_alert_clears_what_it_has_not_and_belongs_to_its_owner():
    """Without a report nothing is acknowledged; where no team responds, the owner is the team."""
    seen = read("opsgenie-alert-open")
    assert (seen.opens, seen.acknowledged, seen.acknowledged_at) == (True, False, None)
    assert (seen.fields["tags"], seen.fields["entity"]) == (None, None)
    assert (seen.fields["services"], seen.fields["teams"]) == ((Service(name="Order Store"),), ("Platform",))
    assert read("opsgenie-alert-open", details={}).fields["services"] is None


def test_teams_whose_names_are_not_known_are_left_to_the_webhooks():
    """An id is no name, and to clear the field would take away a name that a webhook gave."""
    told = body("opsgenie-alert-closed") | {"teams": {}}
    assert "teams" not in MAPPERS["opsgenie"].from_api(told).fields
    assert read("opsgenie-alert-open", ownerTeamId="").fields["teams"] is None


def test_an_alert_that_an_incident_spawned_says_nothing():
    """The incident has a record of its own, whether the details or the alias tell of it."""
    incident = "c81d5a7e-2f40-4e1b-8d36-90ab41e2f701"
    by_details = read("opsgenie-alert-of-incident")
    by_alias = read("opsgenie-alert-closed", alias=f"{incident}_{PAYMENTS}")
    assert by_details == by_alias == Ignored(f"an alert of incident {incident}, whose own record tells")


def test_an_alert_of_jira_service_management_has_extra_properties_for_details():
    """Its record has no report either, so the last change stands in for the close."""
    seen = read("jsm-alert-closed")
    assert seen.fields["services"] == (Service(name="Order Store"),)
    assert (seen.resolved_at, seen.infers) == (at("2026-02-03T11:00:00.001Z"), True)


def test_a_resolved_issue_says_all_that_it_has():
    """Its page is on the site that the reader names, since the gateway shows none."""
    seen = read("jira-issue-resolved")
    assert (seen.vendor_id, seen.created_at) == ("10412", at("2026-02-03T09:15:04.25Z"))
    assert (seen.resolved_at, seen.infers) == (at("2026-02-03T10:02:47.12Z"), False)
    assert seen.fields == {
        "name": "Checkout answers 503",
        "priority": "Highest",
        "tags": ("checkout", "eu"),
        "incident_type": "[System] Incident",
        "services": (Service("ari:cloud:graph::service/11111111-2222-3333-4444-555555555555/aaaa"),),
        "source_url": "https://acme.atlassian.net/browse/OPS-412",
    }


def test_an_issue_done_without_a_resolution_ended_with_the_change_of_its_category():
    """Where that time is missing or odd, the last change stands in for it; services that none lists are cleared."""
    seen = read("jira-issue-done-without-resolution")
    assert (seen.resolved_at, seen.infers) == (at("2026-02-03T10:02:47.05Z"), True)
    assert seen.fields["services"] is None
    for odd in (None, "", "yesterday"):
        later = read("jira-issue-done-without-resolution", statuscategorychangedate=odd)
        assert (later.resolved_at, later.infers) == (at("2026-02-03T11:30:00Z"), True)


def test_an_open_issue_without_a_known_site_has_no_page():
    """It is left to the webhooks, which name their site; what the issue has not is cleared."""
    seen = read("jira-issue-open")
    assert seen.opens
    assert "source_url" not in seen.fields
    assert (seen.fields["tags"], seen.fields["priority"]) == (None, None)


def test_an_issue_read_from_its_site_has_its_page_there():
    """Only the gateway's address leads to the site that the reader names."""
    told = body("jira-issue-resolved")
    told["issue"]["self"] = "https://desk.example.com/jira/rest/api/2/issue/10412"
    assert (
        MAPPERS["jira"].from_api(told).fields["source_url"] == "https://desk.example.com/jira/browse/OPS-412"
    )


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("opsgenie-incident-resolved", "incident.id"),
        ("opsgenie-alert-closed", "alert.id"),
        ("jira-issue-resolved", "issue.id"),
    ],
)
def test_a_record_without_an_id_or_a_time_is_unmappable_and_names_the_place(name, where):
    """The text tells the operator where to look."""
    told, kind = body(name), where.partition(".")[0]
    del told[kind]["id"], told["read_at"]
    with pytest.raises(Unmappable, match=f"read_at.*{where}|{where}.*read_at"):
        MAPPERS[name.partition("-")[0]].from_api(told)


@pytest.mark.parametrize("odd", [None, "", 7, [], {}, [None, 3], {"web": 5}, "odd"])
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        (
            "opsgenie-incident-resolved",
            ("message", "priority", "tags", "tinyId", "impactedServices", "ownerTeam", "responders", "links"),
        ),
        ("opsgenie-alert-closed", ("message", "tags", "tinyId", "responders", "report", "details", "entity")),
        ("jsm-alert-closed", ("extraProperties",)),
    ],
)
def test_an_odd_side_remark_costs_no_resolution(name, keys, odd):
    """Only ids and times are strict."""
    assert all(read(name, **{key: odd}).resolves for key in keys)


def test_a_record_is_plain_json():
    """What a reader hands over can be kept and read again as it is."""
    for path in RECORDS.glob("*.json"):
        assert parse(path.read_bytes()) == body(path.stem)


def webhooks_of(source, bodies):
    """Return the observations of webhooks by vendor id, each as a state of its own."""
    states = defaultdict(list)
    for text, received_at in bodies:
        seen = MAPPERS[source].from_webhook(text)
        if not isinstance(seen, Ignored):
            states[seen.vendor_id].append(observe(seen, received_at))
    return states


def told_by(count):
    """Return the Opsgenie webhooks of random histories, by incident or alert, for `count` of them or more."""
    found = {}
    for seed in itertools.count():
        events = [event for event in history(seed).events if event.source == "opsgenie"]
        found |= webhooks_of("opsgenie", [(event.body, at(event.received_at)) for event in events])
        if len(found) >= count:
            return found
    raise AssertionError


STATES = told_by(60)


def as_record(vendor_id, shown):
    """Return a record of what webhooks show, with odd values where the vendor may have others by now."""
    created, over = shown.started_at - shown.started_at % MILLISECOND, shown.resolved_at is not None
    common = {"id": vendor_id, "createdAt": created // MILLISECOND, "updatedAt": created // MILLISECOND}
    common |= {"message": "Another name", "priority": "P5", "tags": [], "tinyId": "5", "responders": []}
    after = (shown.resolved_at or 0) // MILLISECOND
    if shown.kind == "incident":
        status = {"status": "resolved" if over else "open", "impactedServices": [], "ownerTeam": PLATFORM}
        incident = common | status | ({"impactEndDate": after} if over else {})
        return {"read_at": READ_AT, "incident": incident, "services": {}, "teams": {PLATFORM: "Platform"}}
    report = {"closeTime": after - created // MILLISECOND} if over else {}
    if shown.acknowledged_at:
        report["ackTime"] = (shown.acknowledged_at - created) // MILLISECOND
    status = {"status": "closed" if over else "open", "details": {}, "entity": "", "alias": "another-alias"}
    return {"read_at": READ_AT, "alert": common | status | {"report": report}, "teams": {}}


def shown_as(vendor_id, state, *, without=()):
    told = document("opsgenie", vendor_id, view(state), None)
    metadata = {key: value for key, value in told.values["metadata"].items() if key not in without}
    return told.started_at, told.resolved_at, {**told.values, "metadata": metadata}


@pytest.mark.parametrize("vendor_id", STATES)
def test_older_webhooks_change_nothing_of_what_a_record_says(vendor_id):
    """After a backfill, a replay of every webhook from before leaves the document as it is.

    Only an incident's acknowledgement comes from webhooks alone: its record does not tell of one.
    """
    states = STATES[vendor_id]
    shown = view(reduce(merge, states))
    seen = MAPPERS["opsgenie"].from_api(as_record(vendor_id, shown))
    assert not isinstance(seen, Ignored)
    alone = observe(seen, 0)
    without = ("acknowledged_at",) if shown.kind == "incident" else ()
    expected = shown_as(vendor_id, alone, without=without)
    assert shown_as(vendor_id, reduce(merge, states, alone), without=without) == expected
    if shown.kind == "alert":  # of an incident its alerts only let infer the end
        assert view(reduce(merge, states, alone)).resolved_at == shown.resolved_at


def test_the_histories_hold_enough_of_both_kinds():
    """The property above is worth something."""
    kinds = [view(reduce(merge, states)).kind for states in STATES.values()]
    assert min(kinds.count("alert"), kinds.count("incident")) >= 20


@pytest.mark.parametrize(
    "path", sorted((SAMPLES / "lifecycles").glob("jira-*.jsonl")), ids=lambda path: path.stem
)
@pytest.mark.parametrize("name", ["jira-issue-resolved", "jira-issue-open"])
def test_older_webhooks_change_nothing_of_what_an_issues_record_says(path, name):
    """Each field that a webhook may carry is in the record, with a value or cleared; a page is the site's."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines[0]["issue"].setdefault("fields", {})["Affected services"] = [{"id": "S1", "name": "Old"}]
    told = body(name) | {"site": "https://acme.atlassian.net", "read_at": "2027-01-01T00:00:00Z"}
    for vendor_id, states in webhooks_of("jira", [(line, 0) for line in lines]).items():
        told["issue"]["id"] = vendor_id
        alone = observe(MAPPERS["jira"].from_api(told), 0)
        assert view(reduce(merge, states, alone)) == view(alone)


def test_webhooks_after_a_record_count_again():
    """The record is the truth up to its own time only."""
    record = observe(read("opsgenie-alert-closed"), 0)
    alert = {"alertId": body("opsgenie-alert-closed")["alert"]["id"], "message": "Full again"}
    alert |= {"createdAt": 1770110400250, "updatedAt": 1770163300000000000}
    later = observe(MAPPERS["opsgenie"].from_webhook({"action": "UnAcknowledge", "alert": alert}), 0)
    shown = view(merge(record, later))
    assert (shown.fields["name"], shown.resolved_at) == ("Full again", None)


def test_teams_are_read_alike_from_webhooks_and_records():
    """A name that the body carries goes before the one that the reader knows."""
    alert = {
        "responders": [{"type": "team", "id": PAYMENTS, "name": "Paying"}, {"type": "team", "id": PLATFORM}]
    }
    assert opsgenie_alert.teams_of(alert, {PLATFORM: "Platform"}) == {"teams": ("Paying", "Platform")}
