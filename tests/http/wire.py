"""HTTP written by hand on a socket, for requests that no client library would send."""

import http.client
import socket
from contextlib import suppress
from email.message import Message
from typing import NamedTuple, Self

import orjson


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Message
    body: bytes

    @property
    def error(self) -> str:
        """The code of an error body, which has the one shape of errors."""
        body = orjson.loads(self.body)
        assert body.keys() == {"error", "message"}
        return body["error"]


class Wire:
    """One connection to a bridge on loopback."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self.socket.close()

    def send(self, data: bytes) -> Self:
        """Send all of it, or as much as the other side takes before it closes."""
        with suppress(ConnectionError):
            self.socket.sendall(data)
        return self

    def end(self) -> Self:
        """Send nothing more, and go on reading."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        return self

    def answer(self) -> Answer | None:
        """Read one response; None where the connection was closed instead."""
        try:
            line = self._reader.readline()
            if not line:
                return None
            headers = http.client.parse_headers(self._reader)
            body = self._reader.read(int(headers.get("Content-Length", "0")))
        except ConnectionError:
            return None
        return Answer(int(line.split()[1]), headers, body)

    def received(self) -> bytes:
        """Return every byte until the connection is closed."""
        return self._reader.read()

    def answers(self) -> list[Answer]:
        """Read responses until the connection is closed."""
        return list(iter(self.answer, None))


def head(path: str, headers: dict[str, str], method: str = "POST") -> bytes:
    """Return a request's first line and headers."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bridge", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(path: str, headers: dict[str, str], body: bytes, method: str = "POST") -> bytes:
    """Return a request with its body's length."""
    return head(path, {**headers, "Content-Length": str(len(body))}, method) + body


def chunked(path: str, headers: dict[str, str], *chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a request with its body in chunks."""
    coded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head(path, {**headers, "Transfer-Encoding": "chunked"}) + coded + end
