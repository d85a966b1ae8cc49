"""Claims: what is marked before a call, and how one call per incident is kept apart from the next."""

import pytest
from sqlalchemy import update

from app.store import claims, deliveries, sender, tables
from mappers.fields import SECOND
from tests.store.dx import BUSY, CONFIRMED, STUCK, TIMEOUT, UNAUTHORISED, UNREACHABLE
from tests.store.threads import at_once
from tests.store.world import LEASE_SECONDS, OUTLIVE_SECONDS, URL


def test_an_incident_is_in_doubt_before_its_call(world):
    """A claim commits the mark before a byte is sent, so that a crash at any moment leaves it."""
    world.want("Q1", name="A")
    [claim] = world.deliverer().claim()
    row = world.row("Q1")
    assert (row.in_doubt, row.lease) == (1, claim.lease)
    assert world.dx.arrived == []


def test_the_keys_of_a_call_are_kept_before_it(world):
    """All keys of the body count as sent once the claim is committed."""
    world.want("Q1", name="A", priority="P1")
    world.deliverer().claim()
    sent = set(world.row("Q1").ever_sent.split())
    assert sent == {"name", "priority", "reference_id", "resolved_at", "started_at"}


def test_a_key_once_sent_is_erased_with_null(world):
    """A value that is gone is sent as null, services as an empty list, from then on in every call."""
    world.want("Q1", name="A", priority="P1", services=[{"identifier": "api"}], metadata={"urgency": "high"})
    deliverer = world.deliverer()
    deliverer.deliver()
    for name in ("B", "C"):
        world.want("Q1", name=name)
        deliverer.deliver()
        gone = {key: world.dx.arrived[-1][key] for key in ("priority", "services", "metadata")}
        assert gone == {"priority": None, "services": [], "metadata": None}
    assert world.dx.incidents["Q1"] == {
        "reference_id": "Q1",
        "started_at": "2026-01-01T00:00:00Z",
        "name": "C",
    }


def test_a_key_never_sent_is_omitted(world):
    """What was never known is not in the body, so that DX's own data stays."""
    world.want("Q1", name="A")
    world.deliverer().deliver()
    assert world.dx.arrived == [
        {"reference_id": "Q1", "started_at": "2026-01-01T00:00:00Z", "resolved_at": None, "name": "A"}
    ]


def test_a_key_of_a_call_that_may_not_have_arrived_is_erased(world):
    """A time-out may have delivered the key, so the next document without it says null."""
    world.want("Q1", name="A", priority="P1")
    deliverer = world.deliverer()
    deliverer.deliver(TIMEOUT)
    world.want("Q1", name="A")
    world.outlive(deliverer)
    deliverer.deliver()
    assert world.dx.arrived[-1]["priority"] is None


def test_only_the_newest_document_is_sent(world):
    """Ten changes that no call came between are one call with the last of them."""
    for number in range(10):
        world.want("Q1", name=f"version {number}")
    deliverer = world.deliverer()
    deliverer.deliver()
    assert deliverer.claim() == []
    assert [body["name"] for body in world.dx.arrived] == ["version 9"]


def test_what_was_settled_is_not_sent_again(world):
    """After a confirmation nothing is due until the document changes."""
    world.want("Q1", name="A")
    deliverer = world.deliverer()
    deliverer.deliver()
    world.want("Q1", name="A")
    world.time.pass_by(86_400)
    assert deliverer.claim() == []


def test_the_oldest_due_incidents_come_first(world):
    """Incidents are claimed in the order in which they became due, as far as there is room."""
    for number in range(6):
        world.want(f"Q{number}")
    claimed = world.deliverer(concurrency=4).claim()
    assert [claim.document.count(f"Q{n}") for n, claim in enumerate(claimed)] == [1, 1, 1, 1]


def test_a_full_deliverer_claims_nothing(world):
    """No more calls are under way than the concurrency allows."""
    for number in range(3):
        world.want(f"Q{number}")
    deliverer = world.deliverer(concurrency=2)
    assert [len(deliverer.claim()) for _ in range(3)] == [2, 0, 0]


def test_a_stopped_deliverer_claims_nothing(world):
    """After `stop` no further call begins."""
    world.want("Q1")
    deliverer = world.deliverer()
    deliverer.stop()
    assert deliverer.claim() == []


def test_live_incidents_come_before_background_ones(world, engine):
    """A mass redelivery does not keep a new incident waiting."""
    world.want("Q1")
    world.deliverer().deliver()
    with engine.begin() as connection:
        deliveries.redeliver(connection, lane=1)
    world.want("Q2")
    assert world.deliverer(concurrency=1).claim()[0].incident_id == world.row("Q2").id


