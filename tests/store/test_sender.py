"""The sender: whose fault a failure is, who is tried while DX is down, and what goes once it is back."""

import pytest
from sqlalchemy import event, update
from structlog.testing import capture_logs

from app.errors import DatabaseNotReadyError
from app.store import deliveries, sender, tables
from mappers.fields import SECOND
from tests.store.dx import BUSY, CONFIRMED, PATIENCE, REFUSED, TIMEOUT, UNAUTHORISED, UNREACHABLE


def want(world, count):
    return [world.want(f"Q{number}") for number in range(count)]


def probe(world, deliverer, outcome, count):
    """Make `count` probes, each at the first moment that one is begun; return the seconds before each."""
    waits = []
    for _ in range(count):
        wait = max(0, world.sender.next_probe_at - world.time.wall)
        if wait:
            world.time.pass_by((wait - 1) / SECOND)
            assert deliverer.claim() == []
            world.time.pass_by(1 / SECOND)
        assert len(deliverer.deliver(outcome)) == 1
        waits.append(wait // SECOND)
    return waits


def let_be(world, deliverer, outcome, seconds, step=1):
    """Let a deliverer work for some time."""
    for _ in range(seconds // step):
        deliverer.free_dead_leases()
        deliverer.deliver(outcome)
        world.time.pass_by(step)


def suspects(world, names):
    rows = [world.row(name) for name in names]
    return [(row.attempts, row.due_at) for row in rows]


def test_one_failure_begins_a_probing(world):
    """After a "not now" DX is taken to be down: the next claim is one probe, at once."""
    want(world, 5)
    deliverer = world.deliverer(concurrency=2)
    deliverer.deliver(BUSY)
    assert world.sender.state == "probing"
    assert [claim.probe for claim in deliverer.claim()] == [True]


def test_there_is_one_probe_at_a_time(world):
    """While a probe is under way, no deliverer begins another call."""
    want(world, 5)
    one, other = world.deliverer(concurrency=1), world.deliverer()
    one.deliver(BUSY)
    assert len(one.claim()) == 1
    world.time.pass_by(40)
    assert other.claim() == []


def test_a_probe_whose_process_died_is_followed_by_another(world):
    """The probe of a crashed process is waited out, then somebody else's turn comes."""
    want(world, 5)
    dead, other = world.deliverer(concurrency=1), world.deliverer()
    dead.deliver(BUSY)
    dead.claim()
    world.time.pass_by(46)
    assert len(other.claim()) == 1


def test_probes_take_the_least_recently_tried(world):
    """Each probe is for the incident whose last try is longest ago, never-tried ones first."""
    ids = want(world, 4)
    deliverer = world.deliverer(concurrency=1)
    for _ in range(8):
        deliverer.deliver(BUSY)
        world.time.pass_by(60)
    assert [call.incident_id for call in world.calls()] == ids * 2


def test_probes_grow_apart_to_a_minute(world):
    """The first probe follows at once, the others after 1, 2, 4 … at most 60 seconds."""
    want(world, 3)
    assert probe(world, world.deliverer(concurrency=1), BUSY, 10) == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_nobody_collects_back_off_in_an_outage(world):
    """However often probes fail, no incident's attempts grow."""
    want(world, 3)
    probe(world, world.deliverer(concurrency=1), BUSY, 20)
    assert suspects(world, ["Q0", "Q1", "Q2"]) == [(0, 0)] * 3


@pytest.mark.parametrize("outcome", [BUSY, UNREACHABLE, TIMEOUT])
def test_a_backlog_moves_within_a_minute_of_dxs_return(world, outcome):
    """After an outage everything is in DX a minute after it is back, whatever failed."""
    want(world, 30)
    deliverer = world.deliverer()
    let_be(world, deliverer, outcome, 600, 5)
    let_be(world, deliverer, CONFIRMED, 61)
    assert len(world.dx.incidents) == 30
    assert [call.meaning for call in world.calls()].count("confirmed") == 30


def test_everything_due_goes_after_a_success(world):
    """One confirmed probe, and the next claim takes as many as there is room for."""
    want(world, 6)
    deliverer = world.deliverer(concurrency=4)
    world.deliverer(concurrency=1).deliver(BUSY)
    deliverer.deliver()
    assert world.sender.state == "running"
    assert len(deliverer.claim()) == 4


def test_a_suspect_gets_its_back_off_when_another_succeeds(world):
    """The failed incident's own fault shows when another's call succeeds: then it waits up to a second."""
    want(world, 2)
    deliverer = world.deliverer(concurrency=1)
    deliverer.deliver(BUSY)
    assert suspects(world, ["Q0"]) == [(0, 0)]
    deliverer.deliver(CONFIRMED)
    [(attempts, due_at)] = suspects(world, ["Q0"])
    assert attempts == 1
    assert world.time.wall < due_at <= world.time.wall + SECOND


def test_a_suspect_that_succeeds_itself_is_not_blamed(world):
    """The only incident fails and then gets through: no fault is left on it."""
    want(world, 1)
    deliverer = world.deliverer()
    deliverer.deliver(BUSY)
    deliverer.deliver(CONFIRMED)
    row = world.row("Q0")
    assert (row.attempts, row.suspect, row.due_at) == (0, False, None)


def calls_for_a_bad_incident(world, outcome):
    """Let one incident fail for an hour while another changes and succeeds; count the bad one's calls."""
    bad, deliverer = world.want("BAD"), world.deliverer()
    for _ in range(120):
        world.want("GOOD", name=f"version {world.time.wall}")
        for claim in deliverer.claim():
            deliverer.call(outcome if claim.incident_id == bad else CONFIRMED, 0)
        deliverer.settle()
        deliverer.free_dead_leases()
        world.time.pass_by(30)
    return sum(call.incident_id == bad for call in world.calls())


def test_an_incident_at_fault_is_called_less_and_less_often(world):
    """An incident that alone fails, among others that succeed, is tried a few times in an hour."""
    assert 4 <= calls_for_a_bad_incident(world, BUSY) <= 30


def test_a_wait_that_dx_asks_for_is_kept(world):
    """`Retry-After: 120` means no call for 120 seconds."""
    want(world, 3)
    deliverer = world.deliverer(concurrency=1)
    deliverer.deliver(PATIENCE)
    world.time.pass_by(119)
    assert deliverer.claim() == []
    world.time.pass_by(1)
    assert len(deliverer.claim()) == 1


def test_any_answer_that_asks_for_a_wait_gets_it(world):
    """Of the calls that were under way when DX failed, the longest `Retry-After` counts."""
    want(world, 3)
    deliverer = world.deliverer(concurrency=2)
    deliverer.claim()
    deliverer.call(BUSY, 0)
    deliverer.call(PATIENCE, 0, under_way=True)
    deliverer.settle()
    world.time.pass_by(119)
    assert deliverer.claim() == []


def test_a_bad_token_holds_the_sender(world):
    """Unauthorised holds everything; single probes go on, at intervals of at most five minutes."""
    want(world, 10)
    deliverer = world.deliverer()
    deliverer.deliver(UNAUTHORISED)
    assert (world.sender.state, world.sender.reason) == ("held", "invalid_auth")
    waits = probe(world, deliverer, UNAUTHORISED, 11)
    assert waits == [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_a_held_sender_goes_on_by_itself(world):
    """Once a probe succeeds, everything that waited is delivered and nobody is parked."""
    want(world, 10)
    deliverer = world.deliverer()
    deliverer.deliver(UNAUTHORISED)
    probe(world, deliverer, UNAUTHORISED, 8)
    let_be(world, deliverer, CONFIRMED, 305, 5)
    assert len(world.dx.incidents) == 10
    assert world.sender.state == "running"


def refuse(world, count):
    want(world, count)
    deliverer = world.deliverer(concurrency=1)
    for _ in range(count):
        deliverer.deliver(REFUSED)
    return deliverer


def parked(world, count):
    return [number for number in range(count) if world.row(f"Q{number}").parked]


def test_nineteen_refusals_park_nineteen(world):
    """Fewer than twenty refused incidents are at fault themselves."""
    refuse(world, 19)
    assert parked(world, 19) == list(range(19))
    assert world.sender.state == "running"


def test_twenty_refusals_in_a_row_hold_the_sender(world):
    """The twentieth incident refused with one code holds the sender, and the nineteen are unparked."""
    refuse(world, 20)
    assert parked(world, 20) == []
    assert (world.sender.state, world.sender.reason) == ("held", "invalid_arguments")
    assert [world.row(f"Q{number}").due_at for number in range(20)] == [0] * 20


def test_after_a_hold_for_refusals_all_are_delivered(world):
    """When DX takes documents again, the twenty follow without anybody's help."""
    deliverer = refuse(world, 20)
    let_be(world, deliverer, CONFIRMED, 60)
    assert len(world.dx.incidents) == 20


def test_a_probe_refused_under_a_hold_parks_nobody(world):
    """While all are refused, the refusal of one more says nothing about it."""
    deliverer = refuse(world, 20)
    probe(world, deliverer, REFUSED, 5)
    assert parked(world, 20) == []


def test_a_paused_sender_claims_nothing(world, engine):
    """After an operator's pause no call begins; after resuming it does."""
    want(world, 1)
    deliverer = world.deliverer()
    with engine.begin() as connection:
        sender.pause(connection)
    assert deliverer.claim() == []
    with engine.begin() as connection:
        sender.resume(connection)
    assert len(deliverer.claim()) == 1


def test_a_probe_that_a_jumping_clock_put_off_is_due(world, engine):
    """A next probe further ahead than any wait comes from a clock that jumped."""
    want(world, 2)
    deliverer = world.deliverer(concurrency=1)
    deliverer.deliver(BUSY)
    with engine.begin() as connection:
        connection.execute(update(tables.sender).values(next_probe_at=world.time.wall + 3600 * SECOND))
    assert len(deliverer.claim()) == 1


def test_a_wait_asked_for_is_kept(world):
    """Calls that began before a `Retry-After` do not end its wait, however well they end."""
    want(world, 3)
    deliverer = world.deliverer(concurrency=2)
    deliverer.claim()
    deliverer.call(PATIENCE, 0)
    deliverer.call(CONFIRMED, 0, under_way=True)
    deliverer.settle()
    world.time.pass_by(119)
    assert deliverer.claim() == []
    world.time.pass_by(1)
    assert len(deliverer.deliver(CONFIRMED)) == 1


def test_what_was_parked_before_a_hold_for_the_token_is_sent_once_everything_is_refused(world):
    """The twentieth refusal in a row unparks the nineteen before it, even if the token was refused in between."""
    want(world, 20)
    deliverer = world.deliverer(concurrency=1)
    for outcome in [*[REFUSED] * 19, UNAUTHORISED]:
        deliverer.deliver(outcome)
    world.time.pass_by(5)
    deliverer.deliver(REFUSED)
    assert [world.row(f"Q{number}").parked for number in range(20)] == [None] * 20


def test_a_redelivery_leaves_what_is_due_in_its_lane(world, engine):
    """An incident that waits to be told live stays live when all are sent again in the background."""
    world.want("Q1")
    with engine.begin() as connection:
        deliveries.redeliver(connection, lane=1)
    assert world.row("Q1").lane == 0


def end_idle_probing(world):
    with world.engine.begin() as connection:
        sender.end_idle_probing(connection, world.time.wall)
    return world.sender.state


def test_a_sender_without_anything_to_probe_with_runs(world):
    """When the only incident that failed is left out meanwhile, the sender does not stay `probing` for ever."""
    world.want("Q1")
    world.deliverer().deliver(UNREACHABLE)
    assert end_idle_probing(world) == "probing"
    world.want("Q1", action="none")
    assert end_idle_probing(world) == "running"


def test_a_probe_under_way_keeps_the_sender_probing(world):
    """What has been claimed may still tell how DX is."""
    world.want("Q1")
    deliverer = world.deliverer()
    deliverer.deliver(UNREACHABLE)
    deliverer.claim()
    assert end_idle_probing(world) == "probing"


def test_a_wait_asked_for_is_kept_with_nothing_left_to_send(world):
    """A `Retry-After` holds for what comes next, too."""
    world.want("Q1")
    world.deliverer().deliver(PATIENCE)
    world.want("Q1", action="none")
    assert end_idle_probing(world) == "probing"
    world.time.pass_by(120)
    assert end_idle_probing(world) == "running"


def test_a_held_sender_is_let_alone(world):
    """A refused token stays refused, whatever there is to send."""
    world.want("Q1")
    world.deliverer().deliver(UNAUTHORISED)
    world.want("Q1", action="none")
    assert end_idle_probing(world) == "held"


def test_a_probe_given_back_is_followed_at_once(world):
    """A process that stops before its probe begins leaves the next one to another, without a wait."""
    want(world, 3)
    one, other = world.deliverer(concurrency=1), world.deliverer()
    one.deliver(BUSY)
    one.claim()
    one.waits.stopped = True
    one.call()
    one.settle()
    assert len(other.claim()) == 1


def test_a_settlement_that_is_repeated_is_logged_once(world):
    """A call is logged when its answer is in the database."""
    world.want("Q1")
    deliverer = world.deliverer()
    deliverer.claim()
    deliverer.call()

    def fail(_):
        raise DatabaseNotReadyError

    with capture_logs() as logs:
        event.listen(world.engine, "commit", fail)
        with pytest.raises(DatabaseNotReadyError):
            deliverer.settle()
        event.remove(world.engine, "commit", fail)
        assert deliverer.settle()
    assert [line["event"] for line in logs].count("call to DX") == 1
