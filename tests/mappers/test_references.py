"""References of PagerDuty's incidents: tolerant of whatever stands in their place."""

import pytest

from mappers import pagerduty


def fields(**data):
    """Return what an event says of an incident with this data."""
    incident = {"id": "Q1", "type": "incident", "status": "triggered", **data}
    event = {"id": "E1", "event_type": "incident.triggered", "occurred_at": "2026-01-02T03:04:05Z"}
    return pagerduty.from_webhook({"event": {**event, "data": incident}}).fields


@pytest.mark.parametrize("odd", ["PSVC", 7, [], {"id": [], "summary": "Shop"}, {"summary": True}])
@pytest.mark.parametrize(("key", "field"), [("service", "services"), ("priority", "priority")])
def test_what_is_no_reference_counts_as_not_given(key, field, odd):
    """An oddly typed reference says nothing: it clears no field, and costs the event nothing."""
    assert field not in fields(**{key: odd})


@pytest.mark.parametrize("odd", ["PTEAM", {}, [{"summary": "Shop"}, {"summary": {}}], ["Shop"]])
def test_a_list_with_what_is_no_reference_counts_as_not_given(odd):
    """A part of the teams must not pass for all of them."""
    assert "teams" not in fields(teams=odd)


@pytest.mark.parametrize(("key", "field"), [("service", "services"), ("priority", "priority")])
def test_null_clears(key, field):
    """Null in place of a reference is the cleared value."""
    assert fields(**{key: None})[field] is None


def test_names_may_be_numbers():
    """A number as display name is taken as its text."""
    assert fields(priority={"id": "P1", "summary": 1})["priority"] == "1"
