"""Engines for SQLite and PostgreSQL on which a transaction means the same: durable, and no lost update."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url

POSTGRES_ARGUMENTS: dict[str, Any] = {
    "connect_timeout": 4,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "dx-bridge",
}
_BUSY_MS = 4000  # under PagerDuty's 5 s: a webhook gets its 503 while the vendor still listens


def connect(database_url: str, *, pool_size: int = 2) -> Engine:
    """Return an engine; `pool_size` bounds its connections (small PostgreSQL plans allow 20 in all)."""
    if make_url(database_url).get_backend_name() == "sqlite":
        return _sqlite(database_url, pool_size)
    return _postgresql(database_url, pool_size)


def reading(engine: Engine) -> Engine:
    """Return the engine for transactions that only read: on SQLite they wait for no writer."""
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
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _open_anew)
    return engine


def _open_anew(context: ExceptionContext) -> None:
    """Drop the connections after a failure of the file: one opened read-only stays so when the cause is gone."""
    failed = isinstance(context.original_exception, sqlite3.OperationalError)
    context.is_disconnect = failed and "locked" not in str(context.original_exception)


def _postgresql(database_url: str, pool_size: int) -> Engine:
    """Return an engine whose connections notice a dead server and commit to disk, whatever the defaults."""
    engine = create_engine(
        database_url, pool_size=pool_size, max_overflow=0, pool_pre_ping=True, connect_args=POSTGRES_ARGUMENTS
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _: Any) -> None:
    connection.execute("SET synchronous_commit TO on")
    connection.execute("SET timezone TO 'UTC'")
    connection.commit()


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    """Set what each connection needs; WAL belongs to the file and is set with the migration."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a deferred transaction that turns to writing may fail or lose updates."""
    readonly = connection.get_execution_options().get("readonly")
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")