def test_a_claimed_incident_is_not_claimed_again(world):
    """Two deliverers never hold the same incident, also when its document changes meanwhile."""
    world.want("Q1", name="A")
    one, other = world.deliverer(), world.deliverer()
    assert len(one.claim()) == 1
    world.want("Q1", name="B")
    assert other.claim() == []


def test_deliverers_at_once_share_without_overlap(engine, world):
    """Four processes that claim at the same time get each incident once."""
    for number in range(40):
        world.want(f"Q{number}")

    def claim(_):
        found = []
        while True:
            with engine.begin() as connection:
                claimed = claims.claim(connection, 3, URL, world.time.wall, probe=False)
            if not claimed:
                return found
            found += [each.incident_id for each in claimed]

    claimed = [each for found in at_once(4, claim) for each in found]
    assert len(claimed) == len(set(claimed)) == 40


def test_a_locked_incident_is_passed_over(postgres_engine, world_of):
    """On PostgreSQL a claim does not wait for a fold that holds one incident; it takes the next."""
    world = world_of(postgres_engine)
    world.want("Q1")
    world.want("Q2")
    with world.engine.begin() as fold:
        fold.execute(update(tables.incidents).where(tables.incidents.c.vendor_id == "Q1").values(lane=0))
        assert [claim.incident_id for claim in world.deliverer().claim()] == [world.row("Q2").id]


@pytest.mark.parametrize("jump", [-3600, 0, 3600])
def test_a_lease_ends_when_its_observer_has_seen_it_long_enough(world, jump):
    """After the time that a call may last the incident is due again, wherever the wall clock went."""
    world.want("Q1")
    world.deliverer().claim()
    other = world.deliverer()
    other.free_dead_leases()
    world.time.jump(jump)
    world.time.steady += LEASE_SECONDS + 0.1
    other.free_dead_leases()
    assert len(other.claim()) == 1


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_a_wall_clock_that_jumps_ends_no_lease(world, jump):
    """An hour forward or back on the wall means nothing for a lease."""
    world.want("Q1")
    world.deliverer().claim()
    other = world.deliverer()
    other.free_dead_leases()
    world.time.jump(jump)
    world.time.steady += LEASE_SECONDS - 0.1
    other.free_dead_leases()
    assert other.claim() == []


def test_a_new_observer_waits_the_whole_time(world):
    """A process that has just started does not know a lease's age: it takes it for new."""
    world.want("Q1")
    world.deliverer().claim()
    world.time.pass_by(3600)
    other = world.deliverer()
    other.free_dead_leases()
    assert other.claim() == []


def test_each_claim_has_a_lease_of_its_own(world):
    """An incident that is claimed again and again is never taken for one old lease."""
    world.want("Q1")
    one, other = world.deliverer(), world.deliverer()
    for _ in range(5):
        one.claim()
        other.free_dead_leases()
        world.time.pass_by(LEASE_SECONDS / 2)
        one.call(UNREACHABLE)
        one.settle()
        world.time.pass_by(60)
    one.claim()
    other.free_dead_leases()
    assert other.claim() == []
    assert world.row("Q1").lease is not None


def test_a_call_whose_lease_ran_out_is_not_made(world):
    """The lease is checked as the last act: a call that was held up so long gives its claim back."""
    world.want("Q1")
    deliverer = world.deliverer()
    deliverer.claim()
    world.time.pass_by(OUTLIVE_SECONDS)
    deliverer.call(CONFIRMED)
    deliverer.settle()
    row = world.row("Q1")
    assert world.dx.arrived == []
    assert (row.lease, row.in_doubt, row.due_at) == (None, 0, 0)


def test_a_stopping_process_gives_back_what_it_has_not_sent(world):
    """At SIGTERM, a claim that waits for its slot is ended as if it had not been."""
    world.want("Q1")
    deliverer = world.deliverer()
    deliverer.claim()
    deliverer.stop()
    deliverer.call()
    deliverer.settle()
    row = world.row("Q1")
    assert (row.lease, row.in_doubt, row.due_at) == (None, 0, 0)
    assert deliverer.idle


def test_claims_ahead_wait_for_a_thread(world):
    """Some more are claimed than may be called at once, and as many as were settled are claimed next."""
    for number in range(8):
        world.want(f"Q{number}")
    deliverer = world.deliverer(concurrency=2, ahead=1)
    assert len(deliverer.claim()) == 3
    deliverer.call(number=0)
    deliverer.call(number=0)
    deliverer.settle()
    assert len(deliverer.claim()) == 2


def test_nothing_is_claimed_ahead_of_a_pace(world):
    """Where calls have slots, none waits past its own for a thread: no more is claimed than may be called at once."""
    for number in range(8):
        world.want(f"Q{number}")
    assert len(world.deliverer(concurrency=2, ahead=1, max_rps=10.0).claim()) == 2


