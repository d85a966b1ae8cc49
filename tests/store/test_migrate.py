from alembic import command
from sqlalchemy import inspect, text

from app.store import migrate, tables


def test_the_schema_is_the_migrations_result(engine):
    """The tables in the code and the migrated database do not differ."""
    with engine.begin() as connection:
        command.check(migrate._config(connection))


def test_a_second_upgrade_changes_nothing(engine):
    """Upgrading a current database is harmless."""
    migrate.upgrade(engine)
    assert migrate.is_current(engine)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM sender")).scalar_one() == 1


def test_all_tables_are_there(engine):
    """A migrated database has the tables and nothing else."""
    found = set(inspect(engine).get_table_names())
    assert found == {"alembic_version", *tables.metadata.tables}
