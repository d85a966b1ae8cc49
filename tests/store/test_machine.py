"""Random interleavings of everything: DX always ends right, and nothing acknowledged is lost.

A short run by default; SOAK=1 makes a long one.
"""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from app.policy import Policy
from app.rules import compile_rule
from tests.store.dx import (
    BUSY,
    BUSY_APPLIED,
    CONFIRMED,
    PATIENCE,
    REFUSED,
    STUCK,
    TIMEOUT,
    TIMEOUT_APPLIED,
    TIMEOUT_LATE,
    UNAUTHORISED,
    UNREACHABLE,
)
from tests.store.test_policy_in_force import renewal_of
from tests.store.world import LEASE_SECONDS, empty, pagerduty, shown

OUTCOMES = (
    CONFIRMED,
    REFUSED,
    BUSY,
    BUSY_APPLIED,
    PATIENCE,
    TIMEOUT,
    TIMEOUT_APPLIED,
    TIMEOUT_LATE,
    UNAUTHORISED,
    UNREACHABLE,
    STUCK,
)
NAMES = ("Q1", "Q2", "Q3")
OUT = "P5"
PRIORITIES = (None, "P1", "P2", OUT)
INCLUDE = compile_rule(f'priority != "{OUT}"')
KEEP, RETRACT = Policy(include=INCLUDE), Policy(include=INCLUDE, retract=frozenset({"excluded"}))
DELIVERERS = 2

names = st.sampled_from(NAMES)
deliverers = st.integers(0, DELIVERERS - 1)


