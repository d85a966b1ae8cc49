"""What DX should not hold: deleted as durably as it was sent, kept true where that was not asked for."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from app.override import Corrections
from app.plan import refusals
from app.policy import Policy, SourcePolicy
from app.rules import compile_rule
from app.sources import default_sources
from app.store import deliveries, incidents, tables
from mappers.fields import SECOND
from tests.store.dx import (
    BUSY,
    BUSY_APPLIED,
    CONFIRMED,
    REFUSED,
    REFUSED_METADATA,
    STUCK,
    TIMEOUT,
    TIMEOUT_APPLIED,
    TIMEOUT_LATE,
    UNAUTHORISED,
    UNREACHABLE,
)
from tests.store.test_policy_in_force import bring, folder_of, put, renewal_of
from tests.store.world import LEASE_SECONDS, START, URL, World, pagerduty, shown

INCLUDE = compile_rule('priority != "P5"')
KEEP = Policy(include=INCLUDE)
RETRACT = Policy(include=INCLUDE, retract=frozenset({"excluded"}))
ELSEWHERE = "https://other.example"
DELETION = {"reference_id": "Q1"}
NOT_TAKEN = {
    "given back": None,
    "unreachable": UNREACHABLE,
    "unauthorised": UNAUTHORISED,
    "refused": REFUSED,
    "metadata refused": REFUSED_METADATA,
}


@dataclass(slots=True)
class Vendor:
    """Tells incidents' priorities, each at once folded and decided about; P5 is excluded."""

    world: World
    destination: str | None = URL
    second: int = 0

    def tell(self, priority: str, name: str = "Q1", **data: Any) -> None:
        """Send a webhook, and fold it."""
        self.second += 1
        body = pagerduty(name, "priority_updated", self.second, priority={"summary": priority}, **data)
        self.world.receive(f"e{self.second}", body)
        folder_of(self.world, destination=self.destination).fold()

    def exclude(self) -> None:
        """Have Q1 excluded."""
        self.tell("P5")

    def include(self) -> None:
        """Have Q1 included."""
        self.tell("P1")


@pytest.fixture
def retracting(world):
    """Return a vendor under a policy that deletes what is excluded."""
    put(world, RETRACT)
    return Vendor(world)


@pytest.fixture
def keeping(world):
    """Return a vendor under a policy that excludes and deletes nothing."""
    put(world, KEEP)
    return Vendor(world)


@pytest.fixture
def deleting(world, retracting):
    """Return a world in which DX holds Q1 and is to delete it."""
    retracting.include()
    world.deliverer().deliver()
    retracting.exclude()
    world.dx.arrived.clear()
    return world


@pytest.fixture
def deleted(deleting):
    """Return a world in which DX has confirmed the deletion of Q1."""
    deleting.deliverer().deliver()
    deleting.dx.arrived.clear()
    return deleting


def work(world: World, url: str = URL, policy: Policy = RETRACT) -> None:
    """Let the pipeline renew and deliver for some hours, all calls confirmed; frozen ones stay so."""
    renewal, deliverer = renewal_of(world, policy, url), world.deliverer(url)
    for _ in range(4):
        deliverer.settle()
        deliverer.deliver()
        renewal.look()
        renewal.page()
        world.dx.land()
        world.outlive(deliverer)
        world.time.pass_by(3600)
    assert not deliverer.has_work()


def redeliver_all(world: World) -> int:
    with world.engine.begin() as connection:
        return deliveries.redeliver(connection, lane=1)


def rests(world: World, name: str = "Q1") -> bool:
    """Whether nothing is to be done about an incident, and nothing is in doubt."""
    row = world.row(name)
    return (row.in_doubt, row.due_at, row.lease, row.parked) == (0, None, None, None)


def test_an_excluded_incident_is_deleted(deleting):
    """What `retract` names goes out of DX by one call with nothing but the reference."""
    [claim] = deleting.deliverer().deliver()
    assert (claim.method, claim.body) == ("incidents.delete", DELETION)
    assert deleting.dx.arrived == [DELETION]
    assert deleting.dx.incidents == {}
    assert rests(deleting)


def test_a_deletion_is_in_the_history(deleted):
    """The history of calls names the method of each."""
    assert [(call.method, call.meaning) for call in deleted.calls()] == [
        ("incidents.upsert", "confirmed"),
        ("incidents.delete", "confirmed"),
    ]


