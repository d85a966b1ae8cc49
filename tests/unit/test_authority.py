"""Whether a record that was read adds anything to what is held."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import assume, example, given, settings

from app.authority import tells_more
from app.incident import State, merge, observe
from app.view import view
from mappers.fields import SECOND
from mappers.observation import Observation
from tests.merge.record_rules import READINGS, Reading, read
from tests.merge.rules import RECEIVED, at
from tests.merge.strategies import mixed_states, records

SILENCE = 13 * SECOND
"""Later than all random times."""

OPEN_AFTER_ALL = merge(observe(read(30), 0), observe(at(20, resolves=True), 0))


def told(reading: Reading) -> bool:
    """Return what is said of a reading."""
    held = reduce(merge, [observe(each, RECEIVED) for each in reading.held])
    record = observe(reading.record, RECEIVED).record
    assert record is not None
    return tells_more(held, record)


@pytest.mark.parametrize("reading", READINGS, ids=lambda each: each.name)
def test_a_record_tells_more_only_where_it_says_something_new(reading):
    """Its content counts, not when it was read, unless webhooks have spoken in between."""
    assert told(reading) is reading.more


@settings(max_examples=150, deadline=None)
@given(mixed_states, records)
@example(OPEN_AFTER_ALL, read(50))
def test_a_record_that_tells_nothing_changes_nothing(state: State, seen: Observation):
    """What is passed over would have left everything that is shown as it is."""
    read_now = observe(seen, 0)
    known, record = state.record, read_now.record
    assert record is not None
    assume(known is None or record.at > known.at)  # others may be passed over: the defects above
    assert tells_more(state, record) or view(merge(state, read_now)) == view(state)


@settings(max_examples=100, deadline=None)
@given(mixed_states, records)
def test_a_record_that_was_taken_tells_nothing_more(state: State, seen: Observation):
    """Read once more, at the same time or later with no webhook in between, it is passed over."""
    read_now = observe(seen, 0)
    record = read_now.record
    assert record is not None
    assert not tells_more(merge(state, read_now), record)
    again = observe(replace(seen, at=SILENCE), 0)
    later = observe(replace(seen, at=SILENCE + 5 * SECOND), 0).record
    assert later is not None
    assert not tells_more(merge(state, again), later)
