from hypothesis import given, settings

from app.incident import merge
from app.store import codec
from app.view import view
from tests.merge.strategies import states

many = settings(max_examples=400, deadline=None)


@many
@given(states, states)
def test_merge_is_commutative(a, b):
    """It does not matter which of two states comes first."""
    assert merge(a, b) == merge(b, a)


@many
@given(states, states, states)
def test_merge_is_associative(a, b, c):
    """It does not matter how three states are grouped."""
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@many
@given(states, states)
def test_merge_is_idempotent(a, b):
    """What is in a state already changes nothing when it comes again."""
    both = merge(a, b)
    assert merge(both, a) == both
    assert merge(b, both) == both


@many
@given(states)
def test_a_stored_state_reads_back_the_same(state):
    """Writing a state to the store and reading it loses nothing."""
    assert codec.load_state(codec.dump(state)) == state


@many
@given(states)
def test_no_incident_ends_before_it_starts(state):
    """Whatever the evidence, the resolution is not before the start."""
    shown = view(state)
    assert shown.resolved_at is None or shown.resolved_at >= shown.started_at
