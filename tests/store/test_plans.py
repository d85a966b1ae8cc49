"""The hot statements find their rows by an index, on both databases, with few rows wanted among many held."""

import re
from collections.abc import Callable
from random import Random

import orjson
import pytest
from sqlalchemy import event, text, update

from app.retry import Sender
from app.store import browse, claims, events, incidents, settlement, tables
from app.store.browse import Selection
from app.store.settlement import Call, Settlement
from tests.store.dx import CONFIRMED
from tests.store.world import START, URL, World, pagerduty

HELD = 6000
PARTIAL = "ix_(incidents|events)_(due|lease|suspect|unfolded|open|override|parked|problem)"
WHOLE = re.compile(
    r"Seq Scan on (incidents|events|calls)"
    rf"|SCAN (incidents|events|calls)(?!.*USING (COVERING )?INDEX {PARTIAL})"
)


@pytest.fixture
def crowded(world):
    """Return a world that holds thousands of settled incidents and folded events, and a few open ones."""
    world.fill(HELD, HELD)
    settled = {"state": "{}", "policy": "policy", "resolved_at": START}
    with world.engine.begin() as connection:
        connection.execute(update(tables.incidents).values(**settled))
    for number in range(12):
        world.want(f"Q{number}", name="A")
        world.receive(f"e{number}", pagerduty(f"Q{number}"))
    world.deliverer(concurrency=3).claim()
    with world.engine.begin() as connection:
        for name, values in {
            "Q7": {"override": "{}"},
            "Q8": {"policy": "older"},
            "Q9": {"policy": None},
        }.items():
            one = update(tables.incidents).where(tables.incidents.c.vendor_id == name)
            connection.execute(one.values(**values))
    return world


@pytest.fixture(params=["analyzed", "fresh"])
def planned(crowded, request):
    """Return it with and without the database's statistics; PostgreSQL gathers them by itself."""
    if request.param == "analyzed" or crowded.engine.dialect.name == "postgresql":
        with crowded.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    return crowded


def plans(world: World, run: Callable) -> list[str]:
    """Return the plans of all statements that `run(connection)` executes; nothing is kept."""
    found, sqlite = [], world.engine.dialect.name == "sqlite"

    def explain(_, cursor, statement, parameters, __, many):
        if many:
            parameters = parameters[0]
        if statement.startswith("BEGIN"):
            return
        asker = cursor.connection.cursor()
        asker.execute(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + statement, parameters)
        found.append("\n".join(str(row[-1]) for row in asker.fetchall()))

    with world.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", explain)
        run(connection)
        connection.rollback()
    return found


def full_scans(found: list[str]) -> list[str]:
    """Return the plan lines that read a whole table or a whole index; partial indexes are short."""
    return [line for plan in found for line in plan.splitlines() if WHOLE.search(line)]


def settle_one(connection):
    claim = claims.claim(connection, 1, URL, START, probe=False)[0]
    answers = Settlement(connection, [claim], [], Random(0), START)
    answers.record(Call(claim, CONFIRMED.answer, START, 1), Sender())
    answers.write()


def awaited(connection):
    claimed = claims.claim(connection, 2, URL, START, probe=False)
    settlement.awaited(connection, [Call(each, CONFIRMED.answer, START, 1) for each in claimed])


