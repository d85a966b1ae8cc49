"""A requests session whose calls end in time: requests' own time-out starts anew with every byte."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.overdue import Watch, watched

_current = threading.local()


class _PlainConnection(HTTPConnection):
    def getresponse(self) -> Any:
        _put_on_watch(self.sock)
        return super().getresponse()


class _TLSConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        _put_on_watch(self.sock)
        return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TLSPool}


def bounded_session() -> requests.Session:
    """Return a session for calls made within `bounded`."""
    session = requests.Session()
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())
    return session


@contextmanager
def bounded(seconds: float) -> Iterator[Watch]:
    """Shut the connection of a call made in this block when it takes longer, first byte to last."""
    with watched(seconds, how=socket.SHUT_RDWR) as watch:
        _current.watch = watch
        try:
            yield watch
        finally:
            _current.watch = None


def _put_on_watch(connection: socket.socket | None) -> None:
    watch = getattr(_current, "watch", None)
    if watch is not None:
        watch.connection = connection
