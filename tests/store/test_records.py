"""Records of a vendor's API among the stored events: after webhooks, once, with their cursor, and part of every re-fold."""

from types import SimpleNamespace

import pytest

from app.backfill import Backfill, window
from app.plan import Planner
from app.policy import DEFAULT, Policy
from app.records import Records, guarded
from app.sources import default_sources
from app.store import codec, events, purge, readings
from app.store.incidents import BACKGROUND, LIVE
from app.vendors.reading import Page, VendorError
from mappers.fields import SECOND
from tests.store.policies import Life as Bridge
from tests.store.policies import dump
from tests.store.world import START, URL, pagerduty
from tests.vendors.lives import DAY, HOUR, life, lives

BEGIN = START // SECOND
SOURCE = default_sources()["pagerduty"]
READ_AT = "2026-02-01T00:00:00Z"
WHAT = window(START, START + 30 * DAY * SECOND)
RESOLVED = ((60, "acknowledged"), (600, "resolved"))


class Reader:
    """A vendor with these pages, which can stop at one of them; notes the cursors it was asked to go on after."""

    def __init__(self, *pages, fails_at=None):
        self.pages, self.fails_at, self.cursors = pages, fails_at, []

    def history(self, since, until, cursor=""):
        self.cursors.append(cursor)
        for place, records in enumerate(self.pages):
            if str(place) > cursor or not cursor:
                if place == self.fails_at:
                    raise VendorError("The vendor is down")
                yield Page(records, str(place), since)


def record(told, until=None, read_at=READ_AT):
    """Return what the reader makes of an incident."""
    return {"read_at": read_at, "incident": told.record(until)}


def records_of(world):
    """Return what takes records into this world's database."""
    settings = SimpleNamespace(policy=DEFAULT, sources=default_sources(), dx_base_url=URL)
    return Records(world.engine, settings, SOURCE, world.time.clock())


def backfill_of(world, reader):
    """Return a backfill of this world's database."""
    return Backfill(world.engine, records_of(world), reader, "pagerduty", world.time.clock())


def run(world, reader, tick=lambda *_: None):
    """Run the backfill."""
    return backfill_of(world, reader).run(START, START + 30 * DAY * SECOND, WHAT, tick)


def take(world, *bodies):
    """Read records as a command does; return their outcomes."""
    records = records_of(world)
    found = records.compare(bodies)
    with world.engine.begin() as connection:
        records.store(connection, found)
    return [each.outcome for each in found]


def tell(world, told, until=None):
    """Receive an incident's webhooks."""
    for body in told.webhooks(until):
        world.receive(body["event"]["id"], body)


def fold(world):
    """Fold everything."""
    folder = world.folder()
    while folder.fold():
        pass


def document(world, name="Q1"):
    return codec.load_document(world.row(name).desired)


def cursor(world, what=WHAT):
    with world.engine.begin() as connection:
        return readings.cursor(connection, "pagerduty", what)


def test_a_webhook_is_folded_before_records_that_came_first(world):
    """However much history waits, what is live is folded in the first batch."""
    take(world, *map(record, lives(150, BEGIN, DAY)))
    world.receive("e1", pagerduty("QLIVE"))
    assert world.folder().fold() == 100
    assert world.row("QLIVE").state is not None
    assert sum(not row.folded for row in world.events()) == 51


def test_what_a_record_changes_waits_in_the_background(world):
    """An incident known by its record alone is delivered after those of webhooks, until a webhook names it."""
    past, present = life("Q1", BEGIN, *RESOLVED, (40 * DAY, "reopened")), life("Q2", BEGIN + HOUR)
    take(world, record(past, BEGIN + DAY))
    tell(world, present)
    fold(world)
    assert (world.row("Q1").lane, world.row("Q2").lane) == (BACKGROUND, LIVE)
    assert [claim.incident_id for claim in world.deliverer(concurrency=1).claim()] == [world.row("Q2").id]
    world.receive("e9", past.webhook("reopened"))
    fold(world)
    assert world.row("Q1").lane == LIVE


