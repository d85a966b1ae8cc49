"""Read a request's body within a bound of size and time.

A worker's thread blocks in `recv` while a body drips in, so a watcher shuts the receiving half of a
connection whose body is overdue; the thread then sees the end of the stream and answers.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from flask import Request

from app import errors

LARGEST_BODY = 1024 * 1024
SLOWEST_BODY = 10.0
"""Seconds from the start of the request's handling to the body's last byte."""
_LOOK_SECONDS = 0.25


def read_body(request: Request) -> bytes:
    """Return the raw body; raise Refusal where it is too large, too slow or cut off."""
    length = request.content_length
    if length is not None and length > LARGEST_BODY:
        raise errors.too_large(LARGEST_BODY)
    with _watched(request.environ.get("gunicorn.socket")) as watch:
        body = _read(request)
    if watch.overdue or len(body) < (length or 0):
        raise errors.too_slow(SLOWEST_BODY)
    if len(body) > LARGEST_BODY:
        raise errors.too_large(LARGEST_BODY)
    return body


def _read(request: Request) -> bytes:
    try:
        body: bytes = request.environ["wsgi.input"].read(LARGEST_BODY + 1)
    except OSError:  # the connection broke, or its chunks make no sense
        return b""
    return body


@dataclass(slots=True, eq=False)
class _Watch:
    """A connection whose request body has to be complete by `deadline`, on the steady clock."""

    connection: socket.socket | None
    deadline: float
    overdue: bool = False


_watches: set[_Watch] = set()
_lock = threading.Lock()
_watcher: threading.Thread | None = None


@contextmanager
def _watched(connection: socket.socket | None) -> Iterator[_Watch]:
    """Watch a connection while its body is read; outside gunicorn there is none to watch."""
    watch = _Watch(connection, time.monotonic() + SLOWEST_BODY)
    if connection is not None:
        _start()
        _watches.add(watch)
    try:
        yield watch
    finally:
        _watches.discard(watch)


def _start() -> None:
    """Start the watcher with the first request: threads do not survive gunicorn's fork."""
    global _watcher  # noqa: PLW0603 - one thread for the process, as there is one set of connections
    with _lock:
        if _watcher is None:
            _watcher = threading.Thread(target=_watch_all, name="body-watcher", daemon=True)
            _watcher.start()


def _watch_all() -> None:
    while True:
        time.sleep(_LOOK_SECONDS)
        now = time.monotonic()
        for watch in _watches.copy():
            if watch.connection and now > watch.deadline and not watch.overdue:
                watch.overdue = True
                with suppress(OSError):
                    watch.connection.shutdown(socket.SHUT_RD)
