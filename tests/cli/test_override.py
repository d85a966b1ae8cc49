"""`dx-bridge override`: one incident corrected, in DX and for good."""

import re

import pytest

from tests.cli.test_plan_and_apply import (
    deliver,
    held_by_dx,
    invisible,
    on_terminal,
    pagerduty,
    planned,
    receive,
    write,
)

NOTHING = "Nothing has been corrected.\n"
MADE = re.compile(r"  \(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, command line\)")


def listed(bridge, *arguments):
    """Return what has been corrected, without when."""
    result = bridge("override", "--list", *arguments)
    assert result.exit_code == 0
    return [MADE.sub("", line) for line in result.stdout.splitlines()]


def test_an_excluded_incident_leaves_dx_and_stays_out(bridge, folder, sandbox_url):
    """--exclude deletes what DX holds, and a later event of the vendor does not bring it back."""
    receive(pagerduty(1), pagerduty(2))
    deliver(bridge, sandbox_url)
    assert bridge("override", "Q1", "--exclude", DX_BASE_URL=sandbox_url).exit_code == 0
    deliver(bridge, sandbox_url)
    assert held_by_dx(sandbox_url).keys() == {"Q2"}
    receive(pagerduty(1, "resolved", "2026-03-01T11:00:00Z"), fold=False)
    deliver(bridge, sandbox_url)
    assert held_by_dx(sandbox_url).keys() == {"Q2"}


def test_clearing_brings_it_back(bridge, folder, sandbox_url):
    """--clear takes the exclusion back: DX gets the incident as the vendor's events show it by now."""
    receive(pagerduty(1))
    bridge("override", "Q1", "--exclude")
    deliver(bridge, sandbox_url)
    receive(pagerduty(1, "resolved", "2026-03-01T11:00:00Z"), fold=False)
    deliver(bridge, sandbox_url)
    assert held_by_dx(sandbox_url) == {}
    result = bridge("override", "Q1", "--clear", DX_BASE_URL=sandbox_url)
    assert (result.exit_code, result.stdout) == (
        0,
        "All corrections are taken back.\nThe pipeline tells DX.\n",
    )
    deliver(bridge, sandbox_url)
    assert held_by_dx(sandbox_url)["Q1"]["resolved_at"] == "2026-03-01T11:00:00Z"


def test_an_included_incident_is_sent_whatever_the_policy_says(bridge, folder, sandbox_url):
    """--include goes before a rule that leaves the incident out."""
    write(folder, "[incidents]\ninclude = 'false'")
    receive(pagerduty(1), pagerduty(2))
    bridge("apply")
    bridge("override", "Q1", "--include")
    deliver(bridge, sandbox_url)
    assert held_by_dx(sandbox_url).keys() == {"Q1"}


def test_corrected_times_reach_dx(bridge, folder, sandbox_url):
    """Start and end can be corrected in one command; DX gets both, in UTC."""
    receive(pagerduty(1))
    times = ["--started-at", "2026-03-01T10:15:00+01:00", "--resolved-at", "2026-03-01T12:00:00Z"]
    assert bridge("override", "Q1", *times).exit_code == 0
    deliver(bridge, sandbox_url)
    held = held_by_dx(sandbox_url)["Q1"]
    assert (held["started_at"], held["resolved_at"]) == ("2026-03-01T09:15:00Z", "2026-03-01T12:00:00Z")


def test_a_correction_stands_against_later_events(bridge, folder):
    """An end that an operator gave is not moved by the vendor's own, nor by applying a policy."""
    receive(pagerduty(1))
    bridge("override", "Q1", "--resolved-at", "2026-03-01T12:00:00Z")
    receive(pagerduty(1, "resolved", "2026-03-01T15:00:00Z"))
    bridge("apply")
    _, plan = planned(bridge, "--config", write(folder, "[incidents]\nmetadata = []", "new.toml"))
    assert [change["after"]["resolved_at"] for change in plan["changes"]] == ["2026-03-01T12:00:00Z"]


def test_corrections_add_up_and_are_told(bridge, folder):
    """Each command tells all that has been corrected of its incident by now, when and by which means."""
    receive(pagerduty(1), pagerduty(2))
    bridge("override", "Q2", "--include")
    bridge("override", "Q1", "--exclude")
    told = bridge("override", "Q1", "--resolved-at", "2026-03-01T12:00:00Z").stdout
    line = "Q1  pagerduty  excluded, resolved_at 2026-03-01T12:00:00Z"
    assert MADE.sub("", told) == f"{line}\nThe pipeline tells DX.\n"
    assert MADE.search(told)
    assert sorted(listed(bridge)) == [line, "Q2  pagerduty  included"]


def test_a_list_of_nothing_says_so(bridge, folder):
    """Without corrections, and after they are taken back, the list says that there are none."""
    receive(pagerduty(1))
    assert bridge("override", "--list").stdout == NOTHING
    bridge("override", "Q1", "--exclude")
    bridge("override", "Q1", "--clear")
    assert bridge("override", "--list").stdout == NOTHING