class Fleet(RuleBasedStateMachine):
    """Two deliverers and a folder on one database; what the vendor said last is the model.

    One priority is excluded: deleted from DX, or kept true there once it was sent.
    """

    create_world = staticmethod(lambda: None)

    @initialize(policy=st.sampled_from([RETRACT, KEEP]))
    def start(self, policy):
        """Begin with an empty database."""
        self.world, self.policy = self.create_world(), policy
        self.folder = self.world.folder(policy=policy)
        self.renewal = renewal_of(self.world, policy)
        self.fleet = [self.world.deliverer(concurrency=1, ahead=1) for _ in range(DELIVERERS)]
        self.stuck: list[list[str]] = [[] for _ in range(DELIVERERS)]
        self.told: dict[str, str | None] = {}
        self.acknowledged = 0
        self.second = 0

    @rule(name=names, priority=st.sampled_from(PRIORITIES), repeated=st.booleans())
    def receive(self, name, priority, repeated):
        """The vendor tells an incident's priority, perhaps twice."""
        self.second += 1
        given = None if priority is None else {"summary": priority}
        body = pagerduty(name, "priority_updated", self.second, priority=given)
        for _ in range(1 + repeated):
            self.world.receive(f"e{self.second}", body)
        self.told[name] = priority
        self.acknowledged += 1

    @rule()
    def fold(self):
        self.folder.fold()

    @rule()
    def renew(self):
        """The pipeline decides anew what late answers have made doubtful."""
        self.renewal.look()
        self.renewal.page()

    @rule(number=deliverers)
    def claim(self, number):
        self.fleet[number].claim()

    @rule(number=deliverers)
    def turn(self, number):
        """A turn of the pipeline: settle and claim in one transaction."""
        self.thaw(number)
        self.fleet[number].turn()

    @rule(
        number=deliverers,
        choice=st.integers(0, 3),
        outcome=st.sampled_from(OUTCOMES),
        under_way=st.booleans(),
    )
    def call(self, number, choice, outcome, under_way=True):
        """One of the calls that a deliverer holds is made; its answer waits to be settled."""
        deliverer = self.fleet[number]
        if not deliverer.begun:
            return
        index = choice % len(deliverer.begun)
        name = deliverer.begun[index].body["reference_id"]
        arrived, at_work = len(self.world.dx.arrived), {each["reference_id"] for each in self.world.dx.late}
        deliverer.call(outcome, index, under_way=under_way)
        assert len(self.world.dx.arrived) == arrived or name not in at_work, (
            "two calls at work for one incident"
        )
        if len(self.world.dx.stuck) > sum(map(len, self.stuck)):
            self.stuck[number].append(name)

    @rule(number=deliverers)
    def settle(self, number):
        """The answers at hand are settled; a process that froze has written what it held by then."""
        self.thaw(number)
        self.fleet[number].settle()

    @rule(number=deliverers, outcome=st.sampled_from(OUTCOMES), name=names)
    def change_and_deliver(self, number, outcome, name):
        """All steps in a row, as they mostly come."""
        self.receive(name, PRIORITIES[self.second % len(PRIORITIES)], repeated=False)
        self.fold()
        self.claim(number)
        for _ in range(len(self.fleet[number].begun)):
            self.call(number, 0, outcome)
        self.settle(number)

    @rule(number=deliverers)
    def crash(self, number):
        """A process dies with all its claims and answers; what it had written reaches DX."""
        self.thaw(number)
        self.fleet[number] = self.world.deliverer(concurrency=1, ahead=1)

    @rule(seconds=st.sampled_from([0.5, 2, 20]))
    def wait(self, seconds):
        """A short time passes."""
        self.look()
        self.let_pass(seconds)

    @rule()
    def outlive_leases(self):
        """All leases die: what DX was at work on, it has applied by then."""
        self.look()
        self.let_pass(LEASE_SECONDS + 1)
        self.look()

    @rule(number=deliverers)
    def look_for_dead_leases(self, number):
        self.fleet[number].free_dead_leases()

    @rule(seconds=st.sampled_from([-3600, -5, 5, 3600]))
    def jump(self, seconds):
        """The wall clock is set."""
        self.world.time.jump(seconds)

    @invariant()
    def a_call_at_work_is_marked(self):
        """While DX may still apply a call, its incident is leased and in doubt."""
        for body in self.world.dx.late if hasattr(self, "world") else ():
            row = self.world.row(body["reference_id"])
            assert row.lease is not None
            assert row.in_doubt > 0

    def look(self):
        for deliverer in self.fleet:
            deliverer.free_dead_leases()

    def let_pass(self, seconds):
        """Time passes; DX finishes what it is at work on in less than a lease's time."""
        self.world.dx.land()
        self.world.time.pass_by(seconds)

    def thaw(self, number):
        if self.stuck[number]:
            self.world.dx.thaw(*self.stuck[number])
        self.stuck[number].clear()

    def teardown(self):
        """DX gets well, everybody works on for a while: then all is as the vendor said last."""
        if not hasattr(self, "fleet"):
            return
        for number, deliverer in enumerate(self.fleet):
            self.settle(number)
            deliverer.call(CONFIRMED)
        for _ in range(40):
            self.world.unpark_all()
            self.folder.fold()
            self.renew()
            for deliverer in self.fleet:
                deliverer.free_dead_leases()
                deliverer.deliver(CONFIRMED)
            self.let_pass(45)
        self.check_the_end()

    def check_the_end(self):
        """All acknowledged events are folded, nothing is due, and DX shows what the vendor said."""
        stored = self.world.events()
        assert len(stored) == self.acknowledged
        assert all(event.outcome == "upsert" for event in stored)
        assert not any(deliverer.has_work() for deliverer in self.fleet)
        held = self.world.dx.incidents
        wanted = {name for name, priority in self.told.items() if priority != OUT}
        assert wanted <= set(held) <= (wanted if self.policy == RETRACT else set(self.told))
        assert {name: each.get("priority") for name, each in held.items()} == {
            name: self.told[name] for name in held
        }
        for name in self.told:
            self.check_row(self.world.row(name), held.get(name))

    def check_row(self, row, held):
        """What DX holds is what was settled; what it does not hold was deleted, or never sent."""
        assert (row.in_doubt, row.parked, row.due_at) == (0, None, None)
        assert (row.action == "upsert") == (held is not None)
        if held is not None:
            assert held == shown(row.desired)
            assert row.settled == row.digest
        else:
            assert row.settled_document is None


def test_any_interleaving_ends_right(engine, world_of):
    """Whatever happens in whatever order, DX ends with what the vendor said last."""

    def create_world():
        empty(engine)
        return world_of(engine)

    soak, fast = bool(os.environ.get("SOAK")), engine.dialect.name == "sqlite"
    machine = type("Fleet", (Fleet,), {"create_world": staticmethod(create_world)})
    profile = settings(
        max_examples=(2000 if fast else 500) if soak else (60 if fast else 8),
        stateful_step_count=100 if soak else 50,
        deadline=None,
        database=None,
        derandomize=not soak,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(machine, settings=profile)
