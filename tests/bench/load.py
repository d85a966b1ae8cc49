"""A load generator: distinct signed PagerDuty bodies over keep-alive connections, from a process of its own."""

import hashlib
import hmac
import multiprocessing
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

import orjson

SECRET = b"bench-signing-secret-0123456789"
_DAY = 86_400
_START = 1_767_225_600  # 2026-01-01


@dataclass(frozen=True, slots=True)
class Result:
    """What one round gave: answers by status, latencies in seconds (sorted), and how long it took."""

    statuses: dict[int, int]
    latencies: list[float]
    seconds: float

    @property
    def accepted(self) -> int:
        """How many were answered 2xx."""
        return sum(number for status, number in self.statuses.items() if status // 100 == 2)

    @property
    def rate(self) -> float:
        """Accepted events a second."""
        return self.accepted / self.seconds

    def quantile(self, share: float) -> float:
        """Return a quantile of the latencies."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def body(number: int, incident: str, event_type: str = "incident.triggered", status: str = "triggered") -> bytes:
    """Return one V3 event of 2 to 3 kB."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(_START + number % _DAY))
    site = "https://acme.pagerduty.com"
    data = {
        "id": incident,
        "type": "incident",
        "self": f"https://api.pagerduty.com/incidents/{incident}",
        "html_url": f"{site}/incidents/{incident}",
        "number": number,
        "status": status,
        "incident_key": None,
        "created_at": f"{at}Z",
        "title": f"Disk {number} of the database is nearly full " + "x" * 900,
        "service": _reference("PSVC001", "service", "Payments API"),
        "assignees": [_reference(f"PUSR{each:03}", "user", f"Person {each}") for each in range(3)],
        "escalation_policy": _reference("PESC001", "escalation_policy", "Default"),
        "teams": [_reference("PTEAM01", "team", "Payments")],
        "priority": _reference("PPRIO01", "priority", "P1"),
        "urgency": "high",
        "conference_bridge": None,
        "resolve_reason": None,
        "incident_type": {"name": "incident_default"},
        "reopened_at": None,
    }
    event = {
        "id": f"01BENCH{number:019}",
        "event_type": event_type,
        "resource_type": "incident",
        "occurred_at": f"{at}.{number % 1000:03}Z",
        "agent": _reference("PAGENT1", "inbound_integration", "Monitoring"),
        "client": None,
        "data": data,
    }
    return orjson.dumps({"event": event})


def _reference(key: str, kind: str, name: str) -> dict[str, str]:
    api = f"https://api.pagerduty.com/{kind}s/{key}"
    return {
        "html_url": f"https://acme.pagerduty.com/{kind}s/{key}",
        "id": key,
        "self": api,
        "summary": name,
        "type": f"{kind}_reference",
    }


def request(path: str, raw: bytes) -> bytes:
    """Return a whole HTTP request, signed."""
    signature = hmac.new(SECRET, raw, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"User-Agent: PagerDuty-Webhook/V3.0\r\nX-PagerDuty-Signature: v1={signature}\r\n"
        f"Content-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


class Generator:
    """A process that makes load when told to; bodies are never repeated."""

    def __init__(self, connections: int = 32) -> None:
        context = multiprocessing.get_context("spawn")
        self._own, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, connections), daemon=True)
        self._process.start()

    def prepare(self, path: str, number: int) -> None:
        """Make so many requests beforehand: building them is no part of a round."""
        self._ask("prepare", path, number)

    def run(self, url: str, seconds: float) -> Result:
        """Send for so long, as fast as answers come."""
        return Result(*self._ask("run", url, seconds))

    def close(self) -> None:
        """End the process."""
        self._own.send(None)
        self._process.join(10)

    def _ask(self, *question: object) -> tuple[dict[int, int], list[float], float]:
        self._own.send(question)
        answer: tuple[dict[int, int], list[float], float] = self._own.recv()
        return answer


def _serve(pipe: Connection, connections: int) -> None:
    numbers, ready = count(1), list[bytes]()
    while (question := pipe.recv()) is not None:
        what, target, amount = question
        if what == "prepare":
            ready += _requests(target, numbers, amount - len(ready))
            pipe.send(({}, [], 0.0))
        else:
            pipe.send(_round(target, ready, amount, connections))


def _requests(path: str, numbers: Iterator[int], amount: int) -> list[bytes]:
    made = []
    for _ in range(max(0, amount)):
        number = next(numbers)
        made.append(request(path, body(number, f"Q{number:013}")))
    return made


def _round(
    url: str, ready: list[bytes], seconds: float, connections: int
) -> tuple[dict[int, int], list[float], float]:
    statuses, latencies = dict[int, int](), list[float]()
    with selectors.DefaultSelector() as selector:
        sent: dict[socket.socket, float] = {}
        for _ in range(connections):
            connection = _connect(url)
            selector.register(connection, selectors.EVENT_READ)
            sent[connection] = _send(connection, ready)
        begun = time.perf_counter()
        until, partial = begun + seconds, dict[socket.socket, bytes]()
        while sent:
            for key, _ in selector.select(5):
                connection = key.fileobj  # type: ignore[assignment]
                answer = partial.pop(connection, b"") + connection.recv(65_536)
                if not _is_whole(answer):
                    partial[connection] = answer
                    if answer:
                        continue
                now = time.perf_counter()
                statuses[int(answer[9:12] or 0)] = statuses.get(int(answer[9:12] or 0), 0) + 1
                latencies.append(now - sent.pop(connection))
                if now < until and ready and answer:
                    sent[connection] = _send(connection, ready)
                else:
                    selector.unregister(connection)
                    connection.close()
        took = time.perf_counter() - begun
    return statuses, sorted(latencies), took


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 80))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _send(connection: socket.socket, ready: list[bytes]) -> float:
    now = time.perf_counter()
    connection.sendall(ready.pop())
    return now


def _is_whole(answer: bytes) -> bool:
    head, separator, rest = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    _, _, length = head.lower().partition(b"content-length: ")
    return len(rest) >= int(length.split(b"\r\n", 1)[0] or 0)
