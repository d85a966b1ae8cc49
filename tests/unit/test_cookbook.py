"""Every recipe of the cookbook does what its table says, through `dx-bridge map --config`."""

import json
import re
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner

from app.cli import main

COOKBOOK = (Path(__file__).resolve().parents[2] / "docs" / "cookbook.md").read_text("utf-8")
RECIPES = {
    title: dedent(re.search(r"(?:^ {4}.*\n|^\n(?= {4}))+", text, re.MULTILINE)[0]).strip() + "\n"
    for title, text in re.findall(r"^## (.+)\n((?:(?!^## ).*\n)+)", COOKBOOK, re.MULTILINE)
}
WEB = {"id": "PSWEB", "type": "service_reference", "summary": "Web"}


def pagerduty(kind="triggered", at="10:00:00", **data):
    """Return a webhook of PagerDuty about PINC1."""
    open_ = kind != "resolved"
    incident = {
        "id": "PINC1",
        "type": "incident",
        "status": "triggered" if open_ else "resolved",
        "title": "Checkout is down",
        "created_at": "2026-03-01T10:00:00Z",
        "html_url": "https://acme.pagerduty.com/incidents/PINC1",
        "urgency": "low",
        "service": WEB,
        "priority": None,
        "teams": [],
        **data,
    }
    event = {"id": f"E{kind}{at}", "event_type": f"incident.{kind}", "occurred_at": f"2026-03-01T{at}Z"}
    return {"event": {**event, "data": incident}}


def opsgenie(action="Create", **alert):
    """Return a webhook of Opsgenie or JSM about ALERT1."""
    told = {
        "alertId": "ALERT1",
        "message": "Disk almost full",
        "createdAt": 1772359200000,
        "updatedAt": 1772359200400000000,
        "tags": [],
        "details": {},
        "priority": "P3",
        "alias": "",
        **alert,
    }
    return {"action": action, "alert": told, "source": {"name": "", "type": "api"}}


def spawned(number, kind):
    """Return an alert that Opsgenie's incident has spawned."""
    incident = "b7d4e2f0-5a31-4c89-9e76-1f0a8c3d2b70"
    alias = f"{incident}_9b60d7a4-2e1f-4c83-a5b9-d0f1e2c3000{number}"
    details = {"incident-id": incident, "incident-alert-type": kind}
    return opsgenie(alertId=f"ALERT-S{number}", alias=alias, details=details)


def jira(event="created", issue_type="[System] Incident", priority="High"):
    """Return a webhook of Jira about INC-1."""
    fields = {
        "summary": "Checkout is down",
        "issuetype": {"name": issue_type},
        "created": "2026-03-01T10:00:00.000+0000",
        "priority": {"name": priority},
        "status": {"name": "Open", "statusCategory": {"key": "new"}},
        "resolutiondate": None,
    }
    issue = {"id": "10001", "key": "INC-1", "self": "https://acme.atlassian.net/rest/api/2/issue/10001"}
    told = {"timestamp": 1772359201000, "webhookEvent": f"jira:issue_{event}"}
    return {**told, "issue": {**issue, "fields": fields}}


def service(name, service_id="PSNONE"):
    """Return PagerDuty's reference to a service."""
    return {"id": service_id, "type": "service_reference", "summary": name}


def team(name):
    """Return PagerDuty's reference to a team."""
    return {"id": f"T{name}", "type": "team_reference", "summary": name}


def called(name):
    """Return PagerDuty's reference to a priority."""
    return {"id": f"P{name}", "type": "priority_reference", "summary": name}


MAJOR = {"incident_type": {"name": "major_incident"}}
IN, OUT, GONE = "upsert", "ignored", "delete"
JSM, EU = ["--source", "jsm"], ["--source", "pagerduty-eu"]
MERGED = {
    "status": "resolved",
    "resolve_reason": {
        "type": "merge_resolve_reason",
        "incident": {"id": "PINC2", "type": "incident_reference"},
    },
}

