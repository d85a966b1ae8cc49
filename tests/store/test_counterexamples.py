"""Rules of the contract that single statements or interleavings broke."""

from sqlalchemy import update

from app.store import tables
from mappers import MAPPERS
from mappers import pagerduty as pagerduty_mapper
from tests.store.dx import BUSY, CONFIRMED, REFUSED, REFUSED_METADATA, TIMEOUT
from tests.store.test_sender import calls_for_a_bad_incident, want
from tests.store.world import pagerduty


def test_a_nul_in_an_event_stops_no_other_event(world):
    """An event type with a NUL character is folded like any other, on both databases."""
    world.receive("e0", {"event": {"event_type": "odd\x00type", "data": {"type": "other"}}})
    world.receive("e1", pagerduty("Q1"))
    world.folder().fold()
    assert [row.outcome for row in world.events()] == ["ignored", "upsert"]


def test_a_mapper_that_returns_nonsense_stops_only_its_event(world, monkeypatch):
    """A mapper's result that cannot be used fails its event, and the others flow."""

    class Broken:
        REFERENCE_PREFIX = ""
        source_url = staticmethod(pagerduty_mapper.source_url)

        @staticmethod
        def from_webhook(body):
            return None if body["event"]["data"]["id"] == "BAD" else pagerduty_mapper.from_webhook(body)

    monkeypatch.setitem(MAPPERS, "pagerduty", Broken)
    world.receive("e0", pagerduty("BAD"))
    world.receive("e1", pagerduty("Q1"))
    world.folder().fold()
    assert [row.outcome for row in world.events()] == ["failed", "upsert"]


def test_an_incident_that_times_out_is_called_less_and_less_often(world):
    """A time-out earns the same back-off as another failure: the end of its lease does not undo it."""
    assert calls_for_a_bad_incident(world, TIMEOUT) <= 30


def test_the_end_of_a_lease_leaves_the_back_off(world):
    """An incident blamed while its call is waited out is due when its back-off ends, not before."""
    world.want("BAD")
    world.want("GOOD")
    deliverer = world.deliverer(concurrency=1)
    deliverer.deliver(TIMEOUT)
    deliverer.deliver(CONFIRMED)
    late = world.time.wall + 600 * 1_000_000_000
    with world.engine.begin() as connection:
        changed = update(tables.incidents).where(tables.incidents.c.vendor_id == "BAD")
        connection.execute(changed.values(due_at=late))
    world.outlive(deliverer)
    row = world.row("BAD")
    assert (row.lease, row.due_at) == (None, late)


def test_a_long_lease_lets_one_probe_go_at_a_time(world):
    """With DX_OUTLIVE at half an hour, a probe under way still keeps the others back."""
    want(world, 5)
    deliverer = world.deliverer(outlive=1800.0)
    world.deliverer(concurrency=1).deliver(BUSY)
    assert len(deliverer.claim()) == 1
    assert deliverer.claim() == []


def test_a_confirmed_incident_is_not_parked(world):
    """A lost call that answers after its successor was refused sends the document again; then it is in DX."""
    world.want("Q1", name="A")
    slow, other = world.deliverer(), world.deliverer()
    slow.claim()
    slow.call()
    world.outlive(other)
    other.deliver(REFUSED)
    slow.settle()
    other.deliver(CONFIRMED)
    row = world.row("Q1")
    assert (row.settled, row.parked, row.due_at) == (row.digest, None, None)


def test_a_call_without_metadata_keeps_the_pace(world):
    """The second call of a `metadata_invalid` counts, too: no more than DX_MAX_RPS arrive in a second."""
    world.dx.refuses_metadata = True
    for number in range(30):
        world.want(f"Q{number}", metadata={"urgency": "high"})
    deliverer = world.deliverer(max_rps=10.0, concurrency=64)
    for _ in range(9):
        deliverer.deliver()
        world.time.pass_by(0.1)
    assert len(world.dx.arrived) <= 19  # 0.9 s, and the slots of one second ahead


def test_a_refusal_of_metadata_is_harmless_at_another_destination(world):
    """A document that erased metadata was refused for that; elsewhere nothing has to be erased, and it goes."""
    deliverer, elsewhere = world.deliverer(), world.deliverer("https://other.example")
    world.want("Q1", name="A", metadata={"urgency": "high"})
    deliverer.deliver()
    world.want("Q1", name="B")
    deliverer.deliver(REFUSED_METADATA)
    world.unpark_all()
    elsewhere.deliver()
    assert world.dx.arrived[-1]["name"] == "B"


def test_the_history_tells_of_left_out_metadata_only_where_some_was_refused(world):
    """A document that has no metadata is not said to have been sent without."""
    world.want("Q1", name="A")
    world.deliverer().deliver()
    assert world.calls()[-1].words == ""


def test_a_refusal_in_dxs_words_ends_a_suspicion(world):
    """DX answered about this incident: it is no suspect any more, also when its document has changed meanwhile."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.deliver(BUSY)
    deliverer.claim()
    world.want("Q1", name="B")
    deliverer.call(REFUSED)
    deliverer.settle()
    assert not world.row("Q1").suspect
