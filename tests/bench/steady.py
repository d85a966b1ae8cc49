"""Load at a steady rate, whatever the answers take, from a process of its own."""

import selectors
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection

from tests.bench.bodies import body, lifecycles, request
from tests.bench.companion import Companion
from tests.bench.wire import Link, open_links

_CONNECTIONS = 8
_PATIENCE_SECONDS = 30.0
_PATH = "/webhooks/pagerduty"


@dataclass(slots=True)
class Sent:
    """When each event went out, by its incident's id (the system's steady clock, in seconds), and what came back."""

    at: dict[str, float] = field(default_factory=dict)
    accepted: int = 0
    refused: int = 0


class Steady(Companion):
    """Sends events at a rate: each a new incident, or with `steps` whole lifecycles."""

    def __init__(self) -> None:
        super().__init__(_serve)

    def start(self, url: str, rate: float, seconds: float, *, steps: bool = False) -> None:
        """Begin to send for so long; `result` waits for the end."""
        self.begin(url, rate, seconds, steps)

    def result(self, patience: float) -> Sent:
        """Return what was sent; raise RuntimeError where nothing was accepted."""
        sent: Sent = self.answer(patience + 2 * _PATIENCE_SECONDS)
        if not sent.accepted:
            raise RuntimeError(f"nothing was accepted ({sent.refused} refused or unanswered)")
        return sent


def _serve(pipe: Connection) -> None:
    single, whole = _single(), _whole()
    while (question := pipe.recv()) is not None:
        url, rate, seconds, steps = question
        pipe.send(_run(url, rate, seconds, whole if steps else single))


def _single() -> Iterator[tuple[str, bytes]]:
    for number in count(1):
        yield f"S{number:013}", body(number, f"S{number:013}")


def _whole() -> Iterator[tuple[str, bytes]]:
    for first in count(1_000_001, 4):
        for raw in lifecycles(first, 1, "L"):
            yield "", raw


def _run(url: str, rate: float, seconds: float, events: Iterator[tuple[str, bytes]]) -> Sent:
    number, total = 0, int(rate * seconds)
    with selectors.DefaultSelector() as selector:
        traffic, begun = _Traffic(url, selector), time.monotonic()
        until = begun + seconds + _PATIENCE_SECONDS
        while (number < total or traffic.busy) and time.monotonic() < until:
            wait = begun + number / rate - time.monotonic() if number < total and traffic.idle else 1.0
            if wait <= 0:
                traffic.send(*next(events))
                number += 1
            else:
                traffic.receive(min(1.0, wait))
        return traffic.end()


class _Traffic:
    """Some connections, used in turn so that none is idle for long."""

    def __init__(self, url: str, selector: selectors.BaseSelector) -> None:
        self._url, self._selector, self._sent = url, selector, Sent()
        self.idle, self.busy = deque(open_links(url, _CONNECTIONS, selector)), set[Link]()

    def send(self, incident: str, raw: bytes) -> None:
        """Send an event over the connection that has been idle for longest."""
        link, whole = self.idle.popleft(), request(_PATH, raw)
        self.busy.add(link)
        if incident:
            self._sent.at[incident] = time.monotonic()
        link.send(whole)

    def receive(self, within: float) -> None:
        """Wait for answers so many seconds."""
        for key, _ in self._selector.select(within):
            link: Link = key.data
            if (status := link.receive()) is not None:
                self._take(link, status)

    def end(self) -> Sent:
        """Close all; return what was sent."""
        self._sent.refused += len(self.busy)
        for link in (*self.idle, *self.busy):
            link.close(self._selector)
        return self._sent

    def _take(self, link: Link, status: int) -> None:
        if link in self.busy:
            self.busy.remove(link)
            self._sent.accepted += status // 100 == 2
            self._sent.refused += status // 100 != 2
        else:
            self.idle.remove(link)
        if status:
            self.idle.append(link)
            return
        link.close(self._selector)
        with suppress(OSError):
            self.idle.extend(open_links(self._url, 1, self._selector))
