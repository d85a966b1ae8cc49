import pytest

from app.store import migrate, tables
from tests.store.dx import CONFIRMED
from tests.store.world import pagerduty


@pytest.fixture
def postgres_url(postgres_server, migrated_template):
    """Return the URL of a database of the test's own: its schema is changed."""
    return postgres_server.create_database(migrated_template)


@pytest.fixture
def newer(engine):
    """Make the database one of a later version: every table has gained a column, and there is a new one."""
    with engine.begin() as connection:
        for table in tables.metadata.tables:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN later_added TEXT DEFAULT 'x'")
        connection.exec_driver_sql("CREATE TABLE later_made (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")


def test_this_version_works_on_a_newer_schema(newer, world):
    """Beside the processes of a later version, events are still stored, folded and delivered."""
    world.receive("e1", pagerduty("Q1"))
    world.receive("e2", pagerduty("Q1", "resolved", 60))
    world.folder().fold()
    world.deliverer().deliver(CONFIRMED)
    row = world.row("Q1")
    assert (row.settled, row.due_at, row.in_doubt) == (row.digest, None, 0)


def test_a_newer_schema_counts_as_migrated(newer, engine):
    """An old process stays ready after the release step of a new version."""
    assert migrate.is_current(engine)


def test_an_older_schema_does_not(engine):
    """A process of this version waits for its own release step."""
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    assert not migrate.is_current(engine)
