from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.authority import SAME_RESOLUTION
from app.incident import merge, observe
from app.store import codec
from app.view import view
from mappers.fields import SECOND
from tests.merge.strategies import mixed_states, records, states, values

many = settings(max_examples=100, deadline=None)

LAST = 6 * SECOND
"""The latest of all random times."""

full = st.tuples(values, values, values).map(
    lambda told: dict(zip(("name", "priority", "services"), told, strict=True))
)
full_records = st.builds(lambda seen, told: replace(seen, at=LAST, fields=told), records, full)


@many
@given(mixed_states, mixed_states)
def test_merge_is_commutative_beside_records(a, b):
    """It does not matter which of two states comes first, whatever each knows of the API."""
    assert merge(a, b) == merge(b, a)


@many
@given(mixed_states, mixed_states, mixed_states)
def test_merge_is_associative_beside_records(a, b, c):
    """It does not matter how three states are grouped, whatever each knows of the API."""
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@many
@given(mixed_states, mixed_states)
def test_merge_is_idempotent_beside_records(a, b):
    """A record that is in a state already changes nothing when it comes again."""
    both = merge(a, b)
    assert merge(both, a) == merge(b, both) == both


@many
@given(mixed_states)
def test_a_stored_state_with_a_record_reads_back_the_same(state):
    """Writing a state to the store and reading it loses nothing of what the API told."""
    assert codec.load_state(codec.dump(state)) == state


@many
@given(mixed_states)
def test_no_incident_ends_before_it_starts_beside_records(state):
    """Whatever the API says, the resolution is not before the start."""
    shown = view(state)
    assert shown.resolved_at is None or shown.resolved_at >= shown.started_at


@many
@given(mixed_states)
def test_beside_a_record_nothing_is_guessed(state):
    """With a record the incident is known, and which alert is whose is of no matter any more."""
    shown = view(state)
    assert state.record is None or (shown.known and not shown.approximate)


@many
@given(states, full_records)
def test_a_record_goes_before_all_that_webhooks_told_until_then(state, seen):
    """Start, fields, deletion, and whether it is over are the record's; its end is at most more precise."""
    alone = observe(seen, 0)
    told, both = view(alone), view(merge(state, alone))
    assert (both.started_at, both.fields, both.deleted) == (told.started_at, told.fields, told.deleted)
    assert (both.resolved_at is None) is (told.resolved_at is None)
    if not told.inferred:  # what it only infers may have been long before
        assert abs((both.resolved_at or 0) - (told.resolved_at or 0)) <= SAME_RESOLUTION
