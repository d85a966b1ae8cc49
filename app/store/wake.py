"""Notice within milliseconds that another process has committed."""

import sqlite3
import time
from typing import Protocol

from sqlalchemy import Engine

_POLL_SECONDS = 0.02


class Wake(Protocol):
    """Tells of commits by others."""

    def wait(self) -> bool:
        """Wait a moment; return whether somebody committed since the last call."""


class _SQLiteWake:
    """Polls `data_version`, which changes with the commits of all other connections.

    It is read on a raw connection of its own, outside any transaction: inside one it stands still.
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._seen = self._version()

    def wait(self) -> bool:
        time.sleep(_POLL_SECONDS)
        seen, self._seen = self._seen, self._version()
        return seen != self._seen

    def _version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version


class _Poll:
    """Tells nothing; the pipeline then looks for itself."""

    def wait(self) -> bool:
        time.sleep(_POLL_SECONDS)
        return False


def watch(engine: Engine) -> Wake:
    """Return what tells of commits to this engine's database."""
    return _SQLiteWake(engine.url.database or "") if engine.dialect.name == "sqlite" else _Poll()
