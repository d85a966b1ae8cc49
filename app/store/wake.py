"""Notice within milliseconds that another process has committed."""

import sqlite3
import time
from contextlib import suppress
from typing import Any, Protocol

import structlog
from sqlalchemy import Engine, text

from app.store.engine import POSTGRES_ARGUMENTS

_POLL_SECONDS = 0.02
_RECONNECT_SECONDS = 1.0
_NOTIFY_SECONDS = 0.05
_CHANNEL = "dx_bridge"

log = structlog.get_logger()


class Wake(Protocol):
    """Tells of commits by others."""

    def wait(self) -> bool:
        """Wait a moment; return whether somebody committed since the last call, or may have."""

    def close(self) -> None:
        """Give its connection up."""


class _SQLiteWake:
    """Polls `data_version`, which changes with the commits of all other connections.

    It is read on a raw connection of its own, outside any transaction: inside one it stands still.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._seen = 0

    def wait(self) -> bool:
        """Sleep a moment, then look whether the version has changed."""
        time.sleep(_POLL_SECONDS)
        try:
            seen, self._seen = self._seen, self._version()
        except sqlite3.Error:  # a full or damaged disk: the pipeline looks by itself, and tells
            self.close()
            return False
        return seen != self._seen

    def close(self) -> None:
        """Close the connection; the next wait opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _version(self) -> int:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, isolation_level=None)
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version


class _PostgresWake:
    """Listens on a connection of its own, outside the pool; without one the pipeline looks by itself."""

    def __init__(self, url: str) -> None:
        import psycopg  # noqa: PLC0415 - an extra, needed with PostgreSQL only

        self._psycopg, self._url = psycopg, url
        self._connection: Any = None
        self._retry_at = 0.0

    def wait(self) -> bool:
        """Wait for a notification; a new connection counts as one, since some may have been missed."""
        if self._connection is None:
            return self._connect()
        try:
            return any(self._connection.notifies(timeout=_POLL_SECONDS, stop_after=1))
        except self._psycopg.Error:
            self.close()
            return False

    def close(self) -> None:
        """Close the connection; the next wait opens another."""
        with suppress(self._psycopg.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None

    def _connect(self) -> bool:
        if time.monotonic() < self._retry_at:
            time.sleep(_POLL_SECONDS)
            return False
        self._retry_at = time.monotonic() + _RECONNECT_SECONDS
        try:
            self._connection = self._psycopg.connect(self._url, autocommit=True, **POSTGRES_ARGUMENTS)
            self._connection.execute(f"LISTEN {_CHANNEL}")
        except self._psycopg.Error as error:
            log.warning("not listening; looking instead", error=type(error).__name__)
            return False
        return True


class Notifier:
    """Wakes the pipelines after a commit; PostgreSQL only, SQLite's watchers see the commit itself.

    After the commit and not within it: NOTIFY in the accepting transaction serialises all commits.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine if engine.dialect.name == "postgresql" else None
        self._next_at = 0.0

    def notify(self) -> None:
        """Wake the pipelines, at most every 50 ms; a wake-up that is left out costs a look, not an event."""
        now = time.monotonic()
        if self._engine is None or now < self._next_at:
            return
        self._next_at = now + _NOTIFY_SECONDS
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"NOTIFY {_CHANNEL}"))


def watch(engine: Engine) -> Wake:
    """Return what tells of commits to this engine's database."""
    if engine.dialect.name == "sqlite":
        return _SQLiteWake(engine.url.database or "")
    return _PostgresWake(engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
