"""Notice within milliseconds that another process has committed."""

import select
import socket
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
    """Tells of commits by others, and of what a thread of this process rings for."""

    def wait(self) -> bool:
        """Wait a moment; return whether somebody committed or rang since the last call, or may have."""

    def ring(self) -> None:
        """End the present wait, or the next one; in any thread."""

    def close(self) -> None:
        """Give its connection up."""


class _Bell:
    """Ends a wait from another thread; what was rung stays until somebody has heard it."""

    def __init__(self) -> None:
        self._ear, self._mouth = socket.socketpair()
        self._mouth.settimeout(0)

    def ring(self) -> None:
        """Ring; nothing happens where nobody has listened for long, or will again."""
        with suppress(OSError):
            self._mouth.send(b"!")

    def close(self) -> None:
        """Give everything up that is held."""
        self._disconnect()
        self._ear.close()
        self._mouth.close()

    def _disconnect(self) -> None:
        """Close the connection; the next wait opens another."""
        raise NotImplementedError

    def _listen(self, *others: Any) -> bool:
        """Wait a moment for the bell or something to read from these; return whether it has rung."""
        ready, _, _ = select.select([self._ear, *others], [], [], _POLL_SECONDS)
        if self._ear not in ready:
            return False
        self._ear.recv(4096)
        return True


class _SQLiteWake(_Bell):
    """Polls `data_version`, which changes with the commits of all other connections.

    It is read on a raw connection of its own, outside any transaction: inside one it stands still.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._seen = 0

    def wait(self) -> bool:
        """Sleep a moment, then look whether the version has changed."""
        if self._listen():
            return True
        try:
            seen, self._seen = self._seen, self._version()
        except sqlite3.Error:  # a full or damaged disk: the pipeline looks by itself, and tells
            self._disconnect()
            return False
        return seen != self._seen

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _version(self) -> int:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, isolation_level=None)
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version


class _PostgresWake(_Bell):
    """Listens on a connection of its own, outside the pool; without one the pipeline looks by itself."""

    def __init__(self, url: str) -> None:
        import psycopg  # noqa: PLC0415 - an extra, needed with PostgreSQL only

        super().__init__()
        self._psycopg, self._url = psycopg, url
        self._connection: Any = None
        self._retry_at = 0.0

    def wait(self) -> bool:
        """Wait for a notification; a new connection counts as one, since some may have been missed."""
        if self._connection is None:
            return self._connect()
        try:
            return self._listen(self._connection.fileno()) or any(self._connection.notifies(timeout=0))
        except self._psycopg.Error:
            self._disconnect()
            return False

    def _disconnect(self) -> None:
        with suppress(self._psycopg.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None

    def _connect(self) -> bool:
        if time.monotonic() < self._retry_at:
            return self._listen()
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
