"""Kept-alive connections: used again soon, and not trusted after a long silence."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from app import session
from app.secret import Secret


class _Counting(ThreadingHTTPServer):
    connections = 0

    def process_request(self, *args: object) -> None:
        self.connections += 1
        super().process_request(*args)


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[_Counting]:
    """A server that counts connections."""
    with _Counting(("127.0.0.1", 0), _Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(("idle", "connections"), [(1e9, 1), (-1, 2)])
def test_a_connection_is_used_again_unless_idle_for_long(
    server: _Counting, monkeypatch: pytest.MonkeyPatch, idle: float, connections: int
) -> None:
    """What a NAT or firewall may have forgotten is opened anew, since a reset would leave a call in doubt."""
    monkeypatch.setattr(session, "IDLE_SECONDS", idle)
    url = f"http://127.0.0.1:{server.server_port}/"
    with session.bounded_session(Secret("a-token-0123456789"), url) as calls:
        for _ in range(2):
            assert calls.get(url).status_code == 200
    assert server.connections == connections