def test_a_deletion_is_in_doubt_before_its_call(deleting):
    """The mark and the lease are committed before a byte is sent, and the keys once sent are not forgotten."""
    before = deleting.row("Q1").ever_sent
    [claim] = deleting.deliverer().claim()
    row = deleting.row("Q1")
    assert (row.in_doubt, row.lease, row.ever_sent) == (1, claim.lease, before)
    assert deleting.dx.arrived == []


def test_a_deletion_is_single_flight(deleting, retracting):
    """While a deletion is under way nobody else calls for its incident, also when that has come back."""
    assert len(deleting.deliverer().claim()) == 1
    assert deleting.deliverer().claim() == []
    retracting.include()
    assert deleting.deliverer().claim() == []


@pytest.mark.parametrize("outcome", [BUSY, BUSY_APPLIED, UNREACHABLE])
def test_a_deletion_is_tried_again(deleting, outcome):
    """After a "not now" the deletion is still due, and follows."""
    deliverer = deleting.deliverer()
    deliverer.deliver(outcome)
    assert deleting.row("Q1").due_at == 0
    assert [claim.method for claim in deliverer.deliver()] == ["incidents.delete"]
    assert deleting.dx.incidents == {}
    assert rests(deleting)


@pytest.mark.parametrize("outcome", [TIMEOUT, TIMEOUT_APPLIED, TIMEOUT_LATE])
def test_a_deletion_that_timed_out_is_tried_again_after_its_lease(deleting, outcome):
    """As DX may still be at work on it, the next call waits until no call can live any more."""
    deliverer = deleting.deliverer()
    deliverer.deliver(outcome)
    deliverer.free_dead_leases()
    deleting.time.pass_by(LEASE_SECONDS - 1)
    deliverer.free_dead_leases()
    assert deliverer.claim() == []
    deleting.dx.land()
    deleting.time.pass_by(2)
    deliverer.free_dead_leases()
    deliverer.deliver()
    assert deleting.dx.incidents == {}
    assert rests(deleting)


def test_a_crash_under_a_deletion_is_made_good(deleting):
    """A process that dies with its claim leaves the incident in doubt; the deletion follows."""
    deleting.deliverer().claim()
    work(deleting)
    assert deleting.dx.incidents == {}
    assert rests(deleting)


def test_a_refused_deletion_is_parked(deleting):
    """DX's words are kept, nothing is in doubt, and nothing is tried before somebody asks."""
    deliverer = deleting.deliverer()
    deliverer.deliver(REFUSED)
    row = deleting.row("Q1")
    assert (row.parked, row.in_doubt) == ("invalid_arguments: started_at is wrong", 0)
    deleting.time.pass_by(86_400)
    assert deliverer.claim() == []
    deleting.unpark_all()
    assert [claim.method for claim in deliverer.deliver()] == ["incidents.delete"]
    assert rests(deleting)


def test_a_refused_deletion_leaves_the_incident_in_dx(deleting, retracting):
    """What comes back after a refused deletion is still there: keys that it lost are erased."""
    deleting.deliverer().deliver(REFUSED)
    retracting.tell("P1")
    retracting.world.receive("x", pagerduty("Q1", "priority_updated", 60, priority=None))
    folder_of(deleting).fold()
    deleting.deliverer().deliver()
    assert deleting.dx.arrived[-1]["priority"] is None
    assert deleting.dx.incidents["Q1"] == shown(deleting.row("Q1").desired)


def test_a_bad_token_holds_a_deletion(deleting):
    """Unauthorised blames no incident: the sender is held, and the deletion goes with the first good probe."""
    deliverer = deleting.deliverer()
    deliverer.deliver(UNAUTHORISED)
    assert deleting.sender.state == "held"
    assert (deleting.row("Q1").parked, deleting.row("Q1").due_at, deleting.row("Q1").in_doubt) == (None, 0, 0)
    deleting.time.pass_by(2)
    deliverer.deliver()
    assert deleting.sender.state == "running"
    assert deleting.dx.incidents == {}


def test_a_deletion_is_not_sent_again(deleted, retracting):
    """Once it is confirmed, whatever else is told of the excluded incident causes no call."""
    for _ in range(3):
        retracting.tell("P5", title=f"Checkout is slow {retracting.second}")
    work(deleted)
    assert deleted.dx.arrived == []
    assert deleted.row("Q1").action == "none"


