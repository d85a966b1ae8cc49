"""Folding: events into incidents, whoever folds them and however often."""

import pytest
from sqlalchemy import select, update

from app import fold
from app.document import request
from app.store import codec, events, incidents, tables
from mappers import MAPPERS
from mappers import pagerduty as pagerduty_mapper
from tests.store.threads import at_once
from tests.store.world import START, URL, pagerduty, renewed


def outcomes(world):
    return {row.key: row.outcome for row in world.events()}


def settle(world):
    deliverer = world.deliverer()
    while deliverer.deliver():
        pass


def unfold_all(engine):
    with engine.begin() as connection:
        connection.execute(update(tables.events).values(folded=False))


def test_folders_at_once_lose_no_evidence(engine, world, monkeypatch):
    """Four folders share forty resolutions of one incident: the state has them all."""
    monkeypatch.setattr(fold, "BATCH", 3)
    for second in range(40):
        world.receive(f"e{second}", pagerduty("Q1", "resolved", second))

    def fold_all(_):
        folder = world.folder()
        while folder.fold():
            pass

    at_once(4, fold_all)
    assert len(codec.load_state(world.row("Q1").state).strands[""].resolved) == 40
    assert set(outcomes(world).values()) == {"upsert"}


def test_a_read_incident_is_locked_until_it_is_written(engine, world):
    """Four threads that read a state and write its successor ten times each end at forty."""
    world.want("Q1")

    def count(_):
        for _ in range(10):
            with engine.begin() as connection:
                [held] = incidents.lock(connection, [("pagerduty", "Q1")], START)
                state = str(int(held.state.strip("{}") or 0) + 1)
                incidents.renew(connection, [renewed(held, state, document)], URL, START)

    document = codec.load_document(world.row("Q1").desired)
    at_once(4, count)
    assert world.row("Q1").state == "40"


def test_an_incident_is_made_once(engine, world):
    """Four threads that meet a new incident at the same time make one row."""

    def lock(_):
        with engine.begin() as connection:
            return incidents.lock(connection, [("pagerduty", "Q1")], START)[0].id

    assert len(set(at_once(4, lock))) == 1


def test_opposite_orders_do_not_wait_for_each_other(engine, world):
    """Two folds that name the same incidents in opposite orders both come through."""
    keys = [("pagerduty", f"Q{number}") for number in range(10)]

    def lock(number):
        for _ in range(15):
            with engine.begin() as connection:
                incidents.lock(connection, keys if number else keys[::-1], START)
        return number

    assert at_once(2, lock) == [0, 1]


def test_folding_twice_changes_nothing(engine, world):
    """Events that are folded again leave the state, the document and what is due as they were."""
    for second, kind in enumerate(["triggered", "acknowledged", "resolved"]):
        world.receive(f"e{second}", pagerduty("Q1", kind, second))
    world.folder().fold()
    settle(world)
    before = world.row("Q1")
    unfold_all(engine)
    assert world.folder().fold() == 3
    assert world.row("Q1") == before


def test_order_and_batches_do_not_matter(engine, world, monkeypatch):
    """The same events, received in another order and folded one by one, give the same document."""
    for second, kind in enumerate(["triggered", "acknowledged", "resolved"]):
        world.receive(f"a{second}", pagerduty("Q1", kind, second))
        world.receive(
            f"b{second}", pagerduty("Q2", ["resolved", "acknowledged", "triggered"][second], 2 - second)
        )
    monkeypatch.setattr(fold, "BATCH", 1)
    while world.folder().fold():
        pass
    one, other = (codec.load_document(world.row(name).desired) for name in ("Q1", "Q2"))
    assert one.resolved_at == other.resolved_at == "2026-01-01T00:00:02Z"
    assert (one.started_at, one.values) == (other.started_at, other.values)


def test_a_document_that_did_not_change_makes_nothing_due(engine, world):
    """An event that shows what DX holds already causes no call."""
    world.receive("e1", pagerduty("Q1", priority={"summary": "P1"}))
    world.folder().fold()
    settle(world)
    world.receive("e2", pagerduty("Q1", "annotated", 1, priority={"summary": "P1"}))
    world.folder().fold()
    assert world.row("Q1").due_at is None
    assert outcomes(world) == {"e1": "upsert", "e2": "upsert"}


def test_a_document_that_returns_to_what_dx_holds_is_not_due(world):
    """A change that is taken back before any call leaves nothing to send."""
    world.want("Q1", name="A")
    settle(world)
    world.want("Q1", name="B")
    world.want("Q1", name="A")
    assert world.row("Q1").due_at is None


def test_a_document_that_returns_while_in_doubt_is_due(world):
    """Once a call for another document was begun, DX may hold that one: the first is sent again."""
    world.want("Q1", name="A")
    settle(world)
    world.want("Q1", name="B")
    world.deliverer().claim()
    world.want("Q1", name="A")
    assert world.row("Q1").due_at == 0


