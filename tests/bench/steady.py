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
    sent, number, total = Sent(), 0, int(rate * seconds)
    with selectors.DefaultSelector() as selector:
        idle, busy = deque(open_links(url, _CONNECTIONS, selector)), set[Link]()
        begun = time.monotonic()
        until = begun + seconds + _PATIENCE_SECONDS
        while (number < total or busy) and time.monotonic() < until:
            wait = begun + number / rate - time.monotonic()
            if number < total and wait <= 0 and idle:
                link = idle.popleft()
                _send(link, sent, *next(events))
                busy.add(link)
                number += 1
                continue
            for key, _ in selector.select(min(1.0, max(0.0, wait)) if number < total and idle else 1.0):
                _receive(key.data, url, selector, sent, idle, busy)
        sent.refused += len(busy)
        for link in [*idle, *busy]:
            link.close(selector)
    return sent


def _send(link: Link, sent: Sent, incident: str, raw: bytes) -> None:
    whole = request(_PATH, raw)
    if incident:
        sent.at[incident] = time.monotonic()
    link.send(whole)


def _receive(
    link: Link, url: str, selector: selectors.BaseSelector, sent: Sent, idle: deque[Link], busy: set[Link]
) -> None:
    if (status := link.receive()) is None:
        return
    if link in busy:
        busy.discard(link)
        sent.accepted += status // 100 == 2
        sent.refused += status // 100 != 2
    else:
        idle.remove(link)
    if status == 0:
        link.close(selector)
        with suppress(OSError):
            (link,) = open_links(url, 1, selector)
    if status or link.socket.fileno() >= 0:
        idle.append(link)
