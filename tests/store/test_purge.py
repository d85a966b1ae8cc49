"""Retention: what is old goes, what is still needed stays."""

from sqlalchemy import update

from app.store import purge
from app.store.tables import events
from tests.store.world import pagerduty

DAY = 86_400


def keys(world):
    return [row.key for row in world.events()]


def test_old_events_of_an_old_incident_go(world, engine):
    """Events received before the limit are deleted, their incident stays."""
    world.receive("e0", pagerduty("Q1"))
    world.folder().fold()
    world.time.pass_by(91 * DAY)
    assert purge.purge(engine, world.time.wall - DAY) == 1
    assert keys(world) == []
    assert world.row("Q1").state


def test_an_event_that_is_not_folded_stays(world, engine):
    """However old, an unfolded event is an acknowledged one."""
    world.receive("e0", pagerduty("Q1"))
    assert purge.purge(engine, world.time.wall + DAY) == 0
    assert keys(world) == ["e0"]


def test_old_events_of_a_recent_incident_stay(world, engine):
    """A re-fold needs all events of an incident: they go together, after the last one."""
    world.receive("e0", pagerduty("Q1"))
    world.time.pass_by(91 * DAY)
    world.receive("e1", pagerduty("Q1", "resolved", 5))
    world.folder().fold()
    assert purge.purge(engine, world.time.wall - DAY) == 0
    assert keys(world) == ["e0", "e1"]
    assert purge.purge(engine, world.time.wall + DAY) == 2


def test_the_limit_is_the_time_of_receipt(world, engine):
    """An event received at the limit stays, one just before it goes."""
    for number, name in enumerate(["Q1", "Q2"]):
        world.receive(f"e{number}", pagerduty(name))
        world.time.pass_by(10)
    world.folder().fold()
    assert purge.purge(engine, world.time.wall - 10 * 1_000_000_000) == 1
    assert keys(world) == ["e1"]


def test_events_without_an_incident_go_by_themselves(world, engine):
    """Ignored and unmappable events are kept for the same time."""
    world.receive("e0", {"event": {"event_type": "pagey.ping", "data": {"type": "ping"}}})
    world.folder().fold()
    assert purge.purge(engine, world.time.wall + 1) == 1


def test_more_than_a_page_goes(world, engine, monkeypatch):
    """The purge goes on page by page until nothing old is left."""
    monkeypatch.setattr(purge, "_PAGE", 10)
    world.fill(0, 35)
    assert purge.purge(engine, world.time.wall + 1) == 35
    assert keys(world) == []


def test_old_calls_go_and_recent_ones_stay(world, engine):
    """The history of calls is kept as long as events are."""
    world.want("Q1", name="A")
    world.deliverer().deliver()
    world.time.pass_by(DAY)
    world.want("Q1", name="B")
    world.deliverer().deliver()
    purge.purge(engine, world.time.wall - DAY // 2 * 1_000_000_000)
    assert [call.digest for call in world.calls()] == [world.row("Q1").digest]


def test_an_event_that_will_be_folded_again_stays(world, engine):
    """What a re-fold has marked is unfolded, whatever its age."""
    world.receive("e0", pagerduty("Q1"))
    world.folder().fold()
    with engine.begin() as connection:
        connection.execute(update(events).values(folded=False))
    assert purge.purge(engine, world.time.wall + DAY) == 0
    assert keys(world) == ["e0"]