def test_a_field_that_was_cleared_leaves_the_document(world):
    """A priority that the vendor takes away is not in the document, and null in the next call."""
    world.receive("e1", pagerduty("Q1", priority={"summary": "P1"}))
    world.folder().fold()
    settle(world)
    world.receive("e2", pagerduty("Q1", "priority_updated", 1, priority=None))
    world.folder().fold()
    row = world.row("Q1")
    document = codec.load_document(row.desired)
    assert "priority" not in document.values
    assert request(document, frozenset(row.ever_sent.split()))["priority"] is None


def test_a_mapper_that_fails_stops_only_its_event(world, monkeypatch):
    """A bug in a mapper leaves its event visible as failed, without its data; the others flow."""

    class Broken:
        REFERENCE_PREFIX = ""
        source_url = staticmethod(pagerduty_mapper.source_url)

        @staticmethod
        def from_webhook(body):
            if body["event"]["data"]["id"] == "BAD":
                raise KeyError("a secret in the body")
            return pagerduty_mapper.from_webhook(body)

    monkeypatch.setitem(MAPPERS, "pagerduty", Broken)
    for number, name in enumerate(["Q1", "BAD", "Q2"]):
        world.receive(f"e{number}", pagerduty(name))
    assert world.folder().fold() == 3
    assert outcomes(world) == {"e0": "upsert", "e1": "failed", "e2": "upsert"}
    assert world.events()[1].reason == "pagerduty mapper: KeyError"
    assert world.folder().fold() == 0


def test_a_policy_that_fails_stops_only_its_incident(world, monkeypatch):
    """An incident whose document cannot be computed leaves its event visible; the others flow."""
    right = fold.renewed

    def wrong(applied, sources, held, *rest):
        if held.key[1] == "BAD":
            raise ValueError
        return right(applied, sources, held, *rest)

    monkeypatch.setattr(fold, "renewed", wrong)
    world.receive("e0", pagerduty("BAD"))
    world.receive("e1", pagerduty("Q1"))
    world.folder().fold()
    assert outcomes(world) == {"e0": "failed", "e1": "upsert"}
    assert world.row("BAD").due_at is None
    assert world.row("Q1").due_at == 0


def test_what_failed_is_folded_by_the_repaired_code(engine, world, monkeypatch):
    """After a re-fold, an event that met a bug reaches its incident."""
    with monkeypatch.context() as broken:
        broken.setattr(fold, "renewed", None)
        world.receive("e0", pagerduty("Q1"))
        world.folder().fold()
    with engine.begin() as connection:
        events.refold_problems(connection)
    world.folder().fold()
    assert outcomes(world) == {"e0": "upsert"}
    assert world.row("Q1").due_at == 0


def test_a_source_that_is_not_configured_any_more_is_visible(world):
    """An event of an unknown source is failed and says why; the others flow."""
    world.receive("e0", pagerduty("Q1"), source="pagerduty-eu")
    world.receive("e1", pagerduty("Q2"))
    world.folder().fold()
    assert outcomes(world) == {"e0": "failed", "e1": "upsert"}
    assert world.events()[0].reason == "no source named pagerduty-eu is configured"


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"event": {"event_type": "pagey.ping", "data": {"type": "ping"}}}, "ignored"),
        ({"event": {"event_type": "incident.triggered", "data": {"type": "incident"}}}, "unmappable"),
    ],
)
def test_an_event_without_an_incident_has_a_reason(world, engine, body, outcome):
    """What is ignored or unmappable says why and makes no incident."""
    world.receive("e0", body)
    world.folder().fold()
    [event] = world.events()
    assert (event.folded, event.outcome, event.incident_id) == (True, outcome, None)
    assert event.reason
    with engine.begin() as connection:
        assert connection.execute(select(tables.incidents)).all() == []


def test_an_event_is_linked_to_its_incident(world):
    """A folded event names the incident that it went into."""
    world.receive("e0", pagerduty("Q1"))
    world.folder().fold()
    assert world.events()[0].incident_id == world.row("Q1").id


def test_a_fold_that_does_not_commit_leaves_the_events(engine, world, monkeypatch):
    """When the transaction fails at its end, nothing is folded and the next fold does it all."""

    def fail(*_):
        raise RuntimeError

    world.receive("e0", pagerduty("Q1"))
    with monkeypatch.context() as broken:
        broken.setattr(events, "mark_folded", fail)
        with pytest.raises(RuntimeError):
            world.folder().fold()
    with engine.begin() as connection:
        assert connection.execute(select(tables.incidents)).all() == []
    assert world.folder().fold() == 1
    assert outcomes(world) == {"e0": "upsert"}


def test_one_batch_has_a_bound(world, monkeypatch):
    """A long backlog is folded in several short transactions."""
    monkeypatch.setattr(fold, "BATCH", 4)
    for number in range(10):
        world.receive(f"e{number}", pagerduty(f"Q{number}"))
    folder = world.folder()
    assert [folder.fold() for _ in range(4)] == [4, 4, 2, 0]
