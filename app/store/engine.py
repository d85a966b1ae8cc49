"""Engines for SQLite and PostgreSQL on which a transaction means the same: durable, and no lost update."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError

from app.store import turns

POSTGRES_ARGUMENTS: dict[str, Any] = {
    "connect_timeout": 4,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "dx-bridge",
}
_PATIENCE_MS = 4000  # under PagerDuty's 5 s: a webhook gets its 503 while the vendor still listens
_TURN_SECONDS = 1.0
_BUSY_MS = 3000  # what SQLite waits after the turn; both within the patience


def connect(database_url: str, *, pool_size: int = 2, impatient: bool = False, ping: bool = True) -> Engine:
    """Return an engine; `pool_size` bounds its connections (small PostgreSQL plans allow 20 in all).

    An `impatient` one gives a statement up while the vendor still listens; SQLite's are so anyway.
    Without `ping`, a connection to PostgreSQL may be dead when it is taken from the pool.
    """
    if make_url(database_url).get_backend_name() == "sqlite":
        return _sqlite(database_url, pool_size)
    return _postgresql(database_url, pool_size, _PATIENCE_MS if impatient else 0, ping=ping)


def reading(engine: Engine) -> Engine:
    """Return the engine for transactions that only read: one state of the database, and on SQLite no writer is waited for.

    PostgreSQL would show each statement what was committed before it, and two could miss a row that moves between them.
    """
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ")
    return engine.execution_options(readonly=True)


def sqlite_path(database_url: str) -> Path | None:
    """Return the file of an SQLite URL, None for PostgreSQL."""
    url = make_url(database_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def create_private(path: Path) -> None:
    """Create the file, readable by its owner alone, before SQLite would create it for all."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _sqlite(database_url: str, pool_size: int) -> Engine:
    engine = create_engine(database_url, pool_size=pool_size, max_overflow=0)
    _hold_to_the_file(engine, Path(engine.url.database or ""))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    turns.take(engine, Path(f"{engine.url.database}-lock"), _TURN_SECONDS)
    event.listen(engine, "handle_error", _open_anew)
    return engine


def _open_anew(context: ExceptionContext) -> None:
    """Drop the connections after a failure of the file: one opened read-only stays so when the cause is gone."""
    failed = isinstance(context.original_exception, sqlite3.OperationalError)
    context.is_disconnect = failed and "locked" not in str(context.original_exception)


def _postgresql(database_url: str, pool_size: int, timeout_ms: int, *, ping: bool) -> Engine:
    """Return an engine whose connections notice a dead server and commit to disk, whatever the defaults."""
    arguments = POSTGRES_ARGUMENTS | ({"tcp_user_timeout": timeout_ms} if timeout_ms else {})
    engine = create_engine(
        database_url, pool_size=pool_size, max_overflow=0, pool_pre_ping=ping, connect_args=arguments
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.execute("SET synchronous_commit TO on")
        connection.execute("SET timezone TO 'UTC'")
        connection.execute(f"SET statement_timeout TO {timeout_ms}")
        connection.commit()

    return engine


def _hold_to_the_file(engine: Engine, path: Path) -> None:
    """Make no file, and leave one that was removed or replaced: what is committed there would be gone.

    The migration makes the file, readable by its owner alone.
    """

    def identity() -> tuple[int, int] | None:
        try:
            status = path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    @event.listens_for(engine, "do_connect")
    def only_what_exists(*_: Any) -> None:
        if identity() is None:
            raise sqlite3.OperationalError("unable to open database file: it does not exist")

    @event.listens_for(engine, "connect")
    def remember(_: Any, record: Any) -> None:
        record.info["file"] = identity()

    @event.listens_for(engine, "checkout")
    def only_the_same(_: Any, record: Any, __: Any) -> None:
        if identity() != record.info["file"]:
            raise DisconnectionError


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    """Set what each connection needs; WAL belongs to the file and is set with the migration."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a deferred transaction that turns to writing may fail or lose updates."""
    if connection.get_execution_options().get("readonly"):
        connection.exec_driver_sql("BEGIN")
    else:
        turns.wait(connection.info)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