@pytest.mark.parametrize("outcome", [BUSY, TIMEOUT, UNREACHABLE, UNAUTHORISED])
def test_claims_ahead_are_given_back_when_dx_takes_nothing(world, outcome):
    """Once an answer says "not now" or refuses the token, what was claimed ahead is not sent, and is due as before."""
    world.want("Q1")
    world.want("Q2")
    deliverer = world.deliverer(concurrency=1, ahead=1)
    deliverer.claim()
    deliverer.call(outcome, 0)
    deliverer.call(CONFIRMED, 0)
    deliverer.settle()
    row = world.row("Q2")
    assert (row.lease, row.in_doubt, row.due_at, row.suspect) == (None, 0, 0, False)
    assert "Q2" not in world.dx.incidents
    assert deliverer.idle


def test_a_probe_is_sent_while_dx_takes_nothing(world):
    """A probe is what finds out when DX is back: it is not given back."""
    world.want("Q1")
    deliverer = world.deliverer(concurrency=1, ahead=1)
    deliverer.deliver(BUSY)
    world.time.pass_by(60)
    deliverer.deliver(CONFIRMED)
    assert "Q1" in world.dx.incidents


def test_claims_ahead_are_given_back_when_an_operator_pauses(world, engine):
    """What was claimed ahead of a pause is not sent once the pause was seen."""
    for number in range(3):
        world.want(f"Q{number}")
    deliverer = world.deliverer(concurrency=1, ahead=2)
    deliverer.claim()
    deliverer.call(number=0)
    with engine.begin() as connection:
        sender.pause(connection)
    deliverer.turn()
    deliverer.call()
    deliverer.settle()
    assert list(world.dx.incidents) == ["Q0"]
    assert (world.row("Q1").in_doubt, deliverer.idle) == (0, True)


def test_a_claim_given_back_late_frees_nothing_of_the_next(world):
    """A claim that was lost meanwhile does not end the lease of the one after it."""
    world.want("Q1")
    frozen, other = world.deliverer(), world.deliverer()
    frozen.claim()
    world.outlive(other)
    [claim] = other.claim()
    frozen.call(STUCK)
    frozen.settle()
    row = world.row("Q1")
    assert world.dx.arrived == []
    assert (row.lease, row.in_doubt) == (claim.lease, 2)


@pytest.mark.parametrize("ahead", [901, 3600, 10**6])
def test_a_due_time_that_no_back_off_could_give_is_now(world, engine, ahead):
    """A due time further ahead than the longest back-off comes from a clock that jumped."""
    world.want("Q1")
    with engine.begin() as connection:
        connection.execute(update(tables.incidents).values(due_at=world.time.wall + ahead * SECOND))
    assert len(world.deliverer().claim()) == 1


def test_a_due_time_within_the_longest_back_off_is_kept(world, engine):
    """Fifteen minutes are a back-off like any other."""
    world.want("Q1")
    with engine.begin() as connection:
        connection.execute(update(tables.incidents).values(due_at=world.time.wall + 900 * SECOND))
    deliverer = world.deliverer()
    assert deliverer.claim() == []
    world.time.pass_by(900)
    assert len(deliverer.claim()) == 1


@pytest.mark.parametrize("seconds", [LEASE_SECONDS - 1, LEASE_SECONDS + 1])
def test_a_lease_of_a_timed_out_call_is_waited_out(world, seconds):
    """After a time-out the incident is claimed again once the lease is over, and not before."""
    world.want("Q1")
    deliverer = world.deliverer()
    deliverer.deliver(TIMEOUT)
    deliverer.free_dead_leases()
    world.time.pass_by(seconds)
    deliverer.free_dead_leases()
    assert len(deliverer.claim()) == (seconds > LEASE_SECONDS)


def test_what_has_waited_out_its_back_off_is_not_shut_out(world):
    """With more changes at hand than may be called, an incident after its back-off has its turn."""
    ids = [world.want(f"Q{number}") for number in range(8)]
    with world.engine.begin() as connection:
        last = tables.incidents.c.id == ids[-1]
        connection.execute(update(tables.incidents).where(last).values(due_at=world.time.wall - 1))
    claimed = [claim.incident_id for claim in world.deliverer(concurrency=2).claim()]
    assert claimed == [ids[-1], ids[0]]


def test_a_back_off_is_work_left(world):
    """`work --drain` does not end while an incident waits to be tried again."""
    world.want("Q1")
    deliverer = world.deliverer()
    deliverer.deliver(BUSY)
    with world.engine.begin() as connection:
        connection.execute(update(tables.incidents).values(due_at=world.time.wall + 60 * SECOND))
    assert deliverer.has_work()
