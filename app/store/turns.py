"""The processes of one SQLite file write one after the other, by a lock on a file beside it.

SQLite's own waiting sleeps longer and longer between two looks, which under load costs a webhook 0.3 s.
The lock is the system's, so it ends with its process. Where the file cannot be made, SQLite's waiting does.
"""

import fcntl
import os
import time
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

_LOOK_SECONDS = 0.0005
_KEY = "turn"


@dataclass(slots=True)
class _Turn:
    """One connection's handle on the lock, and how long it waits at most."""

    descriptor: int
    patience: float
    held: bool = False


def take(engine: Engine, path: Path, patience: float) -> None:
    """Give each of the engine's connections a handle on the lock, let go when a transaction is over."""

    @event.listens_for(engine, "connect")
    def open_handle(_: Any, record: Any) -> None:
        with suppress(OSError):
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            record.info[_KEY] = _Turn(descriptor, patience)

    @event.listens_for(engine, "checkin")
    def let_go(_: Any, record: Any) -> None:
        turn = record.info.get(_KEY)
        if turn is not None and turn.held:
            fcntl.flock(turn.descriptor, fcntl.LOCK_UN)
            turn.held = False

    @event.listens_for(engine, "close")
    def close_handle(_: Any, record: Any) -> None:
        if (turn := record.info.pop(_KEY, None)) is not None:
            os.close(turn.descriptor)


def wait(info: MutableMapping[Any, Any]) -> None:
    """Wait for the turn of a connection, as long as it has patience; SQLite then tells that the file is locked."""
    turn: _Turn | None = info.get(_KEY)
    if turn is None:
        return
    until = time.monotonic() + turn.patience
    while not turn.held and time.monotonic() < until:
        try:
            fcntl.flock(turn.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            turn.held = True
        except BlockingIOError:
            time.sleep(_LOOK_SECONDS)
        except OSError:  # a file system without such locks
            return
