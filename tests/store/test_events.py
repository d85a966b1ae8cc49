"""Events are stored once and found again until they are folded."""

from sqlalchemy import insert, update

from app.store import events, tables
from app.store.events import Folded
from tests.store.threads import at_once
from tests.store.world import START, pagerduty


def add(engine, source="pagerduty", key="e1", body=b"{}"):
    with engine.begin() as connection:
        return events.add(connection, source, key, body, START)


def unfolded_keys(engine, limit=100):
    with engine.begin() as connection:
        return [event.key for event in events.unfolded(connection, limit)]


def fold_as(engine, outcomes):
    with engine.begin() as connection:
        found = events.unfolded(connection, 100)
        folded = [Folded(event, outcomes[event.key], "why") for event in found if event.key in outcomes]
        events.mark_folded(connection, folded)


def test_an_event_is_stored_once(engine, world):
    """The second event with the same key is not new, and the first body stays."""
    assert [add(engine, body=b'{"a":1}'), add(engine, body=b'{"a":2}')] == [True, False]
    assert [row.body for row in world.events()] == [b'{"a":1}']


def test_a_key_belongs_to_its_source(engine, world):
    """The same key from another source is another event."""
    assert add(engine, "pagerduty")
    assert add(engine, "opsgenie")
    assert len(world.events()) == 2


def test_of_many_at_once_one_is_new(engine, world):
    """Four processes that store one event at the same time: one of them is told that it is new."""
    assert sorted(at_once(4, lambda _: add(engine))) == [False, False, False, True]
    assert len(world.events()) == 1


def test_many_different_events_at_once_are_all_kept(engine, world):
    """Four threads that store twenty events each lose none."""
    at_once(4, lambda number: [add(engine, key=f"{number}-{n}") for n in range(20)])
    assert len({row.key for row in world.events()}) == 80


def test_the_oldest_events_come_first(engine):
    """What is unfolded is read in the order of receipt, up to the limit."""
    for key in "abcd":
        add(engine, key=key)
    assert unfolded_keys(engine, 3) == ["a", "b", "c"]


def test_a_folded_event_is_not_read_again(engine):
    """Only what has no outcome yet is unfolded."""
    add(engine, key="a")
    add(engine, key="b")
    fold_as(engine, {"a": "ignored"})
    assert unfolded_keys(engine) == ["b"]


def test_an_id_that_commits_late_is_not_skipped(engine, world):
    """Event 1 may become visible after event 2 was folded; it is folded all the same."""
    rows = {number: {"id": number, "source": "s", "key": f"k{number}", "body": b"{}"} for number in (1, 2)}
    for number in (2, 1):
        with engine.begin() as connection:
            connection.execute(insert(tables.events).values(received_at=START, **rows[number]))
        assert world.folder().fold() == 1
    assert [row.outcome for row in world.events()] == ["failed", "failed"]


def test_an_open_transaction_hides_its_event_and_no_other(postgres_engine):
    """On PostgreSQL the second of two open transactions commits first, and its event is folded first."""
    engine = postgres_engine
    with engine.begin() as slow:
        events.add(slow, "pagerduty", "first", b"{}", START)
        add(engine, key="second")
        assert unfolded_keys(engine) == ["second"]
        fold_as(engine, {"second": "ignored"})
    assert unfolded_keys(engine) == ["first"]


def test_what_somebody_else_folds_is_left_to_him(postgres_engine):
    """Of the events asked for, those that another transaction has locked are passed over without waiting."""
    engine = postgres_engine
    add(engine, key="a")
    add(engine, key="b")
    with engine.begin() as mine, engine.begin() as theirs:
        assert [event.key for event in events.unfolded(mine, 1, lock=True)] == ["a"]
        assert [event.key for event in events.unfolded(theirs, 10, lock=True)] == ["b"]


def test_only_problems_are_folded_again(engine):
    """Unmappable and failed events are unfolded by a re-fold; the others stay."""
    outcomes = {"a": "unmappable", "b": "failed", "c": "ignored", "d": "upsert"}
    for key in outcomes:
        add(engine, key=key)
    fold_as(engine, outcomes)
    with engine.begin() as connection:
        assert events.refold_problems(connection) == 2
    assert unfolded_keys(engine) == ["a", "b"]


def test_marking_nothing_changes_nothing(engine, world):
    """A batch without events of its own leaves all as it was."""
    add(engine)
    with engine.begin() as connection:
        events.mark_folded(connection, [])
    assert unfolded_keys(engine) == ["e1"]


def test_events_are_counted(engine):
    """Received are all, unfolded those without an outcome, unmappable those with a problem."""
    for key in "abcde":
        add(engine, key=key)
    fold_as(engine, {"a": "unmappable", "b": "failed", "c": "ignored"})
    with engine.begin() as connection:
        assert events.counts(connection) == {"received": 5, "unfolded": 2, "unmappable": 2}


def test_an_event_keeps_its_body_to_the_byte(engine, world):
    """What was stored is what was received."""
    body = b'{ "a" : "\\u0000\xc3\xa9" }'
    add(engine, body=body)
    assert world.events()[0].body == body


def test_an_events_incident_may_be_removed(engine, world):
    """The link from an event to its incident is emptied with the incident, and the event stays."""
    world.receive("e1", pagerduty("Q1"))
    world.folder().fold()
    with engine.begin() as connection:
        connection.execute(update(tables.events).values(outcome="upsert"))
        connection.execute(tables.incidents.delete())
    assert [row.incident_id for row in world.events()] == [None]
