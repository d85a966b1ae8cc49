"""Retention: what is old goes, what is still needed stays."""

import pytest
from sqlalchemy import update

from app.store import incidents, purge
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


def is_complete(world, name="Q1"):
    return not world.row(name).events_purged


def test_an_incident_whose_events_go_is_marked(world, engine):
    """It cannot be re-folded any more; one whose events stay can."""
    world.receive("e0", pagerduty("Q1"))
    world.time.pass_by(91 * DAY)
    world.receive("e1", pagerduty("Q2"))
    world.folder().fold()
    purge.purge(engine, world.time.wall - DAY)
    assert (is_complete(world, "Q1"), is_complete(world, "Q2")) == (False, True)


def test_an_incident_is_marked_with_its_first_page(world, engine, monkeypatch):
    """Between two pages of a purge an incident that has lost some of its events does not count as complete."""
    monkeypatch.setattr(purge, "_PAGE", 2)
    for second in range(3):
        world.receive(f"e{second}", pagerduty("Q1", second=second))
    world.folder().fold()
    assert purge.purge_page(engine, world.time.wall + DAY) == 2
    assert (len(keys(world)), is_complete(world)) == (1, False)


def test_a_mark_stays_when_an_incident_goes_on(world, engine):
    """A later event does not bring back those that have gone."""
    world.receive("e0", pagerduty("Q1"))
    world.folder().fold()
    purge.purge(engine, world.time.wall + DAY)
    world.receive("e1", pagerduty("Q1", "resolved", 60))
    world.folder().fold()
    assert not is_complete(world)


def test_a_purge_of_nothing_marks_nothing(world, engine):
    """Events of an incident that are kept leave it complete, and those without an incident mark none."""
    world.receive("e0", {"event": {"event_type": "pagey.ping", "data": {"type": "ping"}}})
    world.time.pass_by(91 * DAY)
    world.receive("e1", pagerduty("Q1"))
    world.folder().fold()
    assert purge.purge(engine, world.time.wall - DAY) == 1
    assert is_complete(world)


def test_a_mark_and_its_events_go_in_one_transaction(world, engine, monkeypatch):
    """When a purge fails at its end, the events are held and the incident is complete."""

    def fail(*_):
        raise RuntimeError

    world.receive("e0", pagerduty("Q1"))
    world.folder().fold()
    monkeypatch.setattr(purge, "delete", fail)
    with pytest.raises(RuntimeError):
        purge.purge(engine, world.time.wall + DAY)
    assert (keys(world), is_complete(world)) == (["e0"], True)


def test_a_re_fold_sees_which_events_are_held(world, engine):
    """What is stored of an incident says whether all of its events are, for a plan to tell."""
    world.receive("e0", pagerduty("Q1"))
    world.receive("e1", pagerduty("Q2"))
    world.folder().fold()
    with engine.begin() as connection:
        connection.execute(update(events).where(events.c.key == "e1").values(received_at=0))
    purge.purge(engine, 1)
    with engine.begin() as connection:
        stored = incidents.page(connection, 0, 10)
    assert {each.held.key[1]: each.complete for each in stored} == {"Q1": True, "Q2": False}