def test_what_was_deleted_is_not_redelivered(deleted, retracting):
    """A redelivery of everything leaves out what DX does not hold and should not."""
    retracting.exclude()
    assert redeliver_all(deleted) == 0
    work(deleted)
    assert deleted.dx.arrived == []


def test_an_incident_that_comes_back_is_sent_whole(deleted, retracting):
    """After a deletion DX holds nothing that would have to be erased: no key is null but an open end."""
    retracting.world.receive("x", pagerduty("Q1", "priority_updated", 60, priority=None))
    folder_of(deleted).fold()
    deleted.deliverer().deliver()
    [body] = deleted.dx.arrived
    assert [key for key, value in body.items() if value is None] == ["resolved_at"]
    assert deleted.dx.incidents["Q1"] == shown(deleted.row("Q1").desired)
    assert rests(deleted)


def test_the_same_document_comes_back(deleted, retracting):
    """What DX held before its deletion is not taken for what it holds after it."""
    retracting.include()
    deleted.deliverer().deliver()
    assert deleted.dx.incidents["Q1"] == shown(deleted.row("Q1").desired)
    assert rests(deleted)


def test_coming_and_going_between_calls_costs_nothing(deleted, retracting):
    """An incident that is included and excluded again before any call needs none."""
    retracting.include()
    retracting.exclude()
    work(deleted)
    assert deleted.dx.arrived == []


def test_going_and_coming_between_calls_costs_nothing(deleting, retracting):
    """A deletion that is taken back before its call leaves DX as it is."""
    retracting.include()
    work(deleting)
    assert deleting.dx.arrived == []
    assert rests(deleting)


def test_an_incident_that_comes_back_under_its_deletion_is_sent_after_it(deleting, retracting):
    """The answer settles the deletion; the document that is wanted by then follows, whole."""
    deliverer = deleting.deliverer()
    deliverer.claim()
    retracting.include()
    deliverer.call()
    deliverer.settle()
    assert deleting.row("Q1").due_at == 0
    deliverer.deliver()
    assert deleting.dx.incidents["Q1"] == shown(deleting.row("Q1").desired)
    assert rests(deleting)


def test_an_incident_that_is_excluded_under_its_first_call_is_deleted_after_it(world, retracting):
    """DX may hold what is under way to it, so the deletion follows."""
    retracting.include()
    deliverer = world.deliverer()
    deliverer.claim()
    retracting.exclude()
    deliverer.call()
    deliverer.settle()
    assert world.dx.incidents != {}
    deliverer.deliver()
    assert world.dx.incidents == {}
    assert rests(world)


@pytest.mark.parametrize("outcome", [TIMEOUT, TIMEOUT_APPLIED, TIMEOUT_LATE])
def test_an_upsert_that_timed_out_is_deleted_after_its_lease(world, retracting, outcome):
    """A deletion must not overtake an upsert that DX may still be at work on."""
    retracting.include()
    deliverer = world.deliverer()
    deliverer.deliver(outcome)
    retracting.exclude()
    deliverer.free_dead_leases()
    world.time.pass_by(LEASE_SECONDS - 1)
    deliverer.free_dead_leases()
    assert deliverer.claim() == []
    world.dx.land()
    world.time.pass_by(2)
    deliverer.free_dead_leases()
    assert [claim.method for claim in deliverer.deliver()] == ["incidents.delete"]
    assert world.dx.incidents == {}
    assert rests(world)


def test_a_deletion_that_is_applied_late_does_not_win(deleting, retracting):
    """An incident that comes back after a deletion timed out is upserted once DX cannot be at work on that."""
    deliverer = deleting.deliverer()
    deliverer.deliver(TIMEOUT_LATE)
    retracting.include()
    assert deliverer.claim() == []
    work(deleting)
    assert deleting.dx.incidents["Q1"] == shown(deleting.row("Q1").desired)
    assert rests(deleting)


def frozen_upsert(world: World, vendor: Vendor) -> Any:
    """Return a process that has begun the first upsert of Q1 and is frozen, its lease dead."""
    vendor.include()
    slow, other = world.deliverer(), world.deliverer()
    slow.claim()
    slow.call(STUCK)
    world.outlive(other)
    return slow