@pytest.mark.parametrize(
    ("option", "moment", "sentence"),
    [
        (
            "--resolved-at",
            "2026-03-01T09:59:59Z",
            "It would end (2026-03-01T09:59:59Z) before it starts (2026-03-01T10:00:00Z).",
        ),
        (
            "--started-at",
            "2026-03-01T11:00:01Z",
            "It would end (2026-03-01T11:00:00Z) before it starts (2026-03-01T11:00:01Z).",
        ),
    ],
)
def test_an_end_before_the_start_is_refused(bridge, folder, option, moment, sentence):
    """A correction after which the incident would end before it starts is told with both times, and not made."""
    ended = pagerduty(1, "resolved", "2026-03-01T11:00:00Z", created_at="2026-03-01T10:00:00Z")
    receive(pagerduty(1), ended)
    result = bridge("override", "Q1", option, moment)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{sentence}\n")
    assert bridge("override", "--list").stdout == NOTHING


def test_a_start_after_an_end_that_was_corrected_is_refused(bridge, folder):
    """Earlier corrections count: a start after the end that an operator gave before is refused."""
    receive(pagerduty(1))
    bridge("override", "Q1", "--resolved-at", "2026-03-01T12:00:00Z")
    result = bridge("override", "Q1", "--started-at", "2026-03-01T13:00:00Z")
    assert (result.exit_code, "It would end" in result.stderr) == (1, True)
    assert listed(bridge) == ["Q1  pagerduty  resolved_at 2026-03-01T12:00:00Z"]


def test_an_end_at_the_start_is_possible(bridge, folder):
    """An incident may last no time at all."""
    receive(pagerduty(1))
    assert bridge("override", "Q1", "--resolved-at", "2026-03-01T10:00:00Z").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["Q1"],
        ["--exclude"],
        ["Q1", "--exclude", "--include"],
        ["Q1", "--exclude", "--clear"],
        ["Q1", "--include", "--resolved-at", "2026-03-01T12:00:00Z"],
        ["Q1", "--list"],
        ["--list", "--clear"],
        ["Q1", "Q2", "--exclude"],
        ["Q1", "--started-at", "yesterday"],
        ["Q1", "--started-at", ""],
        ["Q1", "--started-at", "2026-03-01T12:00:00"],
        ["Q1", "--resolved-at", "9999-01-01T00:00:00Z"],
        ["Q1", "--resolved-at", "1969-01-01T00:00:00Z"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_exit_code_2(bridge, folder, arguments):
    """No act, two of them, no reference, or a time that is none: nothing is corrected."""
    receive(pagerduty(1))
    result = bridge("override", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert bridge("override", "--list").stdout == NOTHING


@pytest.mark.parametrize("act", ["--exclude", "--clear"])
@pytest.mark.parametrize("more", [[], ["--source", "pagerduty"]])
def test_an_unknown_reference_is_named(bridge, folder, act, more):
    """A reference that is not known here is told by name, with exit code 1."""
    receive(pagerduty(1))
    result = bridge("override", "Q9", act, *more)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "No incident Q9 is known here.\n")


def test_a_reference_of_another_source_is_unknown(bridge, folder):
    """With --source only that source's incident is meant."""
    receive(pagerduty(1))
    assert bridge("override", "Q1", "--exclude", "--source", "opsgenie").exit_code == 1
    assert bridge("override", "Q1", "--exclude", "--source", "pagerduty").exit_code == 0


def test_two_sources_with_one_reference_have_to_be_told_apart(bridge, folder):
    """Without --source nothing is corrected and both are named; with it that one alone is."""
    receive(pagerduty(1))
    receive(
        {"action": "Create", "alert": {"alertId": "Q1", "createdAt": 1_767_323_045_000}}, source="opsgenie"
    )
    refused = bridge("override", "Q1", "--exclude")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert all(word in refused.stderr for word in ("Q1", "pagerduty", "opsgenie", "--source"))
    told = bridge("override", "Q1", "--exclude", "--source", "opsgenie").stdout
    bridge("override", "Q1", "--include", "--source", "pagerduty")
    assert told.startswith("Q1  opsgenie  excluded  (")
    assert listed(bridge, "--source", "opsgenie") == ["Q1  opsgenie  excluded"]
    assert sorted(listed(bridge)) == ["Q1  opsgenie  excluded", "Q1  pagerduty  included"]


def test_a_reference_does_not_steer_a_terminal(bridge, folder):
    """A vendor's id with a control character is shown as an escape."""
    receive(pagerduty("\x9b2J"))
    bridge("override", "Q\x9b2J", "--exclude")
    shown = on_terminal(folder, "override", "--list")
    assert (shown.startswith(r"Q\x9b2J  pagerduty"), invisible(shown)) == (True, [])
