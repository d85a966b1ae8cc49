"""The truth itself, against small stories whose outcome was worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.histories.model import RECEIPT, SECOND, Statement, UndeterminedError
from tests.histories.truth import document

START = 1_718_452_800  # 2024-06-15T12:00:00Z
NOON = "2024-06-15T12:00:00Z"


def at(seconds: float) -> int:
    return (START * 1000 + round(seconds * 1000)) * (SECOND // 1000)


def said(seconds: float, **more: Any) -> Statement:
    return Statement(source="pagerduty", kind="incident", reference="Q1", time=at(seconds), **more)


def alert(name: str, seconds: float, **more: Any) -> Statement:
    return Statement(
        source="opsgenie", kind="incident", reference="i-1", time=at(seconds), alert=name, **more
    )


def outcome(*statements: Statement) -> tuple[str, str | None]:
    told = document(statements)
    return told["started_at"], told["resolved_at"]


OPENED = said(0, created=at(0), opened=(at(0),))


def test_the_first_of_two_resolutions_stands():
    """A second resolution does not move it, and its fraction is cut."""
    resolutions = [said(t, resolved=at(t)) for t in (60.999, 90)]
    assert outcome(OPENED, *resolutions) == (NOON, "2024-06-15T12:01:00Z")


def test_a_reopening_undoes_earlier_resolutions_only():
    """The resolution after the reopening is the one that counts."""
    reopened = said(60.4, opened=(at(60.4),))
    assert outcome(OPENED, said(60, resolved=at(60)), reopened) == (NOON, None)
    again = said(75, resolved=at(75))
    assert outcome(OPENED, said(60, resolved=at(60)), reopened, again) == (NOON, "2024-06-15T12:01:15Z")


def test_open_evidence_at_the_time_of_the_resolution_leaves_it():
    """A resolution counts unless it is before the latest open evidence."""
    assert outcome(OPENED, said(60, resolved=at(60)), said(60, opened=(at(60),)))[1] == "2024-06-15T12:01:00Z"


def test_a_snapshot_counts_from_two_seconds_after_a_resolution_on():
    """Before that it may have been written while the incident was still open."""
    resolved = said(60, resolved=at(60))
    assert outcome(OPENED, resolved, said(61.9, snapshot=at(61.9)))[1] == "2024-06-15T12:01:00Z"
    assert outcome(OPENED, resolved, said(62.1, snapshot=at(62.1)))[1] is None


def test_a_resolution_before_the_start_is_one_at_the_start():
    """The clocks of a vendor differ by a second or so."""
    assert outcome(said(-2, created=at(0), opened=(at(-2),)), said(-1, resolved=at(-1))) == (NOON, NOON)


def test_without_a_creation_time_the_earliest_event_tells_the_start():
    """A creation time counts even if it is later than an event."""
    assert outcome(said(30), said(0.7))[0] == NOON
    assert outcome(said(30, created=at(0.2)), said(-9))[0] == NOON


def test_a_merge_holds_until_a_reopening():
    """Then the target of the merge is no longer told."""
    merged = said(60, resolved=at(60), merged=True, merged_into="Q2")
    assert document([OPENED, merged, said(90, resolved=at(90))])["metadata"]["merged_into"] == "Q2"
    assert "merged_into" not in document([OPENED, merged, said(90, opened=(at(90),))])["metadata"]


def test_at_equal_times_the_event_about_the_field_wins_then_a_value():
    """What neither rule settles is refused."""
    about = said(5, about="priority", fields={"priority": None})
    value, cleared = said(5, fields={"priority": "P2"}), said(5, fields={"priority": None})
    assert "priority" not in document([OPENED, about, value])
    assert document([OPENED, value, cleared])["priority"] == "P2"
    with pytest.raises(UndeterminedError):
        document([OPENED, value, said(5, fields={"priority": "P3"})])


def test_an_event_without_a_time_has_the_last_word_but_tells_no_time():
    """Its receipt is later than all else, and not known here."""
    untimed = Statement(
        source="pagerduty", kind="incident", reference="Q1", time=RECEIPT, fields={"name": "b"}
    )
    assert document([OPENED, untimed, said(9, fields={"name": "a"})])["name"] == "b"
    with pytest.raises(UndeterminedError):
        document([untimed])


def test_owners_decide_responders_fill_and_associated_alerts_only_exist():
    """An alert whose type is not told counts as a responder beside typed ones."""
    owner = [
        alert("a", 1, role="owner", created=at(0), fields={"name": "down"}),
        alert("a", 60, resolved=at(60)),
    ]
    responder = alert("b", 70, role="responder", created=at(-5), acknowledged=at(70), opened=(at(70),))
    untyped = alert("c", 80, created=at(-6), fields={"name": "up", "entity": "db-1"}, opened=(at(80),))
    associated = alert("d", 90, role="associated", created=at(-7), fields={"alias": "x"})
    assert document([*owner, responder, untyped, associated]) == {
        "reference_id": "i-1",
        "started_at": NOON,
        "resolved_at": "2024-06-15T12:01:00Z",
        "name": "down",
        "metadata": {
            "source": "opsgenie",
            "kind": "incident",
            "entity": "db-1",
            "acknowledged_at": "2024-06-15T12:01:10Z",
        },
    }


def test_associated_alerts_alone_give_an_incident_of_which_nothing_is_known():
    """It starts with the earliest event, and whether it is over cannot be told."""
    told = document([alert("d", 0, role="associated", created=at(-9), fields={"name": "x"}, resolved=at(0))])
    metadata = {"source": "opsgenie", "kind": "incident"}
    assert told == {"reference_id": "i-1", "started_at": NOON, "resolved_at": None, "metadata": metadata}


def test_untyped_alerts_alone_count_as_owners_and_say_so():
    """The incident is then marked as approximate."""
    told = document([alert("a", 1, created=at(0)), alert("b", 30, resolved=at(30))])
    assert (told["resolved_at"], told["metadata"]["approximate"]) == ("2024-06-15T12:00:30Z", True)