ID = "incidents_pkey|USING INTEGER PRIMARY KEY"
KEY = "uq_incidents_source_vendor_id|sqlite_autoindex_incidents_1"
STATEMENTS = {
    "oldest due": (incidents.oldest_due, "ix_incidents_due"),
    "how many due": (incidents.count_due, "ix_incidents_due"),
    "oldest unfolded": (events.oldest_unfolded, "ix_events_unfolded"),
    "how many unfolded": (events.count_unfolded, "ix_events_unfolded"),
    "last received": (lambda c: events.last_received(c, ["old", "none"]), "ix_events_source_received_at"),
    "awaited": (awaited, "ix_events_incident_id"),
    "unfolded": (lambda c: events.unfolded(c, 100), "ix_events_unfolded"),
    "unfolded, locked": (lambda c: events.unfolded(c, 100, lock=True), "ix_events_unfolded"),
    "is due": (lambda c: claims.is_due(c, START + 1), "ix_incidents_due"),
    "nothing due": (lambda c: claims.is_due(c, -1), "ix_incidents_due"),
    "claim": (lambda c: claims.claim(c, 4, URL, START, probe=False), "ix_incidents_due"),
    "probe": (lambda c: claims.claim(c, 1, URL, START, probe=True), "ix_incidents_due"),
    "leases": (claims.leases, "ix_incidents_lease"),
    "free": (lambda c: claims.free(c, ["a", "b"]), "ix_incidents_lease"),
    "settle, suspects": (settle_one, "ix_incidents_suspect"),
    "lock": (
        lambda c: incidents.lock(c, [("pagerduty", "Q1"), ("pagerduty", "Q2")], START),
        KEY,
    ),
    "lock by id": (lambda c: incidents.lock_by_id(c, [1, 2]), ID),
    "nothing stale": (lambda c: incidents.stale(c, "policy", 1), "ix_incidents_policy"),
    "a few stale": (lambda c: incidents.stale(c, "policy", 50), "ix_incidents_policy"),
    "by id": (lambda c: incidents.by_id(c, [1, 2]), ID),
    "by key": (lambda c: incidents.by_key(c, ("pagerduty", "Q1")), KEY),
    "by reference": (lambda c: incidents.by_reference(c, "Q1"), "ix_incidents_reference_id"),
    "open for long": (lambda c: incidents.open_since(c, START + 1), "ix_incidents_open"),
    "how many open for long": (lambda c: incidents.count_open_since(c, START + 1), "ix_incidents_open"),
    "overridden": (incidents.overridden, "ix_incidents_override"),
    "events of incidents": (lambda c: events.of_incidents(c, [1, 2]), "ix_events_incident_id"),
    "page: problems": (lambda c: browse.problems(c, 10), "ix_events_problem"),
    "page: what waits": (browse.waiting, "ix_events_problem"),
    "page: due": (lambda c: browse.listed(c, Selection(state="due")), "ix_incidents_due"),
    "page: parked": (lambda c: browse.listed(c, Selection(state="parked")), "ix_incidents_parked"),
    "page: overridden": (lambda c: browse.listed(c, Selection(state="overridden")), "ix_incidents_override"),
    "page: an incident": (lambda c: browse.one(c, "Q1"), "ix_incidents_reference_id"),
    "page: its events": (lambda c: browse.events_of(c, 1, 10), "ix_events_incident_id"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_hot_statement_uses_its_index(planned, name):
    """Among thousands of rows at rest, the statement reads the few it is about."""
    run, index = STATEMENTS[name]
    found = plans(planned, run)
    assert re.search(index, "\n".join(found))
    assert full_scans(found) == []


def test_locking_for_a_settle_reads_no_table(planned):
    """Settling reads and locks the answered incidents and the suspects, found by index."""
    claimed = planned.deliverer().claim()
    assert len(claimed) == 4
    assert full_scans(plans(planned, lambda c: Settlement(c, claimed, [], Random(0), START))) == []


def test_a_page_of_incidents_is_read_alone(planned):
    """Going through all incidents page by page never reads more than the page."""
    found = plans(planned, lambda c: incidents.page(c, HELD - 100, 100))
    assert re.search(ID, found[0])
    assert full_scans(found) == []


def test_storing_an_event_reads_no_table(planned):
    """An accepted webhook costs one insert, its duplicate found by the unique index."""
    body = orjson.dumps(pagerduty("Q1"))
    found = plans(planned, lambda c: events.add(c, "pagerduty", "new", body, START))
    assert len(found) == 1
    assert full_scans(found) == []
    assert planned.engine.dialect.name == "sqlite" or "uq_events_source_key" in found[0]


def test_a_full_scan_is_noticed(planned):
    """The check would find a statement without an index."""
    found = plans(planned, lambda c: c.execute(text("SELECT id FROM incidents WHERE updated_at = 1")))
    assert len(full_scans(found)) == 1
