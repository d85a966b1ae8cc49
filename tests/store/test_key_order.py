"""Whatever locks several incidents of PostgreSQL locks them in the order of their keys, as a fold does."""

from threading import Event

import pytest

from app.store import claims, deliveries, incidents
from tests.harness import wait_until
from tests.store.threads import at_once, is_blocked
from tests.store.world import START


def beside_a_fold(engine, act):
    """Do something while a fold holds the first of two incidents, and then wants the second."""
    held = Event()

    def work(number):
        if number:
            held.wait(10)
            act()
            return
        with engine.begin() as connection:
            incidents.lock(connection, [("pagerduty", "A1")], START)
            held.set()
            wait_until(lambda: is_blocked(engine), 10, "the other waits")
            incidents.lock(connection, [("pagerduty", "B2")], START)

    at_once(2, work)


@pytest.fixture
def world(postgres_engine, world_of):
    """Return a world with two incidents, stored in another order than that of their keys."""
    world = world_of(postgres_engine)
    world.want("B2")
    world.want("A1")
    return world


def test_a_settlement_and_a_fold_do_not_deadlock(world):
    """A settle of two answers and a fold of the same two incidents both come through."""
    deliverer = world.deliverer()
    deliverer.claim()
    deliverer.call()
    beside_a_fold(world.engine, deliverer.settle)
    assert world.row("A1").due_at is None


def test_a_redelivery_and_a_fold_do_not_deadlock(world):
    """A redelivery of all and a fold of two of them both come through."""
    world.deliverer().deliver()

    def redeliver():
        with world.engine.begin() as connection:
            deliveries.redeliver(connection, lane=1)

    beside_a_fold(world.engine, redeliver)
    assert {world.row(name).lane for name in ("A1", "B2")} == {1}


def test_freeing_and_a_fold_do_not_deadlock(world):
    """The end of two dead leases and a fold of their incidents both come through."""
    world.deliverer().claim()
    tokens = [world.row(name).lease for name in ("B2", "A1")]

    def free():
        with world.engine.begin() as connection:
            claims.free(connection, tokens)

    beside_a_fold(world.engine, free)
    assert {world.row(name).lease for name in ("A1", "B2")} == {None}
