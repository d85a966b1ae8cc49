"""Bring the database to this version's schema, by one of several processes that start at once."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from app.errors import DatabaseNotReadyError
from app.store.engine import create_private

_LOCK = 0x6478_6272  # one advisory lock number for this program ("dxbr")
UPGRADE = "dx-bridge db upgrade"


def upgrade(engine: Engine) -> None:
    """Migrate to the newest schema, under a lock; safe to run from several processes.

    A newer schema stays as it is: platforms run the release step of the older version when they roll back.
    Raises DatabaseNotReadyError where the file cannot be made, or the schema is not one of this version's.
    """
    try:
        with _alone(engine) as connection:
            command.upgrade(_config(connection), "head")
    except CommandError:
        if is_current(engine):
            return
        raise DatabaseNotReadyError(
            "The database has a schema that this version does not know: deploy the newer version."
        ) from None
    except OSError as error:
        path = Path(engine.url.database or "").absolute()
        raise DatabaseNotReadyError(
            f"The file {path} cannot be made ({error.strerror}): check DATABASE_URL."
        ) from None


def upgrade_if_own(engine: Engine) -> None:
    """Migrate an SQLite file or an empty PostgreSQL; leave an older PostgreSQL to the release step."""
    if is_current(engine) and _has_wal(engine):
        return
    if engine.dialect.name == "postgresql" and inspect(engine).has_table("events"):
        raise DatabaseNotReadyError(f"The database has an older schema: run `{UPGRADE}`.")
    upgrade(engine)


def is_current(engine: Engine) -> bool:
    """Whether this version can work with the database; a missing SQLite file has no schema and is not made.

    A newer schema will do: migrations only add, so that old processes go on beside new ones.
    """
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        return False
    with engine.execution_options(readonly=True).connect() as connection:
        return (revision(connection) or "") >= head()


def revision(connection: Connection) -> str | None:
    """Return the schema version of the database, None where it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def at(engine: Engine) -> str:
    """Return the schema version of a database, and whether it is newer than this program's."""
    with engine.execution_options(readonly=True).connect() as connection:
        found = revision(connection) or "none"
    return f"{found}, newer than this version's {head()}; that does no harm" if found > head() else found


def head() -> str:
    """Return the schema version of this program; versions are numbers of four digits."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "app.store:migrations")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Hold the migration lock: a file lock beside SQLite's file, an advisory lock in PostgreSQL."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
        return
    path = Path(engine.url.database or "")
    with _file_lock(path.with_name(f"{path.name}.lock")):
        create_private(path)
        _set_wal(engine)
        with engine.begin() as connection:
            yield connection


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    create_private(path)
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _has_wal(engine: Engine) -> bool:
    """Whether an SQLite file is in WAL mode: a copy that `VACUUM INTO` made, or a recovered one, is not."""
    if engine.dialect.name != "sqlite":
        return True
    with engine.execution_options(readonly=True).connect() as connection:
        return bool(connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal")


def _set_wal(engine: Engine) -> None:
    """Switch the file to WAL, once: simultaneous switches fail as locked in spite of `busy_timeout`."""
    raw = engine.raw_connection()  # not in a transaction
    try:
        raw.cursor().execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise OperationalError("setting WAL mode", None, error) from error
    finally:
        raw.close()
