"""What the timeline of an incident says of each event, call and act."""

from types import SimpleNamespace

import orjson
import pytest

from app.policy import DEFAULT
from app.sources import default_sources
from app.store.acts import Act
from app.web.dashboard.timeline import Difference, Entry, Story, differences, of_act, of_call
from mappers.fields import SECOND
from tests.store.world import pagerduty

AT = 1_772_366_400 * SECOND + 7_999_999


def row(body: dict, number: int = 1, source: str = "pagerduty") -> SimpleNamespace:
    """Return an event as the store holds it."""
    raw = orjson.dumps(body)
    return SimpleNamespace(
        id=number, source=source, key=f"key-{number}", received_at=AT, body=raw, record=False
    )


def call(**changed: object) -> SimpleNamespace:
    """Return a call to DX as the store holds it."""
    plain = {"at": AT, "method": "incidents.upsert", "meaning": "confirmed", "code": "ok"}
    return SimpleNamespace(**plain | {"words": "", "status": 200, "duration_ms": 12} | changed)


def story() -> Story:
    """Return the story of PagerDuty's Q1."""
    return Story(("pagerduty", "Q1"), DEFAULT, default_sources())


def test_a_time_is_told_to_the_millisecond() -> None:
    """Milliseconds are cut, not rounded."""
    assert Entry(AT, "event", "x").time == "2026-03-01T12:00:00.007Z"


def test_each_event_tells_what_it_changed() -> None:
    """The first event brings everything, a later one what differs, one that repeats nothing."""
    told = story()
    first, same, last = (
        told.entry(row(body, number))
        for number, body in enumerate(
            [
                pagerduty("Q1", priority={"summary": "P2"}),
                pagerduty("Q1", "acknowledged", 60, priority={"summary": "P2"}, status="acknowledged"),
                pagerduty("Q1", "resolved", 120, title="Checkout is down", priority={"summary": "P2"}),
            ]
        )
    )
    assert (first.what, first.notes, first.event_id) == ("incident.triggered", (), 0)
    assert Difference("priority", None, "P2") in first.changes
    assert Difference("started_at", None, "2026-01-01T00:00:00Z") in first.changes
    assert same.changes == (Difference("metadata.acknowledged_at", None, "2026-01-01T00:01:00Z"),)
    assert set(last.changes) == {
        Difference("resolved_at", None, "2026-01-01T00:02:00Z"),
        Difference("name", "Checkout is slow", "Checkout is down"),
    }


def test_an_event_that_changes_nothing_says_so() -> None:
    """An event that repeats what is known is told, with that remark."""
    told = story()
    told.entry(row(pagerduty("Q1")))
    entry = told.entry(row(pagerduty("Q1", "delegated", 5), 2))
    assert (entry.changes, tuple(entry.notes)) == ((), ("changes nothing",))


def test_events_out_of_order_are_told_as_they_came() -> None:
    """A resolution that comes first already shows the end; the trigger after it moves nothing but what it knows."""
    told = story()
    first = told.entry(row(pagerduty("Q1", "resolved", 120)))
    late = told.entry(row(pagerduty("Q1", "triggered", 0, created_at="2026-01-01T00:00:00Z"), 2))
    assert Difference("resolved_at", None, "2026-01-01T00:02:00Z") in first.changes
    assert late.changes == (Difference("started_at", "2026-01-01T00:02:00Z", "2026-01-01T00:00:00Z"),)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (pagerduty("Q2"), "it leads to another incident today"),
        ({"event": {"event_type": "incident.triggered", "data": {"type": "incident"}}}, "event.data.id"),
    ],
)
def test_an_event_that_tells_nothing_today(body: dict, why: str) -> None:
    """An event that this version maps elsewhere, or cannot read, is told with the reason and changes nothing."""
    entry = story().entry(row(body))
    assert (entry.level, entry.changes) == ("warn", ())
    assert why in entry.notes[0]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"event": {"event_type": "incident.x"}}, "incident.x"),
        ({"webhookEvent": "jira:issue_created"}, "jira:issue_created"),
        ({"action": "Create"}, "Create"),
        ({"event": "a word"}, "event"),
        ({"event": {"event_type": None}, "action": "y" * 100}, "y" * 80),
        ({}, "event"),
    ],
)
def test_the_name_of_an_event(body: dict, name: str) -> None:
    """Each vendor's own word, cut where it is long; bodies without one are just an event."""
    assert story().entry(row(body)).what == name


@pytest.mark.parametrize(
    ("changed", "what", "level", "notes"),
    [
        ({}, "incidents.upsert: confirmed", "good", ["HTTP 200, ok, 12 ms"]),
        (
            {"meaning": "refused", "status": 422, "code": "invalid_arguments", "words": "name is too long"},
            "incidents.upsert: refused",
            "bad",
            ["HTTP 422, invalid_arguments, 12 ms", "name is too long"],
        ),
        (
            {"meaning": "not_now", "status": None, "code": "timeout", "words": "timeout"},
            "incidents.upsert: not now",
            "warn",
            ["timeout, 12 ms"],
        ),
        (
            {"method": "incidents.delete", "meaning": "unauthorised", "status": 401, "code": "invalid_auth"},
            "incidents.delete: unauthorised",
            "bad",
            ["HTTP 401, invalid_auth, 12 ms"],
        ),
    ],
)
def test_a_call_tells_its_answer(changed: dict, what: str, level: str, notes: list[str]) -> None:
    """Method and meaning, DX's status, code and duration, and its words where they say more than the code."""
    entry = of_call(call(**changed))
    assert (entry.kind, entry.what, entry.level, list(entry.notes)) == ("call", what, level, notes)


def test_an_act_tells_who() -> None:
    """An operator's act is told with the way it came."""
    entry = of_act(Act(AT, "dashboard", "redeliver", "Q1"))
    assert (entry.kind, entry.what, tuple(entry.notes)) == ("act", "redeliver", ("by dashboard",))


def test_differences() -> None:
    """Key by key, of metadata its own keys; lists and numbers as words; what stays is left out."""
    before = {
        "name": "a",
        "priority": "P1",
        "services": [{"identifier": "x"}],
        "metadata": {"number": 1, "teams": ["a"]},
    }
    after = {
        "name": "a",
        "resolved_at": None,
        "services": [{"identifier": "x"}, {"identifier": "y"}],
        "metadata": {"number": 2, "teams": ["a"]},
    }
    assert set(differences(before, after)) == {
        Difference("priority", "P1", None),
        Difference("services", "x", "x, y"),
        Difference("metadata.number", "1", "2"),
    }


@pytest.mark.parametrize("empty", [{}, {"metadata": None}, {"metadata": {}}])
def test_no_differences(empty: dict) -> None:
    """Documents that say the same do not differ, whichever way they say nothing."""
    assert differences(empty, {}) == differences({}, empty) == ()
