"""Settling: what each answer leaves behind, in time or late."""

import pytest
from sqlalchemy import update

from app.store import deliveries, settlement, tables
from tests.store.dx import (
    BUSY,
    BUSY_APPLIED,
    CONFIRMED,
    REFUSED,
    STUCK,
    TIMEOUT,
    TIMEOUT_APPLIED,
    UNAUTHORISED,
    UNREACHABLE,
)
from tests.store.world import shown

LOST = [TIMEOUT, TIMEOUT_APPLIED, BUSY, BUSY_APPLIED]


def marks(world, name="Q1"):
    row = world.row(name)
    return (row.in_doubt, row.due_at, row.lease is not None, row.parked)


def test_a_confirmed_document_is_settled(world):
    """After a confirmation the document is the settled one, out of doubt and not due."""
    world.want("Q1", name="A")
    world.deliverer().deliver(CONFIRMED)
    row = world.row("Q1")
    assert (row.settled, row.settled_document, row.settled_at) == (row.digest, row.desired, world.time.wall)
    assert marks(world) == (0, None, False, None)


@pytest.mark.parametrize("outcome", LOST)
def test_a_call_without_an_answer_leaves_the_doubt(world, outcome):
    """A time-out or a 5xx says nothing about what DX holds: the incident stays in doubt and due."""
    world.want("Q1", name="A")
    world.deliverer().deliver(outcome)
    row = world.row("Q1")
    assert (row.in_doubt, row.due_at, row.settled) == (1, 0, None)


@pytest.mark.parametrize(("outcome", "leased"), [(TIMEOUT, True), (BUSY, False), (UNREACHABLE, False)])
def test_only_a_call_that_may_go_on_keeps_its_lease(world, outcome, leased):
    """After a time-out DX may still be at work, so the incident waits its lease out; an answer ends it."""
    world.want("Q1")
    world.deliverer().deliver(outcome)
    assert (world.row("Q1").lease is not None) == leased


def test_a_call_that_never_began_leaves_no_doubt(world):
    """Where no byte of the body was written, DX cannot have applied it."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.deliver()
    world.want("Q1", name="B")
    deliverer.deliver(UNREACHABLE)
    world.want("Q1", name="A")
    assert marks(world) == (0, None, False, None)


@pytest.mark.parametrize("outcome", [TIMEOUT_APPLIED, BUSY_APPLIED])
def test_a_document_that_returns_after_a_lost_answer_is_sent(world, outcome):
    """A, then B with a lost answer, then A again: DX may hold B, so A is sent although A was settled."""
    deliverer = world.deliverer()
    for name, how in (("A", CONFIRMED), ("B", outcome), ("A", CONFIRMED)):
        world.want("Q1", name=name)
        world.outlive(deliverer)
        deliverer.deliver(how)
    assert world.dx.incidents["Q1"]["name"] == "A"
    assert marks(world) == (0, None, False, None)


def test_a_change_under_a_call_is_due_after_it(world):
    """The answer settles what was sent, not what is wanted by then."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.claim()
    world.want("Q1", name="B")
    deliverer.call()
    deliverer.settle()
    row = world.row("Q1")
    assert row.settled != row.digest
    assert marks(world) == (0, 0, False, None)
    deliverer.deliver()
    assert world.dx.incidents["Q1"] == shown(row.desired)


def test_a_refused_document_is_parked_with_dxs_words(world):
    """A refusal is visible, not due, and leaves no doubt: DX has not taken it."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.deliver(REFUSED)
    assert marks(world) == (0, None, False, "invalid_arguments: started_at is wrong")
    world.time.pass_by(86_400)
    assert deliverer.claim() == []


def test_a_refusal_restores_the_doubt_that_was_there(world):
    """A refusal tells of its own call only: what an earlier one may have done stays open."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.deliver(BUSY_APPLIED)
    world.want("Q1", name="B")
    deliverer.deliver(REFUSED)
    assert marks(world)[0] == 1
    world.want("Q1", name="C")
    deliverer.deliver()
    assert marks(world) == (0, None, False, None)


def test_a_parked_incident_is_tried_when_its_document_changes(world):
    """Another document may be taken: the incident is due again and no longer parked."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.deliver(REFUSED)
    world.want("Q1", name="B")
    assert marks(world) == (0, 0, False, None)
    deliverer.deliver()
    assert world.dx.incidents["Q1"]["name"] == "B"


def test_a_refused_document_that_has_changed_meanwhile_is_not_parked(world):
    """The refusal was of the old document; the new one is due."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.claim()
    world.want("Q1", name="B")
    deliverer.call(REFUSED)
    deliverer.settle()
    assert marks(world) == (0, 0, False, None)


def test_a_parked_incident_is_tried_on_redelivery(world, engine):
    """An operator's redelivery sends the refused document once more."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.deliver(REFUSED)
    world.unpark_all()
    deliverer.deliver()
    assert marks(world) == (0, None, False, None)
    assert len(world.dx.arrived) == 2


def test_redelivery_under_a_call_sends_once_more(world, engine):
    """What an operator asks for while a call is under way is not taken for done by that call."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.claim()
    with engine.begin() as connection:
        assert deliveries.redeliver(connection, lane=0) == 1
    deliverer.call()
    deliverer.settle()
    assert len(deliverer.deliver()) == 1
    assert marks(world) == (0, None, False, None)