@pytest.mark.parametrize("again", [False, True])
def test_a_lost_upsert_that_lands_after_a_deletion_is_deleted_again(world, retracting, again):
    """A late answer says that DX may hold the incident again, also when it was decided about once more."""
    slow = frozen_upsert(world, retracting)
    retracting.exclude()
    world.deliverer().deliver()
    assert rests(world)
    if again:
        retracting.exclude()
        assert world.row("Q1").action == "none"
    world.dx.thaw()
    assert world.dx.incidents != {}
    slow.settle()
    work(world)
    assert world.dx.incidents == {}
    assert rests(world)


def test_a_lost_upsert_that_lands_after_a_come_back_leaves_nothing(world, retracting):
    """A key that only the lost upsert had is erased, although a deletion came between."""
    world.receive("x", pagerduty("Q1", "annotated", 0, urgency="high", html_url="https://acme.example/Q1"))
    put(world, Policy(include=INCLUDE, retract=RETRACT.retract, metadata=("urgency",)))
    slow = frozen_upsert(world, retracting)
    retracting.exclude()
    work(world)
    retracting.tell("P1", urgency=None)
    work(world)
    assert "metadata" not in world.dx.incidents["Q1"]
    world.dx.thaw()
    assert "metadata" in world.dx.incidents["Q1"]
    slow.settle()
    work(world)
    assert world.dx.incidents["Q1"] == shown(world.row("Q1").desired)


def test_a_confirmed_deletion_in_doubt_forgets_no_key(world, retracting):
    """Where a lost upsert may have landed after the deletion, what it had is erased when the incident comes back."""
    world.receive("x", pagerduty("Q1", "annotated", 0, urgency="high"))
    put(world, Policy(include=INCLUDE, retract=RETRACT.retract, metadata=("urgency",)))
    slow, other = frozen_upsert(world, retracting), world.deliverer()
    retracting.exclude()
    other.claim()
    other.call()
    world.dx.thaw()
    slow.settle()
    retracting.tell("P1", urgency=None)
    other.settle()
    work(world)
    assert world.dx.incidents["Q1"] == shown(world.row("Q1").desired)


def test_an_incident_that_is_excluded_before_it_was_sent_is_never_sent(world, retracting):
    """What DX has never held needs no deletion; it is not sent, not even by a redelivery of everything."""
    retracting.include()
    retracting.exclude()
    assert world.row("Q1").action == "none"
    assert redeliver_all(world) == 0
    work(world)
    assert world.dx.arrived == []


