"""The policy in force: one for the whole fleet, used from the next fold on, and brought to what is held."""

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select, update

from app import fold, renew
from app.config import digest, load_policy
from app.in_force import InForce, apply
from app.policy import DEFAULT, Policy, SourcePolicy
from app.renew import Renewal
from app.rules import compile_rule
from app.sources import Source, default_sources
from app.store import codec, incidents, policies, tables
from tests.store.dx import BUSY, REFUSED
from tests.store.threads import at_once, is_blocked
from tests.store.world import START, URL, World, pagerduty

LOUD = Policy(priorities={"P1": "loud"})
QUIET = Policy(priorities={"P1": "quiet"})
FURTHER = "pagerduty-eu"
WITH_FURTHER = Policy(sources={FURTHER: SourcePolicy("pagerduty", "eu-")})


def folder_of(world: World, policy: Policy = DEFAULT, destination: str | None = URL) -> fold.Folder:
    """Return a folder whose own policy is this one, and which has a further source."""
    sources = default_sources() | {FURTHER: Source(FURTHER, "pagerduty", "EU_SECRETS")}
    return fold.Folder(world.engine, sources, destination, world.time.clock(), policy)


def renewal_of(world: World, policy: Policy = DEFAULT, destination: str | None = URL) -> Renewal:
    """Return a renewal whose own policy is this one."""
    return Renewal(world.engine, default_sources(), destination, InForce(policy), world.time.clock())


def bring(world: World, policy: Policy, destination: str | None = URL) -> None:
    """Bring a policy into force, and every incident under it."""
    put(world, policy)
    renewal = renewal_of(world, policy, destination)
    renewal.look()
    for _ in range(50):
        renewal.page()
    assert not renewal._under_way


def put(world: World, policy: Policy) -> None:
    """Bring a policy into force."""
    with world.engine.begin() as connection:
        policies.seize(connection)
        apply(connection, policy, world.time.wall)


def in_force(world: World) -> str | None:
    with world.engine.begin() as connection:
        return policies.in_force(connection)


def tell(world: World, name: str = "Q1", second: int = 0, source: str = "pagerduty", **data: Any) -> None:
    """Store a webhook with a priority."""
    data.setdefault("priority", {"summary": "P1"})
    world.receive(f"{source}-{name}-{second}", pagerduty(name, "priority_updated", second, **data), source)


def priority(world: World, name: str = "Q1") -> object:
    return codec.load_document(world.row(name).desired).values.get("priority")


def settle_all(world: World) -> None:
    deliverer = world.deliverer()
    while deliverer.deliver():
        pass


def test_an_empty_database_begins_with_the_policy_of_its_first_process(world):
    """The first fold brings its own policy into force, and keeps it as text that can be read again."""
    tell(world)
    folder_of(world, LOUD).fold()
    assert in_force(world) == digest(LOUD)
    assert priority(world) == "loud"
    with world.engine.begin() as connection:
        assert load_policy(policies.document(connection, digest(LOUD))) == LOUD


def test_incidents_from_before_policies_go_on_under_the_default(world):
    """A database folded before there were policies keeps its documents, whatever a process's own file says."""
    tell(world)
    folder_of(world).fold()
    settle_all(world)
    with world.engine.begin() as connection:
        connection.execute(update(tables.sender).values(policy=None))
        connection.execute(update(tables.incidents).values(policy=None))
    tell(world, "Q2")
    folder_of(world, LOUD).fold()
    renewal = renewal_of(world, LOUD)
    renewal.look()
    renewal.page()
    assert in_force(world) == digest(DEFAULT)
    assert [priority(world, name) for name in ("Q1", "Q2")] == ["P1", "P1"]
    assert world.row("Q1").due_at is None


def test_a_renewal_alone_puts_the_default_in_force_where_incidents_are_held(world):
    """Whichever chore comes first, incidents from before policies stay as they are."""
    tell(world)
    folder_of(world).fold()
    settle_all(world)
    with world.engine.begin() as connection:
        connection.execute(update(tables.sender).values(policy=None))
        connection.execute(update(tables.incidents).values(policy=None))
    renewal = renewal_of(world, LOUD)
    renewal.look()
    renewal.page()
    assert in_force(world) == digest(DEFAULT)
    assert (priority(world), world.row("Q1").due_at) == ("P1", None)


def test_members_with_other_files_do_not_undo_each_other(world):
    """Two members whose files differ fold in turns: the first one's policy holds, no document goes to and fro."""
    one, other = folder_of(world, LOUD), folder_of(world, QUIET)
    for second in range(6):
        tell(world, second=second)
        (other if second % 2 else one).fold()
        settle_all(world)
        assert priority(world) == "loud"
    for member in (LOUD, QUIET):
        renewal = renewal_of(world, member)
        renewal.look()
        assert not renewal._under_way
    assert len(world.dx.arrived) == 1