CASES = [
    ("Only what is grave", [pagerduty(urgency="high")], [], IN, {"priority": None}),
    ("Only what is grave", [pagerduty()], [], OUT, {}),
    (
        "Only what is grave",
        [pagerduty(), pagerduty("priority_updated", "10:09:00", priority=called("P1"))],
        [],
        IN,
        {"priority": "P1", "started_at": "2026-03-01T10:00:00Z"},
    ),
    ("Only what is grave", [opsgenie()], [], OUT, {}),
    (
        "Incidents, and not the alerts",
        [spawned(1, "Owner"), spawned(2, "Responder")],
        [],
        IN,
        {"reference_id": "b7d4e2f0-5a31-4c89-9e76-1f0a8c3d2b70"},
    ),
    ("Incidents, and not the alerts", [opsgenie()], [], OUT, {}),
    ("Incidents, and not the alerts", [opsgenie()], JSM, OUT, {}),
    ("Incidents, and not the alerts", [pagerduty()], [], IN, {}),
    ("Incidents, and not the alerts", [jira()], [], IN, {}),
    ("Jira issues, and not their alerts", [jira()], [], IN, {"reference_id": "jira-10001"}),
    ("Jira issues, and not their alerts", [opsgenie()], JSM, OUT, {}),
    ("A second account", [pagerduty()], [], IN, {"reference_id": "PINC1"}),
    ("A second account", [pagerduty(urgency="high")], EU, IN, {"reference_id": "eu-PINC1"}),
    ("A second account", [pagerduty()], EU, OUT, {}),
    ("No staging", [pagerduty(service=service("Checkout (Staging)"))], [], OUT, {}),
    ("No staging", [opsgenie(tags=["staging", "eu"])], [], OUT, {}),
    ("No staging", [pagerduty(title="[TEST] pager works")], [], OUT, {}),
    ("No staging", [pagerduty(title="Latest test fails")], [], IN, {}),
    ("No staging", [opsgenie(tags=["production"])], [], IN, {}),
    ("One team tries it first", [pagerduty(teams=[team("Platform"), team("Payments")])], [], IN, {}),
    ("One team tries it first", [pagerduty(teams=[team("Platform")])], [], OUT, {}),
    ("One team tries it first", [pagerduty()], [], OUT, {}),
    (
        "The services of your catalogue, and no others",
        [pagerduty(service=service("Renamed since", "PSACME1"))],
        [],
        IN,
        {"services": ["payments"]},
    ),
    (
        "The services of your catalogue, and no others",
        [pagerduty()],
        [],
        IN,
        {"services": ["storefront", "edge"]},
    ),
    (
        "The services of your catalogue, and no others",
        [pagerduty(service=service("Search"))],
        [],
        IN,
        {"services": None},
    ),
    ("DX's words for your priorities", [pagerduty(priority=called("SEV-1"))], [], IN, {"priority": "P1"}),
    ("DX's words for your priorities", [jira(priority="Highest")], [], IN, {"priority": "P1"}),
    ("DX's words for your priorities", [opsgenie(priority="P5")], [], IN, {"priority": None}),
    ("DX's words for your priorities", [opsgenie()], [], IN, {"priority": "P3"}),
    (
        "Little metadata",
        [pagerduty(teams=[team("Payments")], number=7)],
        [],
        IN,
        {
            "metadata": {"source": "pagerduty", "kind": "incident", "pd_urgency": "low"},
            "name": "Checkout is down",
            "source_url": "https://acme.pagerduty.com/incidents/PINC1",
        },
    ),
    ("Major incidents that are over", [pagerduty(**MAJOR)], [], OUT, {}),
    (
        "Major incidents that are over",
        [pagerduty(**MAJOR), pagerduty("resolved", "10:20:00", **MAJOR)],
        [],
        IN,
        {"started_at": "2026-03-01T10:00:00Z", "resolved_at": "2026-03-01T10:20:00Z"},
    ),
    ("Major incidents that are over", [pagerduty(), pagerduty("resolved", "10:20:00")], [], OUT, {}),
    (
        "What was merged or deleted leaves DX",
        [pagerduty(), pagerduty("resolved", "10:20:00", **MERGED)],
        [],
        GONE,
        {},
    ),
    (
        "What was merged or deleted leaves DX",
        [
            pagerduty(),
            pagerduty("resolved", "10:20:00", **MERGED),
            pagerduty("reopened", "10:30:00"),
        ],
        [],
        IN,
        {"resolved_at": None},
    ),
    ("What was merged or deleted leaves DX", [opsgenie(), opsgenie("Delete")], [], GONE, {}),
    ("What was merged or deleted leaves DX", [jira(), jira("deleted")], [], GONE, {}),
    (
        "What was merged or deleted leaves DX",
        [pagerduty(), pagerduty("resolved", "10:20:00")],
        [],
        IN,
        {"resolved_at": "2026-03-01T10:20:00Z"},
    ),
    (
        "Other types of Jira issues",
        [jira(issue_type="outage")],
        [],
        IN,
        {"reference_id": "ops-jira-10001"},
    ),
    ("Other types of Jira issues", [jira(issue_type="Task")], [], OUT, {}),
]


def shown(request, key):
    """Return what a document has under a key, of its services the identifiers."""
    value = request.get(key)
    return [each["identifier"] for each in value] if key == "services" and value else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_recipe_does_what_its_table_says(tmp_path, case):
    """Under a recipe's file, the events of a line of its table become one incident in DX, as the line says."""
    title, bodies, arguments, outcome, expected = case
    (tmp_path / "bridge.toml").write_text(RECIPES[title], "utf-8")
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, bodies)), "utf-8")
    files = ["--config", str(tmp_path / "bridge.toml"), str(tmp_path / "events.jsonl")]
    result = CliRunner().invoke(main, ["map", "--fold", *arguments, *files])
    assert result.exit_code == 0, result.output
    [told] = map(json.loads, result.stdout.splitlines())
    assert told["outcome"] == outcome
    assert {key: shown(told.get("request", {}), key) for key in expected} == expected
    assert result.stderr == ""


def test_every_recipe_is_tried():
    """Each recipe of the cookbook has cases, and each case a recipe."""
    assert {case[0] for case in CASES} == set(RECIPES)


@pytest.mark.parametrize("title", RECIPES)
def test_the_lines_of_a_recipe_are_tried(title):
    """A recipe has a table, and about as many cases as that has lines."""
    text = COOKBOOK.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = len(re.findall(r"^\| (?!comes in)", text, re.MULTILINE))
    assert 2 <= lines <= sum(case[0] == title for case in CASES) + 1


def test_the_number_of_recipes_is_right():
    """The title counts what is there."""
    assert ("twelve" in COOKBOOK.splitlines()[0], len(RECIPES)) == (True, 12)
