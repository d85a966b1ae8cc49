"""Shut connections that are past their time: a thread blocked in `recv` cannot watch the clock itself."""

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

_LOOK_SECONDS = 0.25


@dataclass(slots=True, eq=False)
class Watch:
    """A connection that has until `deadline`, on the steady clock; `overdue` once it was shut."""

    deadline: float
    how: int
    connection: socket.socket | None = None
    overdue: bool = False

    def __enter__(self) -> Self:
        _start()
        _watches.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _watches.discard(self)


_watches: set[Watch] = set()
_lock = threading.Lock()
_watcher: threading.Thread | None = None


def watched(seconds: float, connection: socket.socket | None = None, how: int = socket.SHUT_RD) -> Watch:
    """Shut `connection` in the direction `how` when the block takes longer; it may be named later, too."""
    return Watch(time.monotonic() + seconds, how, connection)


def _start() -> None:
    """Start the watcher at the first use: threads do not survive gunicorn's fork."""
    global _watcher  # noqa: PLW0603 - one thread for the process, as there is one set of watches
    if _watcher is not None:
        return
    with _lock:
        if _watcher is None:
            begun = threading.Thread(target=_watch_all, name="overdue", daemon=True)
            begun.start()
            _watcher = begun


def _watch_all() -> None:
    while True:
        time.sleep(_LOOK_SECONDS)
        now = time.monotonic()
        for watch in _watches.copy():
            if watch.connection is not None and now > watch.deadline and not watch.overdue:
                watch.overdue = True
                with suppress(OSError):
                    watch.connection.shutdown(watch.how)
