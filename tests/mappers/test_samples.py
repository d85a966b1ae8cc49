"""`dx-bridge map` over every sample body and every sample lifecycle, against expectations worked out by hand."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main

RECEIVED_AT = "2026-01-02T03:04:05Z"
SAMPLES = Path(__file__).resolve().parents[1] / "samples"
LIFECYCLES = SAMPLES / "lifecycles"

VENDORS = ("pagerduty", "opsgenie", "jsm", "jira")
NAMES = sorted(f"{vendor}/{path.stem}" for vendor in VENDORS for path in (SAMPLES / vendor).glob("*.json"))
STEMS = sorted(path.stem for path in LIFECYCLES.glob("*.jsonl"))
EXPECTED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
EXPECTED_LIFECYCLES: dict[str, list[dict[str, Any]]] = json.loads(
    (LIFECYCLES / "expected.json").read_text("utf-8")
)

PAGERDUTY_EVENT_TYPES = (
    "incident.triggered",
    "incident.acknowledged",
    "incident.unacknowledged",
    "incident.resolved",
    "incident.reopened",
    "incident.escalated",
    "incident.delegated",
    "incident.reassigned",
    "incident.priority_updated",
    "incident.service_updated",
    "incident.incident_type.changed",
    "incident.annotated",
    "incident.status_update_published",
    "incident.task.created",
    "incident.task.updated",
    "incident.task.completed",
    "incident.action_invocation.created",
    "incident.action_invocation.updated",
    "incident.action_invocation.terminated",
    "incident.workflow.started",
    "incident.workflow.completed",
    "incident.responder.added",
    "incident.responder.replied",
    "incident.conference_bridge.updated",
    "incident.custom_field_values.updated",
    "incident.role.assigned",
    "service.created",
    "service.updated",
    "service.deleted",
    "service.custom_field_values.updated",
    "pagey.ping",
)
OPSGENIE_ACTIONS = (
    "Create",
    "Acknowledge",
    "UnAcknowledge",
    "AddNote",
    "AddTags",
    "RemoveTags",
    "AddTeam",
    "AddRecipient",
    "AddResponder",
    "AssignOwnership",
    "TakeOwnership",
    "Escalate",
    "EscalateToNext",
    "EscalateNext",
    "Snooze",
    "SnoozeEnded",
    "UpdatePriority",
    "UpdateMessage",
    "UpdateDescription",
    "Close",
    "Delete",
    "Restart pods",  # a custom action: its own name
)
JSM_ACTIONS = ("Create", "Acknowledge", "Close")
JIRA_EVENTS = ("jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", None)


def body(name: str) -> dict[str, Any]:
    """Read the webhook body of one sample."""
    parsed: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    return parsed


def run_map(*arguments: str, stdin: str | None = None) -> Result:
    """Run `dx-bridge map` once, at a fixed time of receipt, whatever the environment says."""
    clean = {"OPSGENIE_APP_URL": None, "JSM_SITE_URL": None, "BRIDGE_CONFIG": None}
    return CliRunner(env=clean).invoke(main, ["map", "--received-at", RECEIVED_AT, *arguments], input=stdin)


def records(result: Result) -> list[dict[str, Any]]:
    """Read the JSON objects that a run printed, one a line."""
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def source_arguments(vendor: str) -> list[str]:
    """Name the source where the body cannot: JSM sends what Opsgenie sends."""
    return ["--source", "jsm"] if vendor == "jsm" else []


@functools.cache
def mapped(vendor: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Give the exit code and the printed object of every sample of one vendor, from a single run."""
    names = [name for name in NAMES if name.startswith(f"{vendor}/")]
    result = run_map(*source_arguments(vendor), *(str(SAMPLES / f"{name}.json") for name in names))
    printed = records(result)
    assert len(printed) == len(names), f"{len(names)} files, {len(printed)} lines: {result.output[-2000:]}"
    return result.exit_code, dict(zip(names, printed, strict=True))


def canonical(value: object) -> str:
    """Write a text that is equal for equal JSON, told apart by type, and easy to compare by eye."""
    return json.dumps(value, sort_keys=True, indent=1)