@pytest.mark.parametrize("policy", [KEEP, RETRACT], ids=["keeping", "retracting"])
@pytest.mark.parametrize("outcome", NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_an_incident_that_is_excluded_under_a_call_that_dx_has_not_taken_is_never_sent(
    world, policy, outcome
):
    """A first call that was given back, or whose answer shows that DX took nothing, leaves nothing to keep true."""
    put(world, policy)
    vendor = Vendor(world)
    vendor.include()
    deliverer = world.deliverer()
    deliverer.claim()
    vendor.exclude()
    deliverer.waits.stopped = outcome is None
    deliverer.call(outcome or CONFIRMED)
    deliverer.waits.stopped = False
    deliverer.settle()
    sent = len(world.dx.arrived)
    world.time.pass_by(2)
    deliverer.deliver()
    work(world, policy=policy)
    assert world.dx.incidents == {}
    assert [body for body in world.dx.arrived[sent:] if body != DELETION] == []
    assert rests(world)


def test_an_excluded_incident_that_dx_holds_is_kept_true(world, keeping):
    """Inclusion is sticky: without `retract` what was sent is still brought up to date."""
    keeping.include()
    deliverer = world.deliverer()
    deliverer.deliver()
    for title in ("Checkout is down", "Checkout is up"):
        keeping.tell("P5", title=title)
        assert [claim.method for claim in deliverer.deliver()] == ["incidents.upsert"]
        assert world.dx.incidents["Q1"]["name"] == title
    assert world.dx.incidents["Q1"]["priority"] == "P5"
    assert world.row("Q1").reason == "include is false"


def test_a_deleted_incident_does_not_come_back_with_another_policy(deleted):
    """A policy that keeps what is excluded re-creates nothing that an earlier one has deleted."""
    bring(deleted, KEEP)
    Vendor(deleted, second=10).tell("P5", title="Checkout is down")
    work(deleted, policy=KEEP)
    assert deleted.dx.arrived == []
    assert deleted.row("Q1").action == "none"


def test_a_redelivered_deletion_does_not_turn_into_an_upsert(deleted):
    """What was deleted, and is deleted once more on request, is not re-created by a policy that keeps it."""
    redeliver_all(deleted)
    bring(deleted, KEEP)
    work(deleted, policy=KEEP)
    assert deleted.dx.incidents == {}


def test_a_deletion_that_was_not_begun_is_taken_back_with_its_policy(deleting):
    """A policy that keeps what is excluded, applied before the deletion's call: the incident is kept true."""
    bring(deleting, KEEP)
    work(deleting, policy=KEEP)
    [body] = deleting.dx.arrived
    assert body["priority"] == deleting.dx.incidents["Q1"]["priority"] == "P5"


def test_what_only_another_dx_holds_is_not_sticky_here(world, keeping):
    """At another destination nothing was ever sent: an incident that is excluded is not sent there."""
    keeping.include()
    world.deliverer().deliver()
    world.dx.arrived.clear()
    keeping.destination = ELSEWHERE
    keeping.exclude()
    work(world, ELSEWHERE, KEEP)
    assert world.row("Q1").action == "none"
    assert world.dx.arrived == []


def test_what_is_kept_true_at_one_dx_is_not_redelivered_to_another(world, keeping):
    """An excluded incident that only the old destination holds does not go to the new one with all others."""
    keeping.include()
    world.deliverer().deliver()
    keeping.exclude()
    world.deliverer().deliver()
    world.dx.arrived.clear()
    redeliver_all(world)
    work(world, ELSEWHERE, KEEP)
    assert world.dx.arrived == []


def test_a_deletion_is_not_sent_to_a_dx_that_holds_nothing(deleting):
    """A deletion that was due at the old destination has nothing to delete at the new one."""
    work(deleting, ELSEWHERE)
    assert deleting.dx.arrived == []


def test_another_prefix_is_refused_for_what_is_about_to_be_sent(world):
    """What waits for its first call may be sent before its document changes: DX would hold it twice."""
    prefixed = Policy(sources={"pagerduty": SourcePolicy("pagerduty", "eu-")})
    put(world, Policy())
    Vendor(world).include()
    with world.engine.begin() as connection:
        assert len(list(refusals(connection, prefixed))) == 1


def test_a_document_without_metadata_is_deleted_and_comes_back(world, retracting):
    """Refused metadata changes nothing about the deletion, nor about the return."""
    world.dx.refuses_metadata = True
    retracting.include()
    work(world)
    assert "metadata" not in world.dx.incidents["Q1"]
    retracting.exclude()
    work(world)
    assert world.dx.incidents == {}
    retracting.include()
    work(world)
    assert world.dx.incidents["Q1"]["priority"] == "P1"
    assert rests(world)


def test_a_deletion_that_is_refused_for_metadata_is_parked(deleting):
    """A body without metadata cannot be sent once more without it."""
    deleting.deliverer().deliver(REFUSED_METADATA)
    assert deleting.row("Q1").parked == "metadata_invalid: no such metadata key"


def test_an_incident_that_is_left_out_is_no_suspect(world, keeping):
    """An incident that failed, and then was left out, is done with when another's call succeeds."""
    keeping.include()
    deliverer = world.deliverer()
    deliverer.deliver(UNREACHABLE)
    keeping.exclude()
    keeping.tell("P1", "Q2")
    world.time.pass_by(60)
    work(world, policy=KEEP)
    assert not world.row("Q1").suspect


def test_deletions_do_not_count_as_delivered(deleted):
    """The counts tell what DX holds: a deleted incident is neither delivered nor due."""
    with deleted.engine.begin() as connection:
        assert incidents.counts(connection) == {"total": 1, "due": 0, "parked": 0, "delivered": 0}
        assert incidents.left_out(connection) == 1


def test_a_merged_incident_is_deleted_where_that_is_asked_for(world):
    """`retract` with `merged` deletes an incident that was merged into another, and no other."""
    put(world, Policy(retract=frozenset({"merged"})))
    vendor = Vendor(world)
    vendor.tell("P1")
    vendor.tell("P1", "Q2")
    world.deliverer().deliver()
    reason = {"type": "merge_resolve_reason", "incident": {"id": "Q2", "type": "incident_reference"}}
    world.receive("m", pagerduty("Q1", "resolved", 60, resolve_reason=reason))
    folder_of(world).fold()
    world.deliverer().deliver()
    assert list(world.dx.incidents) == ["Q2"]


def corrections(world: World) -> Corrections:
    """Return what the command `override` works with."""
    settings = SimpleNamespace(policy=KEEP, sources=default_sources(), dx_base_url=URL)
    return Corrections(world.engine, settings, world.time.clock(), "command")


CORRECTIONS = {
    "excluded": ({"included": False}, None),
    "included": ({"included": True}, {"priority": "P5"}),
    "started": ({"started_at": START - 60 * SECOND}, {"started_at": "2025-12-31T23:59:00Z"}),
    "resolved": ({"resolved_at": START + 120 * SECOND}, {"resolved_at": "2026-01-01T00:02:00Z"}),
}


@pytest.mark.parametrize("name", CORRECTIONS)
def test_an_operators_correction_survives_every_fold(world, keeping, name):
    """What an operator said of an incident holds in DX, whatever the vendor tells of it afterwards."""
    change, expected = CORRECTIONS[name]
    keeping.tell("P5" if name == "included" else "P1")
    work(world, policy=KEEP)
    corrections(world).add("Q1", change)
    for priority in ("P2", "P5"):
        work(world, policy=KEEP)
        keeping.tell(priority, title=f"Checkout is {priority}")
    bring(world, Policy(include=INCLUDE, retract=frozenset({"merged"})))
    work(world, policy=KEEP)
    if expected is None:
        assert world.dx.incidents == {}
    else:
        assert world.dx.incidents["Q1"] == {**world.dx.incidents["Q1"], **expected}
        assert world.dx.incidents["Q1"]["name"] == "Checkout is P5"
    assert rests(world)


def test_an_operator_takes_out_what_no_policy_retracts(world, keeping):
    """An excluded incident is deleted although `retract` names nothing, and DX is called once."""
    keeping.include()
    work(world, policy=KEEP)
    world.dx.arrived.clear()
    corrections(world).add("Q1", {"included": False})
    work(world, policy=KEEP)
    assert world.dx.arrived == [DELETION]


def test_an_operator_takes_out_what_was_never_sent(world, keeping):
    """An incident that was taken out in time is not sent at all."""
    keeping.include()
    corrections(world).add("Q1", {"included": False})
    work(world, policy=KEEP)
    assert world.dx.arrived == []


def test_an_operator_takes_out_an_incident_under_its_call(world, keeping):
    """A correction while a call is under way is sent after it."""
    keeping.include()
    deliverer = world.deliverer()
    deliverer.claim()
    corrections(world).add("Q1", {"included": False})
    deliverer.call()
    deliverer.settle()
    work(world, policy=KEEP)
    assert world.dx.incidents == {}


def test_a_correction_that_is_taken_back_leaves_no_trace(world, keeping):
    """After the correction is cleared DX holds what the vendor said."""
    keeping.include()
    world.time.pass_by(600)
    corrections(world).add("Q1", {"included": False, "resolved_at": START + 120 * SECOND})
    work(world, policy=KEEP)
    corrections(world).clear("Q1")
    work(world, policy=KEEP)
    assert world.row("Q1").override is None
    assert world.dx.incidents["Q1"] == shown(world.row("Q1").desired)
    assert "resolved_at" not in world.dx.incidents["Q1"]


def test_an_operators_word_counts_against_retract(world, retracting):
    """What an operator includes is not deleted, even where the policy retracts what is excluded."""
    retracting.include()
    work(world)
    corrections(world).add("Q1", {"included": True})
    retracting.exclude()
    work(world)
    assert world.dx.incidents["Q1"]["priority"] == "P5"


def test_a_deletion_goes_out_of_the_list_of_open_incidents(deleted):
    """Only what DX should hold, and has no end, is an open incident."""
    row = deleted.row("Q1")
    assert (row.action, row.resolved_at) == ("delete", None)
    with deleted.engine.begin() as connection:
        still = tables.incidents.c
        rows = connection.execute(
            tables.incidents.select().where(still.resolved_at.is_(None), still.action == "upsert")
        )
        assert rows.all() == []