def test_a_record_does_not_put_a_live_incident_back(world):
    """What is due already keeps its place when a record adds to it."""
    told = life("Q1", BEGIN, *RESOLVED)
    tell(world, told, BEGIN)
    fold(world)
    take(world, record(told))
    fold(world)
    assert world.row("Q1").lane == LIVE
    assert document(world).resolved_at == "2026-01-01T00:10:00Z"


def test_a_record_is_stored_once(world):
    """The same record twice, in one page or two, is one event."""
    told = record(life("Q1", BEGIN, *RESOLVED))
    assert take(world, told, told) == ["new", "new"]
    assert take(world, told) == ["new"]
    assert len(world.events()) == 1


def test_a_record_that_tells_nothing_more_is_not_stored(world):
    """Once it is folded, the same content read later is known."""
    told = life("Q1", BEGIN, *RESOLVED)
    take(world, record(told))
    fold(world)
    assert take(world, record(told, read_at="2026-02-02T00:00:00Z")) == ["known"]
    assert len(world.events()) == 1


def test_a_record_that_tells_more_is_stored(world):
    """What has changed at the vendor since the last record is different, and comes to be in the document."""
    told = life("Q1", BEGIN, (60, "priority_updated", "P1"), (600, "resolved"))
    take(world, record(told, BEGIN + 60, "2026-01-01T00:05:00Z"))
    fold(world)
    assert document(world).resolved_at is None
    assert take(world, record(told)) == ["different"]
    fold(world)
    assert document(world).resolved_at == "2026-01-01T00:10:00Z"


def test_what_cannot_be_mapped_is_kept_for_people(world):
    """A record without an id or a time is stored, and shown as unmappable."""
    broken = record(life("Q1", BEGIN)) | {"read_at": "yesterday"}
    assert take(world, broken) == ["unmappable"]
    fold(world)
    [row] = world.events()
    assert row.outcome == "unmappable"
    assert "read_at" in row.reason


@pytest.mark.parametrize("broken", [(readings, "put"), (events, "add_records")])
def test_cursor_and_records_commit_together(world, monkeypatch, broken):
    """When either of them fails, the page is neither stored nor passed over."""

    def fail(*_):
        raise RuntimeError

    pages = [[record(each)] for each in lives(3, BEGIN, DAY)]
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        run(world, Reader(*pages), tick=lambda *_: patch.setattr(*broken, fail))
    assert (len(world.events()), cursor(world)) == (1, "0")
    run(world, Reader(*pages))
    assert len(world.events()) == 3


def test_an_interrupted_run_goes_on_where_it_was(world):
    """What was read stays, the next run begins after it, and the end is forgotten."""
    pages = [[record(each)] for each in lives(4, BEGIN, DAY)]
    first, second = Reader(*pages, fails_at=2), Reader(*pages)
    with pytest.raises(VendorError, match="is down"):
        run(world, first)
    assert (len(world.events()), cursor(world)) == (2, "1")
    assert run(world, second) == {"new": 2}
    assert (first.cursors, second.cursors) == ([""], ["1"])
    assert (len(world.events()), cursor(world)) == (4, "")


def test_another_window_begins_at_its_own_beginning(world):
    """The cursor belongs to the times that were asked for; without an end they are the same tomorrow."""
    with pytest.raises(VendorError):
        run(world, Reader([], [], fails_at=1))
    longer = window(START, START + 31 * DAY * SECOND)
    assert [cursor(world), cursor(world, longer), cursor(world, window(START, None))] == ["0", "", ""]
    assert window(START, None) == window(START + 1, None) != window(START + SECOND, None)