def assert_as_expected(name: str, printed: dict[str, Any]) -> None:
    """Compare one printed object, apart from its event id, with the expectation of a sample."""
    actual = {key: value for key, value in printed.items() if key != "event"}
    expected = {"source": name.split("/", maxsplit=1)[0], **EXPECTED[name]}
    fragment = expected.pop("reason_contains", None)
    if fragment is not None:
        assert fragment in actual.pop("reason", "")
    assert canonical(actual) == canonical(expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_mapped_as_worked_out_by_hand(name: str) -> None:
    """A webhook body gives exactly the outcome, reference and request that the contract asks for."""
    assert_as_expected(name, mapped(name.split("/", maxsplit=1)[0])[1][name])


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_exit_code_tells_of_unmappable_events(vendor: str) -> None:
    """`map` exits 1 if any event was unmappable and 0 otherwise."""
    outcomes = [entry["outcome"] for name, entry in EXPECTED.items() if name.startswith(f"{vendor}/")]
    assert mapped(vendor)[0] == (1 if "unmappable" in outcomes else 0)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name.startswith("pagerduty/") and "event" in body(name)]
)
def test_a_pagerduty_event_is_named_by_its_own_id(name: str) -> None:
    """The event id of PagerDuty is passed on as it came, be it 26 characters, 38 digits or a UUID."""
    assert mapped("pagerduty")[1][name]["event"] == body(name)["event"]["id"]


@pytest.mark.parametrize("vendor", ["opsgenie", "jsm", "jira"])
def test_bodies_without_an_event_id_are_told_apart(vendor: str) -> None:
    """Each body that differs from the others gets an event name of its own."""
    events = [printed["event"] for printed in mapped(vendor)[1].values()]
    assert all(isinstance(event, str) and event for event in events)
    assert len(set(events)) == len(events)


def test_the_same_body_gets_the_same_event_name() -> None:
    """The digest that names a body depends on nothing but the body."""
    path = str(SAMPLES / "opsgenie" / "create.json")
    first, second = records(run_map(path, path))
    assert first == second


def test_any_text_survives_json_lines() -> None:
    """A title with separators, marks and emoji is read from one line as from a file, and not changed."""
    name = "pagerduty/incident-odd-title"
    line = json.dumps(body(name), ensure_ascii=False)
    printed = records(run_map("-", stdin=f"{line}\n{line}\n"))
    assert len(printed) == 2
    for record in printed:
        assert_as_expected(name, record)


def arrange(lines: list[str], arrangement: str) -> list[str]:
    """Put the lines of a lifecycle in order of arrival, in reverse, or each of them twice over."""
    return {"as given": lines, "reversed": lines[::-1], "doubled": lines + lines}[arrangement]


@pytest.mark.parametrize("arrangement", ["as given", "reversed", "doubled"])
@pytest.mark.parametrize("stem", STEMS)
def test_a_lifecycle_ends_the_same_in_any_arrangement(stem: str, arrangement: str) -> None:
    """The merged incidents do not depend on the order or the number of times in which events arrive."""
    source = stem.split("-", maxsplit=1)[0]
    lines = (LIFECYCLES / f"{stem}.jsonl").read_text("utf-8").rstrip("\n").split("\n")
    stdin = "".join(f"{line}\n" for line in arrange(lines, arrangement))
    result = run_map("--fold", "--source", source, "-", stdin=stdin)
    assert result.exit_code == 0, result.output
    expected = [
        {"source": source, "outcome": "upsert", "reference_id": request["reference_id"], "request": request}
        for request in EXPECTED_LIFECYCLES[stem]
    ]
    actual = sorted(records(result), key=lambda record: str(record.get("reference_id")))
    assert canonical(actual) == canonical(sorted(expected, key=lambda record: str(record["reference_id"])))


def test_every_sample_has_an_expectation_and_vice_versa() -> None:
    """No sample goes unchecked and no expectation is left over."""
    assert sorted(EXPECTED) == NAMES


def test_every_lifecycle_has_an_expectation_and_vice_versa() -> None:
    """No lifecycle goes unchecked and no expectation is left over."""
    assert sorted(EXPECTED_LIFECYCLES) == STEMS


@pytest.mark.parametrize("event_type", PAGERDUTY_EVENT_TYPES)
def test_every_pagerduty_event_type_has_a_sample(event_type: str) -> None:
    """Each event type that PagerDuty documents is among the samples."""
    names = [name for name in NAMES if name.startswith("pagerduty/")]
    assert event_type in {body(name).get("event", {}).get("event_type") for name in names}


@pytest.mark.parametrize(
    ("vendor", "action"),
    [("opsgenie", action) for action in OPSGENIE_ACTIONS] + [("jsm", action) for action in JSM_ACTIONS],
)
def test_every_alert_action_has_a_sample(vendor: str, action: str) -> None:
    """Each alert action that is known, and a custom one, is among the samples."""
    names = [name for name in NAMES if name.startswith(f"{vendor}/")]
    assert action in {body(name).get("action") for name in names}


@pytest.mark.parametrize("event", JIRA_EVENTS)
def test_every_jira_event_has_a_sample(event: str | None) -> None:
    """Each event of an issue, one of something else, and a body that names none are among the samples."""
    bodies = [body(name) for name in NAMES if name.startswith("jira/")]
    assert event in {each.get("webhookEvent") for each in bodies if "issue" in each}
