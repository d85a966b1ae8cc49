import json

import pytest
from sqlalchemy import update

from app.store import events
from app.store.engine import connect
from app.store.tables import incidents
from tests.cli.test_map import TRIGGER


@pytest.fixture
def engine(folder, bridge):
    """Return the engine of the folder's migrated database, with one incident and one bad event received."""
    assert bridge("db", "upgrade").exit_code == 0
    engine = connect("sqlite:///bridge.db")
    with engine.begin() as connection:
        events.add(connection, "pagerduty", "E2", json.dumps(TRIGGER).encode(), 1)
        events.add(connection, "pagerduty", "E3", b'{"event": {"data": {"type": "incident"}}}', 2)
    yield engine
    engine.dispose()


def test_drain_folds_what_was_received(engine, bridge):
    """`work --drain` ends when nothing is left; status then counts the incident and the unmappable event."""
    assert bridge("work", "--drain").exit_code == 0
    counted = json.loads(bridge("status", "--json").stdout)
    assert counted["events"] == {"received": 2, "unfolded": 0, "unmappable": 1}
    assert counted["incidents"]["total"] == 1


def test_refold_takes_what_could_not_be_mapped(engine, bridge):
    """`refold` marks the unmappable event, and nothing else, for another try."""
    bridge("work", "--drain")
    assert bridge("refold").stdout == "1 events will be mapped again.\n"
    assert json.loads(bridge("status", "--json").stdout)["events"]["unfolded"] == 1


def test_redeliver_makes_parked_incidents_due(engine, bridge):
    """`redeliver --parked` takes what DX refused, and a named reference is taken by itself."""
    bridge("work", "--drain")
    with engine.begin() as connection:
        connection.execute(update(incidents).values(parked="invalid_arguments: no", due_at=None))
    assert bridge("redeliver", "--parked").stdout == "1 incidents will be sent again.\n"
    assert json.loads(bridge("status", "--json").stdout)["incidents"]["parked"] == 0
    assert bridge("redeliver", "Q1").exit_code == 0


def test_an_unknown_reference_is_named(engine, bridge):
    """A reference that is not known is told by name, with exit code 1."""
    result = bridge("redeliver", "Q9")
    assert (result.exit_code, "Q9" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [[], ["Q1", "--all"], ["--all", "--parked"], ["--source", "nobody"], ["--since", "yesterday"]],
)
def test_an_unclear_selection_is_refused(engine, bridge, arguments):
    """A selection that says nothing, or two things, is bad usage."""
    assert bridge("redeliver", *arguments).exit_code == 2


def test_a_database_that_cannot_be_made_is_told(bridge, folder):
    """A path without its folder ends `db upgrade` with the path and a remedy, and no traceback."""
    result = bridge("db", "upgrade", DATABASE_URL=f"sqlite:///{folder}/no/such/bridge.db")
    assert (result.exit_code, "no/such/bridge.db" in result.stderr) == (1, True)


def test_a_newer_schema_is_left_as_it_is(engine, bridge):
    """A database of a later version is not touched, and no failure: platforms roll back through the release step."""
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    result = bridge("db", "upgrade")
    assert (result.exit_code, "9999, newer than" in result.stdout) == (0, True)


def test_commands_without_a_database_name_the_remedy(bridge):
    """Without a database the commands that need one say how to make it, and make none themselves."""
    for arguments in (["status"], ["redeliver", "--all"], ["refold"], ["db", "purge"]):
        result = bridge(*arguments)
        assert (result.exit_code, "dx-bridge db upgrade" in result.stderr) == (1, True)
