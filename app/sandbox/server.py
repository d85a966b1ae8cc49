"""Serves a sandbox: HTTP/1.1 with keep-alive, one thread a connection, nothing logged."""

import io
import queue
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app


class _Handler(WSGIRequestHandler):
    """Werkzeug's handler, but connections stay open: its own closes each, since bodies may be left unread."""

    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        try:
            environ["wsgi.input"] = io.BytesIO(self._body(environ))
        except ValueError:
            self.send_error(400)
            return
        environ["wsgi.input_terminated"] = True
        chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        self._answer(status, list(headers), b"".join(chunks))

    def _body(self, environ: dict[str, Any]) -> bytes:
        """Read the body; ValueError if its length is not stated well, ConnectionError if it ends early."""
        if "wsgi.input_terminated" in environ:
            try:
                return bytes(environ["wsgi.input"].read())
            except OSError as error:
                raise ValueError("not in chunks") from error
        stated = environ.get("CONTENT_LENGTH", "0")
        if not (stated.isascii() and stated.isdigit()):
            raise ValueError("not a length")
        body = self.rfile.read(int(stated))
        if len(body) < int(stated):
            raise ConnectionAbortedError("the body ended early")
        return body

    def _answer(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        # A vendor's clock may differ from this machine's.
        if not any(name == "Date" for name, _ in headers):
            self.send_header("Date", self.date_time_string())
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: Any, **__: Any) -> None:
        """Say nothing: the calls are at /sandbox/calls."""

    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing of clients that speak no HTTP."""


class _Server(ThreadedWSGIServer):
    request_queue_size = 1024

    def __init__(self, app: Flask, host: str, port: int) -> None:
        self._connections: set[Any] = set()
        super().__init__(host, port, app, _Handler)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Close the open connections too: a sandbox that is down answers nobody."""
        super().server_close()
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def running(app: Flask, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve an app on threads of this process and give its base URL; port 0 takes a free one."""
    server = _Server(app, host, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        thread.join()


def serve(app: Flask, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; one line on standard error tells the address once it is ready.

    A port in use ends the process with exit code 1 and a line that says so.
    """
    # A handler may interrupt the very wait that it ends; SimpleQueue is made for that, Event is not.
    stop: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stop.put(received))
    with running(app, host, port) as url:
        sys.stderr.write(f"DX sandbox on {url}\n")
        sys.stderr.flush()
        stop.get()
