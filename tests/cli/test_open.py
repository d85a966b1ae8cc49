"""`dx-bridge open`: what has been open for too long."""

import json
import time
from datetime import UTC, datetime

import pytest

from tests.cli.test_plan_and_apply import NAUGHTY, invisible, on_terminal, pagerduty, receive


def hours_ago(hours):
    """Return a time of the past, as PagerDuty writes it."""
    return datetime.fromtimestamp(time.time() - hours * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def references(bridge, *arguments, **settings):
    """Return the references that are listed, in their order."""
    result = bridge("open", "--json", *arguments, **settings)
    assert result.exit_code == 0
    return [json.loads(line)["reference_id"] for line in result.stdout.splitlines()]


def test_nothing_open_is_said(bridge, folder):
    """Without an incident that is open for long a sentence says so; --json prints nothing."""
    receive()
    assert bridge("open").stdout == "No incident has been open for more than 24 hours.\n"
    assert bridge("open", "--for", "1.5").stdout == "No incident has been open for more than 1.5 hours.\n"
    assert bridge("open", "--json").stdout == ""


def test_only_what_is_open_for_longer_is_listed(bridge, folder):
    """Of incidents open for 1, 23 and 25 hours the default lists the last; H moves the line."""
    receive(*(pagerduty(hours, at=hours_ago(hours)) for hours in (1, 23, 25)))
    assert references(bridge) == ["Q25"]
    assert references(bridge, "--for", "22.9") == ["Q25", "Q23"]
    assert references(bridge, OPEN_TOO_LONG_HOURS="0.5") == ["Q25", "Q23", "Q1"]
    assert references(bridge, "--for", "24", OPEN_TOO_LONG_HOURS="0.5") == ["Q25"]


def test_for_0_lists_all_that_is_open(bridge, folder):
    """With --for 0 every open incident is listed, however new, and no resolved one."""
    receive(pagerduty(1, at=hours_ago(0.01)), pagerduty(2), pagerduty(2, "resolved", "2026-03-01T11:00:00Z"))
    assert references(bridge, "--for", "0") == ["Q1"]


def test_the_oldest_comes_first(bridge, folder):
    """Forty incidents are listed from the oldest to the youngest, one a line."""
    receive(*(pagerduty(number, at=hours_ago(100 + number * 7 % 41)) for number in range(40)))
    lines = bridge("open").stdout.splitlines()
    since = [line.split()[3] for line in lines]
    assert (len(lines), since) == (40, sorted(since))


def test_what_dx_is_not_to_hold_is_not_listed(bridge, folder):
    """An incident that an operator has taken out is nobody's concern; one that was ended is ended."""
    receive(pagerduty(1), pagerduty(2), pagerduty(3))
    bridge("override", "Q1", "--exclude")
    bridge("override", "Q2", "--resolved-at", "2026-03-01T12:00:00Z")
    assert references(bridge) == ["Q3"]


def test_a_corrected_start_counts(bridge, folder):
    """How long it has been open is told from the start as corrected."""
    receive(pagerduty(1))
    bridge("override", "Q1", "--started-at", hours_ago(2))
    assert references(bridge) == []
    assert references(bridge, "--for", "1") == ["Q1"]


def test_a_line_has_reference_source_age_and_name(bridge, folder):
    """Ages are told in hours for two days, then in days."""
    long, short = hours_ago(73), hours_ago(47.5)
    receive(pagerduty(1, at=long, title="Database is slow"), pagerduty(2, at=short, title=None))
    assert bridge("open").stdout.splitlines() == [
        f"Q1  pagerduty  since {long} (3 d)  Database is slow",
        f"Q2  pagerduty  since {short} (47 h)",
    ]


def test_json_has_the_same_and_null_for_no_name(bridge, folder):
    """With --json each line is an object of reference, source, start and name."""
    receive(pagerduty(1, title=None), pagerduty(2, title=NAUGHTY))
    lines = [json.loads(line) for line in bridge("open", "--json").stdout.splitlines()]
    known = {"source": "pagerduty", "started_at": "2026-03-01T10:00:00Z"}
    assert sorted(lines, key=lambda line: line["reference_id"]) == [
        {"reference_id": "Q1", **known, "name": None},
        {"reference_id": "Q2", **known, "name": NAUGHTY},
    ]


@pytest.mark.parametrize("hours", ["-1", "nan", "inf", "1e300", "100001", "x", ""])
def test_bad_hours_are_exit_code_2(bridge, folder, hours):
    """What is no number of hours is bad usage, told by its option."""
    receive()
    result = bridge("open", "--for", hours)
    assert (result.exit_code, result.stdout, "'--for'" in result.stderr) == (2, "", True)


def test_names_do_not_steer_a_terminal(bridge, folder):
    """An id or a name with escape sequences and line ends is one line, shown as escapes."""
    receive(pagerduty("\x9b2J", title=NAUGHTY))
    shown = on_terminal(folder, "open")
    assert (shown.count("\n"), invisible(shown)) == (1, [])
    assert shown.startswith(r"Q\x9b2J  pagerduty  since ")
    assert r"Down \x1b[31mred\x1b[0m\nnext" in shown


def test_a_long_name_is_cut(bridge, folder):
    """A name of thousands of letters takes one line of its first hundred."""
    receive(pagerduty(1, title="ä" * 5000))
    assert bridge("open").stdout.endswith("  " + "ä" * 100 + "…\n")