def test_members_that_start_at_once_agree(world, monkeypatch):
    """Of four members with two files that fold at the same time, one decides for all incidents."""
    monkeypatch.setattr(fold, "BATCH", 2)
    for number in range(16):
        tell(world, f"Q{number}")

    def work(number):
        folder = folder_of(world, QUIET if number % 2 else LOUD)
        while folder.fold():
            pass

    at_once(4, work)
    given = {priority(world, f"Q{number}") for number in range(16)}
    assert given == ({"loud"} if in_force(world) == digest(LOUD) else {"quiet"})


def test_a_member_that_comes_second_takes_the_first_ones_policy(postgres_engine, world_of):
    """On PostgreSQL a member that finds none, and waits for another that is putting one in force, works with that."""
    world, begun = world_of(postgres_engine), Event()

    def work(number):
        if number:
            begun.wait(10)
        with postgres_engine.begin() as connection:
            applied = InForce(QUIET if number else LOUD).in_transaction(connection, START)
            begun.set()
            assert number or any(is_blocked(postgres_engine) for _ in range(5000))
            return applied.digest

    assert at_once(2, work) == [digest(LOUD)] * 2
    assert in_force(world) == digest(LOUD)


def test_a_restarted_member_keeps_to_the_policy_in_force(world):
    """A changed file changes nothing before it is applied."""
    tell(world)
    folder_of(world, LOUD).fold()
    tell(world, second=1)
    folder_of(world, QUIET).fold()
    assert (in_force(world), priority(world)) == (digest(LOUD), "loud")


def test_a_policy_applied_between_two_folds_is_used_by_the_second(world):
    """A running folder sees what was applied by another process, at its next fold."""
    folder = folder_of(world)
    tell(world)
    folder.fold()
    put(world, LOUD)
    tell(world, "Q2")
    folder.fold()
    assert (priority(world, "Q1"), priority(world, "Q2")) == ("P1", "loud")


def test_a_policy_can_come_back(world):
    """A policy that was in force before is in force again once it is applied again."""
    folder = folder_of(world)
    for policy, expected in ((LOUD, "loud"), (QUIET, "quiet"), (LOUD, "loud")):
        put(world, policy)
        tell(world, second=len(world.events()))
        folder.fold()
        assert priority(world) == expected


def test_no_policy_comes_into_force_under_a_fold(postgres_engine, world_of):
    """On PostgreSQL an application waits for transactions that work with the present policy."""
    world = world_of(postgres_engine)
    put(world, DEFAULT)
    own = InForce(DEFAULT)
    order, folding = [], Event()

    def work(number):
        if number:
            folding.wait(10)
            put(world, LOUD)
            order.append("applied")
            return
        with postgres_engine.begin() as connection:
            before = own.in_transaction(connection, START)
            folding.set()
            assert any(_is_waited_for(world) for _ in range(5000))
            assert own.now(connection) == before
            order.append("folded")

    at_once(2, work)
    assert order.index("folded") < order.index("applied")
    assert in_force(world) == digest(LOUD)


def _is_waited_for(world: World) -> bool:
    with world.engine.begin() as connection:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return connection.exec_driver_sql(waiting).scalar_one() > 0


def test_looking_brings_nothing_into_force(world):
    """To read the policy where there is none yet answers with the process's own, and writes nothing."""
    with world.engine.begin() as connection:
        assert InForce(LOUD).now(connection).policy == LOUD
    renewal_of(world, LOUD).look()
    assert in_force(world) is None


def test_a_source_that_the_policy_does_not_know_keeps_its_evidence(world):
    """A further source that only this member knows: its events are merged, and nothing is sent."""
    put(world, DEFAULT)
    tell(world, source=FURTHER)
    folder_of(world, WITH_FURTHER).fold()
    row = world.row("Q1")
    assert row.state is not None
    assert (row.desired, row.due_at) == (None, None)
    assert [event.outcome for event in world.events()] == ["upsert"]


def test_a_source_is_taken_up_when_a_policy_knows_it(world):
    """What was merged meanwhile goes to DX whole once a policy with the source is applied."""
    put(world, DEFAULT)
    tell(world, source=FURTHER)
    folder_of(world, WITH_FURTHER).fold()
    bring(world, WITH_FURTHER)
    settle_all(world)
    assert [body["reference_id"] for body in world.dx.arrived] == ["eu-Q1"]


