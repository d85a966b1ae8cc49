from app.clock import Clock
from app.pipeline import PURGE_EVERY, Purge
from app.store import events

DAY = PURGE_EVERY


def test_the_purge_is_taken_on_once_a_day(engine):
    """Of two processes one purges, once in a day of the clock, and old events go."""
    now = [100 * DAY]
    with engine.begin() as connection:
        events.add(connection, "pagerduty", "E1", b"{}", 1)
        event = events.unfolded(connection, 1)[0]
        events.mark_folded(connection, [events.Folded(event, "ignored")])
    first, second = (Purge(engine, 90 * DAY, Clock(wall=lambda: now[0])) for _ in range(2))
    for purge in (first, second):
        purge.look()
    assert (first._under_way, second._under_way) == (True, False)
    first.page()
    first.page()
    with engine.begin() as connection:
        assert events.counts(connection)["received"] == 0
    assert not first._under_way
    now[0] += DAY + 1
    second.look()
    assert second._under_way


def test_a_clock_that_jumped_back_does_not_put_it_off(engine):
    """A last purge in the future counts as long ago."""
    now = [100 * DAY]
    purge = Purge(engine, 90 * DAY, Clock(wall=lambda: now[0]))
    purge.look()
    purge.page()
    now[0] -= 10 * DAY
    purge.look()
    assert purge._under_way
