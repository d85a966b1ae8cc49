"""A requests session whose calls end in time: requests' own time-out starts anew with every byte."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.overdue import Watch, watched
from app.secret import Secret

IDLE_SECONDS = 30.0
"""A connection unused for so long may have been forgotten by a NAT or firewall on its way, without a word."""
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


class Authorization(AuthBase):
    """Sets the header; an auth object keeps requests from preferring a `.netrc` entry."""

    def __init__(self, secret: Secret, how: str = "Bearer {}") -> None:
        self._secret, self._how = secret, how

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with its header."""
        prepared.headers["Authorization"] = self._how.format(self._secret.reveal())
        return prepared


class _Session(requests.Session):
    _used_at = 0.0

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        """Send a request, on a new connection if the last one was begun long ago."""
        now = time.monotonic()
        if now - self._used_at > IDLE_SECONDS:
            self.close()
        self._used_at = now
        return super().send(request, **how)

    def get_redirect_target(self, _: requests.Response) -> None:
        """Return None: requests would read a redirection's whole body and parse where it leads."""


def bounded_session(secret: Secret, url: str, how: str = "Bearer {}") -> requests.Session:
    """Return a session for calls to the host of `url`, made within `bounded`; it follows no redirection.

    Proxies and certificates of the environment are read once: for each call, requests would look through
    all of it, which costs as much as the call.
    """
    session = _Session()
    session.auth = Authorization(secret, how)
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())
    given = session.merge_environment_settings(url, {}, stream=None, verify=None, cert=None)
    session.trust_env, session.proxies, session.verify = False, given["proxies"], given["verify"]
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
