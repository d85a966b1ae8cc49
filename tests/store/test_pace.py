"""The pace: calls of the whole fleet begin evenly spaced, and never more than DX_MAX_RPS in a second."""

from itertools import pairwise

import pytest

from mappers.fields import SECOND


def begin_all(world, deliverers, seconds, step):
    """Let the deliverers look in turn every `step` seconds; return when each call began, in nanoseconds."""
    begun = []
    for _ in range(round(seconds / step)):
        for deliverer in deliverers:
            seen = len(deliverer.waits.waits)
            deliverer.claim()
            deliverer.call()
            begun += [world.time.wall + round(delay * SECOND) for delay in deliverer.waits.waits[seen:]]
            deliverer.settle()
        world.time.pass_by(step)
    return sorted(begun)


def most_in_a_second(begun):
    return max(sum(start <= at < start + SECOND for at in begun) for start in begun)


@pytest.mark.parametrize("rate", [0.5, 2, 10, 50])
@pytest.mark.parametrize("step", [0.03, 0.25])
def test_a_fleet_keeps_the_pace(world, rate, step):
    """Three deliverers together begin no more calls in any second than the rate, a lone one included."""
    for number in range(60):
        world.want(f"Q{number}")
    fleet = [world.deliverer(max_rps=float(rate), concurrency=4) for _ in range(3)]
    begun = begin_all(world, fleet, 3, step)
    assert most_in_a_second(begun) <= max(rate, 1)


@pytest.mark.parametrize("rate", [2, 10])
def test_slots_are_evenly_spaced(world, rate):
    """Under a backlog each call begins exactly one slot after the one before."""
    for number in range(25):
        world.want(f"Q{number}")
    begun = begin_all(world, [world.deliverer(max_rps=float(rate))], 2.4, 0.1)
    gaps = {b - a for a, b in pairwise(begun)}
    assert gaps == {SECOND // rate}


def test_a_rest_leaves_no_burst(world):
    """After a quiet minute the pace is the same: unused slots are not saved up."""
    deliverer = world.deliverer(max_rps=5.0, concurrency=20)
    world.want("Q0")
    deliverer.deliver()
    world.time.pass_by(60)
    for number in range(1, 20):
        world.want(f"Q{number}")
    assert most_in_a_second(begin_all(world, [deliverer], 3, 0.2)) == 5


def test_no_claim_waits_long_for_its_slot(world):
    """Only slots within a second are given out, so that a slow pace lets no lease run out."""
    for number in range(60):
        world.want(f"Q{number}")
    deliverer = world.deliverer(max_rps=4.0, concurrency=64)
    assert len(deliverer.claim()) == 5
    deliverer.call()
    assert max(deliverer.waits.waits) == 1.0


def test_a_short_outlive_gives_out_fewer_slots(world):
    """With a lease of a second, only a quarter of it may be waited away."""
    for number in range(60):
        world.want(f"Q{number}")
    deliverer = world.deliverer(max_rps=10.0, outlive=1.0, concurrency=64)
    assert len(deliverer.claim()) == 3


def test_without_a_cap_everything_goes_at_once(world):
    """DX_MAX_RPS=0 waits for nothing."""
    for number in range(60):
        world.want(f"Q{number}")
    deliverer = world.deliverer(concurrency=60)
    deliverer.deliver()
    assert len(world.dx.arrived) == 60
    assert set(deliverer.waits.waits) == {0.0}


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_a_clock_that_jumps_stops_no_call(world, jump):
    """After an hour forward or back, calls go on at the same pace."""
    for number in range(30):
        world.want(f"Q{number}")
    deliverer = world.deliverer(max_rps=10.0)
    begin_all(world, [deliverer], 1, 0.1)
    world.time.jump(jump)
    begun = begin_all(world, [deliverer], 1, 0.1)
    assert most_in_a_second(begun) == 10