def test_a_bad_token_blames_no_incident(world):
    """Unauthorised is nobody's fault: not parked, no back-off, no new doubt, and still due."""
    world.want("Q1", name="A")
    world.deliverer().deliver(UNAUTHORISED)
    row = world.row("Q1")
    assert marks(world) == (0, 0, False, None)
    assert (row.attempts, row.suspect) == (0, False)


def test_every_call_is_recorded(world):
    """The history names the document, the answer's meaning, code, words and status."""
    world.want("Q1", name="A")
    digest = world.row("Q1").digest
    deliverer = world.deliverer()
    deliverer.deliver(BUSY)
    deliverer.deliver(REFUSED)
    told = [(call.digest, call.meaning, call.code, call.words, call.status) for call in world.calls()]
    assert told == [
        (digest, "not_now", "http_503", "", 503),
        (digest, "refused", "invalid_arguments", "started_at is wrong", 422),
    ]


@pytest.mark.parametrize("outcome", [CONFIRMED, REFUSED, TIMEOUT, BUSY, UNREACHABLE])
def test_a_late_answer_leaves_the_incident_in_doubt(world, outcome):
    """An answer to a lost claim may have come after the next call: the newest document follows."""
    world.want("Q1", name="A")
    slow, other = world.deliverer(), world.deliverer()
    slow.claim()
    slow.call(outcome)
    world.outlive(other)
    world.want("Q1", name="B")
    other.deliver()
    assert marks(world) == (0, None, False, None)
    slow.settle()
    assert marks(world)[:2] == (1, 0)


def test_a_late_answer_is_not_covered_by_the_call_under_way(world):
    """A confirmation that came while a lost call might still be applied does not end the doubt."""
    world.want("Q1", name="A")
    slow, other = world.deliverer(), world.deliverer()
    slow.claim()
    slow.call(STUCK)
    world.outlive(other)
    world.want("Q1", name="B")
    other.claim()
    slow.settle()
    other.call()
    other.settle()
    world.dx.thaw()
    assert world.dx.incidents["Q1"]["name"] == "A"
    other.deliver()
    assert world.dx.incidents["Q1"]["name"] == "B"
    assert marks(world) == (0, None, False, None)


def test_a_late_answer_does_not_end_the_lease_of_the_next_claim(world):
    """The incident stays with the deliverer that holds it now."""
    world.want("Q1")
    slow, other = world.deliverer(), world.deliverer()
    slow.claim()
    slow.call()
    world.outlive(other)
    [claim] = other.claim()
    slow.settle()
    assert world.row("Q1").lease == claim.lease


def test_answers_that_could_not_be_settled_are_settled_later(world, engine, monkeypatch):
    """When the database fails under a settle, its answers are kept and nothing is half done."""
    world.want("Q1")
    world.want("Q2")
    deliverer = world.deliverer()
    deliverer.claim()
    deliverer.call()
    with monkeypatch.context() as broken:
        broken.setattr(settlement, "insert", None)
        with pytest.raises(TypeError):
            deliverer.settle()
    assert [marks(world, name)[2] for name in ("Q1", "Q2")] == [True, True]
    assert deliverer.settle()
    assert [marks(world, name) for name in ("Q1", "Q2")] == [(0, None, False, None)] * 2
    assert deliverer.idle


def test_a_refusal_of_metadata_sends_the_rest(world):
    """`metadata_invalid`: once more without metadata; the full document is settled and the history says so."""
    world.dx.refuses_metadata = True
    world.want("Q1", name="A", metadata={"urgency": "high"})
    deliverer = world.deliverer()
    deliverer.deliver()
    deliverer.deliver()
    row = world.row("Q1")
    assert (row.settled, row.parked, row.due_at) == (row.digest, None, None)
    assert "without metadata" in world.calls()[-1].words
    assert world.dx.incidents["Q1"]["name"] == "A"
    assert [("metadata" in body) for body in world.dx.arrived] == [True, False]


def test_metadata_is_tried_again_with_the_next_document(world):
    """What DX refused of one document says nothing about the next."""
    world.dx.refuses_metadata = True
    world.want("Q1", metadata={"urgency": "high"})
    deliverer = world.deliverer()
    while deliverer.deliver():
        pass
    world.dx.refuses_metadata = False
    world.want("Q1", metadata={"urgency": "low"})
    deliverer.deliver()
    assert world.dx.incidents["Q1"]["metadata"] == {"urgency": "low"}


def test_another_destination_starts_with_nothing_delivered(world):
    """What was settled at one address says nothing about another; keys once sent are erased at each."""
    world.want("Q1", name="A", priority="P1")
    world.deliverer().deliver()
    elsewhere = world.deliverer("https://other.example")
    assert elsewhere.claim() == []
    world.want("Q1", name="B")
    elsewhere.deliver()
    assert world.dx.arrived[-1]["priority"] is None
    row = world.row("Q1")
    assert (row.destination, row.settled) == ("https://other.example", row.digest)


def test_a_document_settled_elsewhere_is_due_when_it_changes_back(world, engine):
    """A return to what the old destination holds is a change for the new one."""
    world.want("Q1", name="A")
    world.deliverer().deliver()
    world.want("Q1", name="B")
    with engine.begin() as connection:
        connection.execute(update(tables.incidents).values(destination="https://other.example"))
    world.want("Q1", name="A")
    assert world.row("Q1").due_at == 0