def test_a_plan_writes_nothing(world):
    """Planning a backfill tells what would be new or different, and leaves every table as it is."""
    new, known, late = (life(f"Q{n}", BEGIN + n, *RESOLVED, number=n) for n in (1, 2, 3))
    tell(world, known)
    tell(world, late, BEGIN + 3)
    fold(world)
    before = dump(world.engine)
    reader = Reader([record(new)], [record(known), record(late)])
    changes = list(backfill_of(world, reader).plan(START, START + DAY * SECOND, lambda *_: None))
    assert dump(world.engine) == before
    assert [(each.kind, each.reference_id) for each in changes] == [("add", "Q1"), ("update", "Q3")]


def test_a_re_fold_after_a_backfill_changes_nothing(world):
    """Webhooks and records together, folded again from the stored events, are the documents that are held."""
    told = lives(60, BEGIN, 20 * DAY, seed=3)
    for number, each in enumerate(told):
        tell(world, each, BEGIN + 10 * DAY if number % 2 else None)
    run(world, Reader([record(each) for each in told[:40]], [record(each) for each in told[20:]]))
    fold(world)
    plan = Planner(world.engine, default_sources(), DEFAULT, URL).plan()
    assert (plan.changes, plan.kept, plan.unchanged) == ({}, {}, 60)
    before = {each.id: world.row(each.id).desired for each in told}
    Bridge(world, DEFAULT, default_sources()).apply(DEFAULT)
    fold(world)
    assert {each.id: world.row(each.id).desired for each in told} == before


def test_another_policy_applies_to_records_too(world):
    """A new table of priorities changes an incident that only a record tells of."""
    take(world, record(life("Q1", BEGIN)))
    fold(world)
    bridge = Bridge(world, DEFAULT, default_sources())
    bridge.apply(Policy(priorities={"P1": "urgent"}))
    assert document(world).values["priority"] == "urgent"


def test_old_records_go_like_webhooks(world, engine):
    """A record received before the limit is purged, the incident stays as it was."""
    told = life("Q1", BEGIN, *RESOLVED)
    take(world, record(told))
    fold(world)
    world.time.pass_by(91 * DAY)
    before = world.row("Q1").desired
    assert purge.purge(engine, world.time.wall - DAY * SECOND) == 1
    assert (world.events(), world.row("Q1").desired) == ([], before)


def test_a_recent_record_keeps_the_old_webhooks(world, engine):
    """A re-fold needs all events of an incident, of both kinds; and an unfolded record stays."""
    told = life("Q1", BEGIN, *RESOLVED)
    tell(world, told, BEGIN)
    world.time.pass_by(91 * DAY)
    take(world, record(told))
    fold(world)
    take(world, record(life("Q2", BEGIN)))
    assert purge.purge(engine, world.time.wall - DAY * SECOND) == 0
    assert purge.purge(engine, world.time.wall + 1) == 2
    assert [row.folded for row in world.events()] == [False]


def test_a_record_is_no_last_webhook(world, engine):
    """A backfill must not make a silent source look alive."""
    take(world, record(life("Q1", BEGIN)))
    with engine.begin() as connection:
        assert events.last_received(connection, ["pagerduty"]) == {}
    world.receive("e1", pagerduty("Q2"))
    received = world.time.wall
    world.time.pass_by(HOUR)
    take(world, record(life("Q3", BEGIN)))
    with engine.begin() as connection:
        assert events.last_received(connection, ["pagerduty"]) == {"pagerduty": received}


@pytest.mark.parametrize("error", [KeyError("incidents"), TypeError("not a list"), AttributeError("get")])
def test_an_answer_of_another_shape_is_the_vendors_error(error):
    """What a reader stumbles over is told as the vendor's, not as a bug's traceback."""

    def read():
        raise error

    with pytest.raises(VendorError, match="not as documented"):
        guarded(read)


def test_what_cannot_be_mapped_is_stored_once_however_often_it_is_read(world):
    """It is there for people to see, and does not grow with every reconciliation."""
    broken = {"incident": {"id": "QBROKEN", "created_at": "1938-01-01T00:00:00Z"}}
    for second in range(3):
        assert take(world, {"read_at": f"2026-02-01T00:00:0{second}Z", **broken}) == ["unmappable"]
    assert len(world.events()) == 1