def test_a_document_stays_when_the_policy_forgets_its_source(world):
    """Under a policy without the source its evidence grows, its document stays, and nothing is sent."""
    folder = folder_of(world, WITH_FURTHER)
    tell(world, source=FURTHER)
    folder.fold()
    settle_all(world)
    before = world.row("Q1")
    bring(world, DEFAULT)
    tell(world, second=5, source=FURTHER, priority={"summary": "P2"})
    folder.fold()
    row = world.row("Q1")
    assert row.state != before.state
    assert (row.desired, row.digest, row.action, row.due_at) == (
        before.desired,
        before.digest,
        "upsert",
        None,
    )
    bring(world, WITH_FURTHER)
    assert priority(world) == "P2"


def test_what_is_due_under_a_forgotten_source_still_goes(world):
    """An incident that waited to be sent when its source was forgotten is sent as it was decided."""
    folder = folder_of(world, WITH_FURTHER)
    tell(world, source=FURTHER)
    folder.fold()
    bring(world, DEFAULT)
    settle_all(world)
    assert [body["reference_id"] for body in world.dx.arrived] == ["eu-Q1"]


@pytest.fixture
def held(world):
    """Return a world with seven settled incidents under the default policy."""
    for number in range(7):
        tell(world, f"Q{number}")
    folder_of(world).fold()
    settle_all(world)
    world.dx.arrived.clear()
    return world


def test_a_renewal_goes_page_by_page(held, monkeypatch):
    """Seven incidents in pages of three take three short transactions; then there is nothing to do."""
    monkeypatch.setattr(renew, "PAGE", 3)
    put(held, LOUD)
    renewal = renewal_of(held)
    assert [renewal.renew_page() for _ in range(4)] == [3, 3, 1, 0]
    assert {priority(held, f"Q{number}") for number in range(7)} == {"loud"}


def test_a_renewal_ends_by_itself(held, monkeypatch):
    """After the last page the chore rests until another policy is applied."""
    monkeypatch.setattr(renew, "PAGE", 4)
    put(held, LOUD)
    renewal = renewal_of(held)
    renewal.look()
    ways = []
    for _ in range(3):
        renewal.page()
        ways.append(renewal._under_way)
    assert ways == [True, True, False]
    renewal.look()
    assert not renewal._under_way


def test_renewed_incidents_wait_behind_live_ones(held):
    """What a policy changes goes in the background lane, so a new incident is sent before it."""
    bring(held, LOUD)
    assert {held.row(f"Q{number}").lane for number in range(7)} == {incidents.BACKGROUND}
    tell(held, "NEW")
    folder_of(held).fold()
    assert held.deliverer(concurrency=1).claim()[0].incident_id == held.row("NEW").id


def test_a_live_incident_keeps_its_lane(held):
    """What was due before the policy changed is not put back by it."""
    tell(held, "Q3", 9, priority={"summary": "P2"}, title="Checkout is down")
    folder_of(held).fold()
    bring(held, Policy(priorities={"P2": "soft"}))
    row = held.row("Q3")
    assert (priority(held, "Q3"), row.lane, row.due_at) == ("soft", incidents.LIVE, 0)


def test_a_live_change_takes_a_renewed_incident_forward(held):
    """An event that changes an incident which waits in the background makes it live."""
    bring(held, LOUD)
    tell(held, "Q3", 9, title="Checkout is down")
    folder_of(held).fold()
    assert held.row("Q3").lane == incidents.LIVE


def test_a_renewal_that_changes_no_document_sends_nothing(held):
    """Incidents on which both policies agree are under the new one, and not due."""
    bring(held, Policy(priorities={"P5": "soft"}))
    settle_all(held)
    assert held.dx.arrived == []


def test_a_renewal_keeps_the_back_off_and_the_refusal_of_an_unchanged_document(held):
    """A policy that changes nothing about a parked incident does not try it again."""
    tell(held, "Q3", 9, title="Checkout is down")
    folder_of(held).fold()
    held.deliverer().deliver(REFUSED)
    bring(held, Policy(priorities={"P5": "soft"}))
    assert (held.row("Q3").parked is None, held.row("Q3").due_at) == (False, None)


def test_a_renewal_under_a_call_is_sent_after_it(world):
    """A policy that changes a document while its call is under way: the newest document follows."""
    tell(world)
    folder_of(world).fold()
    deliverer = world.deliverer()
    deliverer.claim()
    bring(world, LOUD)
    deliverer.call()
    deliverer.settle()
    deliverer.deliver()
    assert world.dx.incidents["Q1"]["priority"] == "loud"


def broken_for(name: str) -> Callable[..., object]:
    """Return a `renewed` that fails on one incident, and counts how often it is asked for it."""
    right = renew.renewed

    def wrong(applied, sources, held, *rest):
        if held.key[1] == name:
            wrong.asked += 1
            raise ValueError
        return right(applied, sources, held, *rest)

    wrong.asked = 0
    return wrong


