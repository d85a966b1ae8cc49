"""Which incidents a vendor is asked about, in which order, and who does the periodic asking."""

import re

import pytest
from sqlalchemy import insert, text, update

from app.store import readings, tables
from mappers.fields import SECOND
from tests.store.test_plans import full_scans, plans
from tests.store.threads import at_once
from tests.store.world import START

HOUR = 3600 * SECOND
MINUTE = 60 * SECOND
INDEX = r"ix_incidents_(open|inferred)"


@pytest.fixture
def held(world):
    """Return a function that holds incidents; each is open for two hours unless its values say otherwise."""

    def put(**incidents):
        common = {"source": "pagerduty", "state": "{}", "action": "upsert", "updated_at": START}
        common |= {"started_at": START - 2 * HOUR, "resolved_at": None, "inferred": False, "asked_at": None}
        rows = [
            common | {"vendor_id": name, "reference_id": name} | values for name, values in incidents.items()
        ]
        with world.engine.begin() as connection:
            connection.execute(insert(tables.incidents), rows)

    return put


@pytest.fixture
def doubtful(world):
    """Return a function that tells the names of the doubtful incidents, in order."""

    def read(limit=100, source="pagerduty", before=START - HOUR):
        with world.engine.begin() as connection:
            return [each.vendor_id for each in readings.doubtful(connection, source, before, limit)]

    return read


ENDED = {"resolved_at": START - HOUR}
INFERRED = ENDED | {"inferred": True}


def test_what_is_open_for_long_or_inferred_is_doubtful(held, doubtful):
    """An incident that has just begun, one that is over, and one that DX is not to hold are not."""
    held(
        long={},
        short={"started_at": START - HOUR + 1},
        border={"started_at": START - HOUR},
        over=ENDED,
        inferred=INFERRED,
        excluded={"action": "none"},
        deleted={"action": "delete"},
        unfolded={"state": None},
    )
    assert doubtful() == ["long", "inferred"]


def test_another_source_is_not_asked_for(held, doubtful):
    """Each vendor is asked about its own incidents."""
    held(Q1={}, Q2={"source": "opsgenie"}, Q3=INFERRED | {"source": "opsgenie"})
    assert (doubtful(), doubtful(source="opsgenie")) == (["Q1"], ["Q2", "Q3"])


def test_those_never_asked_come_first_then_the_least_recent(held, doubtful):
    """So all have their turn, whatever the limit."""
    held(
        recent={"asked_at": START - 1},
        never={},
        long_ago={"asked_at": START - 9},
        neither={},
    )
    assert doubtful() == ["never", "neither", "long_ago", "recent"]


def test_the_limit_is_for_each_kind(held, doubtful):
    """Many open incidents do not keep the inferred ones waiting, nor the other way round."""
    held(**{f"O{n}": {} for n in range(5)}, **{f"I{n}": INFERRED for n in range(5)})
    assert doubtful(2) == ["O0", "O1", "I0", "I1"]


def test_with_a_limit_everyone_has_a_turn(world, held, doubtful):
    """Asked about two at a time, five open incidents are asked about in three runs."""
    held(**{f"O{n}": {} for n in range(5)})
    seen = []
    for _ in range(3):
        world.time.pass_by(1)
        found = doubtful(2)
        seen += found
        ids = [world.row(name).id for name in found]
        with world.engine.begin() as connection:
            readings.asked(connection, ids, world.time.wall)
    assert set(seen) == {f"O{n}" for n in range(5)}


def test_an_inferred_resolution_is_asked_about_until_it_changes(held, doubtful):
    """The vendor's answer does not change by asking again; an incident's own change may."""
    held(
        answered=INFERRED | {"asked_at": START},
        changed=INFERRED | {"asked_at": START - 1},
    )
    assert doubtful() == ["changed"]


def test_asking_changes_nothing_else(world, held):
    """It is noted when an incident was asked about, and its last change stays what it was."""
    held(Q1={}, Q2={})
    one = world.row("Q1").id
    with world.engine.begin() as connection:
        readings.asked(connection, [one], START + 5)
    rows = [world.row(name) for name in ("Q1", "Q2")]
    assert [(row.asked_at, row.updated_at) for row in rows] == [(START + 5, START), (None, START)]


def test_asking_about_nothing_is_no_error(world):
    """A page of changes has no incident that was asked about."""
    with world.engine.begin() as connection:
        readings.asked(connection, [], START)


REINDEX = {"sqlite": "REINDEX", "postgresql": "REINDEX TABLE incidents"}


@pytest.mark.parametrize("analyzed", [True, False])
def test_the_doubtful_are_found_by_their_indexes(world, held, analyzed):
    """Among thousands of incidents at rest, those that are open or inferred are read alone."""
    world.fill(6000, 0)
    with world.engine.begin() as connection:
        connection.execute(update(tables.incidents).values(source="pagerduty", state="{}", **ENDED))
    held(**{f"Q{n}": {} for n in range(3)}, **{f"I{n}": INFERRED for n in range(3)})
    if analyzed or world.engine.dialect.name == "postgresql":
        with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(
                text(REINDEX[world.engine.dialect.name])
            )  # what other tests have left in them counts as much
            connection.execute(text("ANALYZE"))
    found = plans(world, lambda c: readings.doubtful(c, "pagerduty", START - HOUR, 500))
    assert [re.findall(INDEX, plan) for plan in found] == [["open"], ["inferred"]], "\n".join(found)
    assert [line for line in full_scans(found) if "ix_incidents_inferred" not in line] == []


@pytest.fixture
def is_due(world):
    """Return a function that takes the periodic run on, where it is due."""

    def take(now, every=15 * MINUTE):
        with world.engine.begin() as connection:
            return readings.is_due(connection, now, every)

    return take


def test_a_run_is_due_once_a_period(is_due):
    """At first, then not until a period is over."""
    period = 15 * MINUTE
    times = [0, 1, period - 1, period, period + 1, 2 * period, 5 * period]
    assert [is_due(START + at) for at in times] == [True, False, False, True, False, True, True]


def test_of_many_at_once_one_does_it(is_due):
    """Eight processes that look at the same time, period after period: one of them runs in each."""
    for period in range(4):
        now = START + period * 15 * MINUTE
        assert sum(at_once(8, lambda _, now=now: is_due(now))) == 1


def test_a_clock_that_was_set_back_does_not_stop_the_runs(is_due):
    """A last run in the future counts as long ago."""
    assert is_due(START + 48 * HOUR)
    assert is_due(START)
    assert not is_due(START + 1)


def test_cursors_are_kept_by_source_and_purpose(world):
    """Each is put, replaced and forgotten alone."""
    with world.engine.begin() as connection:
        for source in ("pagerduty", "opsgenie"):
            for what in ("a", "b"):
                readings.put(connection, source, what, f"{source} {what}", START)
        readings.put(connection, "pagerduty", "a", "later", START + 1)
        readings.forget(connection, "opsgenie", "b")
    with world.engine.begin() as connection:
        kept = [readings.cursor(connection, s, w) for s in ("pagerduty", "opsgenie") for w in ("a", "b")]
    assert kept == ["later", "pagerduty b", "opsgenie a", ""]
