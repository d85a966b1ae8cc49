"""Load as fast as answers come: distinct signed bodies over keep-alive connections, from a process of its own."""

import selectors
import time
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection

from tests.bench import figures
from tests.bench.bodies import body, request
from tests.bench.companion import Companion
from tests.bench.wire import Link, open_links

_PATIENCE_SECONDS = 30.0
"""How long to wait for the last answers of a round."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one round gave: answers by status (0: none), latencies in seconds (ascending), and how long it took."""

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
        return figures.quantile(self.latencies, share)


class Generator(Companion):
    """Makes load when told to; bodies are never repeated."""

    def __init__(self, connections: int = 32) -> None:
        super().__init__(_serve, connections)

    def prepare(self, path: str, number: int) -> None:
        """Have so many requests ready: building them is no part of a round."""
        self.ask("prepare", path, number)

    def run(self, url: str, seconds: float) -> Result:
        """Send for so long; raise RuntimeError where nothing was accepted."""
        result = Result(*self.ask("run", url, seconds, patience=seconds + 2 * _PATIENCE_SECONDS))
        if not result.accepted:
            raise RuntimeError(f"nothing was accepted at {url}: answers by status {result.statuses}")
        return result


def _serve(pipe: Connection, connections: int) -> None:
    numbers, ready = count(1), list[bytes]()
    while (question := pipe.recv()) is not None:
        what, target, amount = question
        if what == "prepare":
            made = (request(target, body(number, f"Q{number:013}")) for number in numbers)
            ready.extend(next(made) for _ in range(max(0, amount - len(ready))))
            pipe.send(None)
        else:
            pipe.send(_round(target, ready, amount, connections))


def _round(url: str, ready: list[bytes], seconds: float, connections: int) -> tuple[object, ...]:
    statuses, latencies = dict[int, int](), list[float]()
    with selectors.DefaultSelector() as selector:
        links = open_links(url, min(connections, len(ready)), selector)
        begun = time.perf_counter()
        until = begun + seconds
        sent = {link.socket: _send(link, ready) for link in links}
        while sent and time.perf_counter() < until + _PATIENCE_SECONDS:
            for key, _ in selector.select(1):
                link: Link = key.data
                if (status := link.receive()) is None:
                    continue
                now = time.perf_counter()
                statuses[status] = statuses.get(status, 0) + 1
                latencies.append(now - sent.pop(link.socket))
                if now < until and ready and status:
                    sent[link.socket] = _send(link, ready)
                else:
                    link.close(selector)
        statuses |= {0: statuses.get(0, 0) + len(sent)} if sent else {}
        took = time.perf_counter() - begun
        for connection in sent:
            connection.close()
    return statuses, sorted(latencies), took


def _send(link: Link, ready: list[bytes]) -> float:
    now = time.perf_counter()
    link.send(ready.pop())
    return now