def test_an_incident_that_cannot_be_computed_is_left(held, monkeypatch):
    """One bug stops neither the others nor the renewal: that incident stays as it is, and says why."""
    wrong = broken_for("Q3")
    monkeypatch.setattr(renew, "renewed", wrong)
    before = held.row("Q3")
    bring(held, LOUD)
    row = held.row("Q3")
    assert (row.desired, row.due_at, row.settled) == (before.desired, None, before.settled)
    assert "could not be computed" in row.reason
    assert {priority(held, f"Q{number}") for number in (0, 1, 2, 4, 5, 6)} == {"loud"}


def test_an_incident_that_cannot_be_computed_is_not_tried_for_ever(held, monkeypatch):
    """A bug is met once a policy, not once a second."""
    wrong = broken_for("Q3")
    monkeypatch.setattr(renew, "renewed", wrong)
    bring(held, LOUD)
    renewal = renewal_of(held)
    for _ in range(3):
        renewal.look()
        renewal.page()
    assert wrong.asked == 1


def test_an_event_takes_up_an_incident_that_was_left(held, monkeypatch):
    """Once the bug is gone, the next event brings the incident under the policy, without the old reason."""
    with monkeypatch.context() as broken:
        broken.setattr(renew, "renewed", broken_for("Q3"))
        bring(held, LOUD)
    tell(held, "Q3", 9)
    folder_of(held).fold()
    assert (priority(held, "Q3"), held.row("Q3").reason) == ("loud", None)


def test_renewing_and_folding_at_once_lose_nothing(world, monkeypatch):
    """Two folders and two renewals on the same incidents: all evidence is kept, all is under the new policy."""
    monkeypatch.setattr(fold, "BATCH", 3)
    monkeypatch.setattr(renew, "PAGE", 2)
    for number in range(6):
        tell(world, f"Q{number}")
    folder_of(world).fold()
    for second in range(1, 9):
        for number in range(6):
            body = pagerduty(f"Q{number}", "resolved", second, priority={"summary": "P1"})
            world.receive(f"r{number}-{second}", body)
    put(world, LOUD)

    def work(number):
        folder, renewal = folder_of(world), renewal_of(world)
        for _ in range(40):
            _ = folder.fold() if number % 2 else renewal.renew_page()

    at_once(4, work)
    folder = folder_of(world)
    while folder.fold():
        pass
    for number in range(6):
        row = world.row(f"Q{number}")
        assert len(codec.load_state(row.state).strands[""].resolved) == 8
        assert (row.policy, priority(world, f"Q{number}")) == (digest(LOUD), "loud")


def test_an_incident_that_a_policy_includes_later_goes_out_whole(world):
    """An incident that was left out is sent with all that is known of it once a policy includes it."""
    put(world, Policy(include=compile_rule('priority == "P0"')))
    tell(world)
    folder_of(world).fold()
    settle_all(world)
    assert world.dx.arrived == []
    bring(world, DEFAULT)
    settle_all(world)
    [body] = world.dx.arrived
    assert (body["priority"], body["name"]) == ("P1", "Checkout is slow")
    assert None not in (body["priority"], body["name"], body["metadata"])


def test_an_incident_that_waits_when_a_policy_excludes_it_is_not_sent(world):
    """What DX has never been sent, and is due, is left out by a policy that is applied in time."""
    tell(world)
    folder_of(world).fold()
    bring(world, Policy(include=compile_rule('priority == "P0"')))
    settle_all(world)
    assert world.dx.arrived == []


def test_what_a_busy_dx_may_hold_is_kept_true(world):
    """An incident whose first call ended without an answer may be in DX: excluded, it is kept true there."""
    tell(world)
    folder_of(world).fold()
    deliverer = world.deliverer()
    deliverer.deliver(BUSY)
    bring(world, Policy(include=compile_rule('priority == "P0"'), priorities={"P1": "loud"}))
    deliverer.deliver()
    assert world.dx.incidents["Q1"]["priority"] == "loud"


def test_all_policies_ever_in_force_are_kept(world):
    """Each policy stays readable by its digest, with the time at which it was last applied."""
    for policy in (LOUD, QUIET, LOUD):
        world.time.pass_by(60)
        put(world, policy)
    with world.engine.begin() as connection:
        rows = connection.execute(select(tables.policies.c.digest, tables.policies.c.applied_at)).all()
    assert dict(map(tuple, rows)) == {
        digest(QUIET): world.time.wall - 60 * 10**9,
        digest(LOUD): world.time.wall,
    }
