"""Bare HTTP over a keep-alive connection: as little work as a client can do."""

import socket
from selectors import EVENT_READ, BaseSelector
from urllib.parse import urlsplit


class Link:
    """One connection with at most one request under way."""

    __slots__ = ("_partial", "socket")

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._partial = b""

    def send(self, request: bytes) -> None:
        """Send a whole request; a broken connection shows when its answer is received."""
        try:
            self.socket.sendall(request)
        except OSError:
            self._partial = b""

    def receive(self) -> int | None:
        """Return the status once the answer is whole, 0 where the connection has ended, else None."""
        try:
            more = self.socket.recv(65_536)
        except OSError:
            return 0
        answer = self._partial + more
        is_whole = _is_whole(answer)
        self._partial = b"" if is_whole else answer
        if is_whole:
            return int(answer[9:12])
        return None if more else 0

    def close(self, selector: BaseSelector) -> None:
        """End it."""
        selector.unregister(self.socket)
        self.socket.close()


def open_links(url: str, number: int, selector: BaseSelector) -> list[Link]:
    """Open so many connections, each with a place in the selector."""
    links = [Link(url) for _ in range(number)]
    for link in links:
        selector.register(link.socket, EVENT_READ, link)
    return links


def _is_whole(answer: bytes) -> bool:
    head, separator, rest = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    _, _, length = head.lower().partition(b"content-length: ")
    return len(rest) >= int(length.split(b"\r\n", 1)[0] or 0)
