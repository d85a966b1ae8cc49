"""Over a real server: bodies that do not arrive in time."""

import select
import time
from collections.abc import Iterator
from contextlib import ExitStack

import orjson

from tests.harness import Bridge, signed
from tests.http.web import pagerduty, stored
from tests.http.wire import Wire, chunked, head, whole

PATH = "/webhooks/pagerduty"
CHUNKED = head(PATH, {"Transfer-Encoding": "chunked"})
ANOTHER = b"GET /healthz HTTP/1.1\r\nHost: bridge\r\n\r\n"

DRIPS = {
    "a length": (head(PATH, {"Content-Length": "100000"}), b"x"),
    "silence": (head(PATH, {"Content-Length": "1"}), b""),
    "asking first": (head(PATH, {"Content-Length": "100000", "Expect": "100-continue"}), b"x"),
    "many chunks": (CHUNKED, b"1\r\nx\r\n"),
    "one chunk": (CHUNKED + b"ffff\r\n", b"x"),
    "a chunk's size": (CHUNKED, b"0"),
}


def drip(wires: dict[str, tuple[Wire, bytes]], begun: float) -> dict[str, float]:
    """Send a drop on each connection at every look until it is answered; return how long each took."""
    answered: dict[str, float] = {}
    while len(answered) < len(wires) and time.monotonic() < begun + 25:
        sockets = {wire.socket: name for name, (wire, _) in wires.items() if name not in answered}
        for ready in select.select(sockets, [], [], 0.05)[0]:
            answered[sockets[ready]] = time.monotonic() - begun
        for name in sockets.values():
            wires[name][0].send(wires[name][1])
    return answered


def unanswered(wire: Wire, pause: float = 0.0) -> Iterator[None]:
    """Go round until something can be read from the connection."""
    until = time.monotonic() + 20
    while not select.select([wire.socket], [], [], pause)[0]:
        assert time.monotonic() < until, "never answered"
        yield


def test_dripping_bodies(bridge: Bridge) -> None:
    """A body that drips is refused with 413 after about ten seconds, however it drips. Takes ten seconds."""
    begun = time.monotonic()
    with ExitStack() as stack:
        wires = {name: (stack.enter_context(Wire(bridge.port)), drop) for name, (_, drop) in DRIPS.items()}
        for name, (wire, _) in wires.items():
            wire.send(DRIPS[name][0])
        asking = wires["asking first"][0].answer()
        answered = drip(wires, begun)
        statuses = {name: wire.answer() for name, (wire, _) in wires.items()}
    assert asking
    assert asking.status == 100
    assert {name: answer and answer.status for name, answer in statuses.items()} == dict.fromkeys(DRIPS, 413)
    assert answered.keys() == DRIPS.keys()
    assert all(10 <= seconds < 20 for seconds in answered.values()), answered


def test_overdue_body_is_not_stored(brisk: Bridge) -> None:
    """An authentic body that arrives too late is refused with 413 and not stored."""
    body = orjson.dumps(pagerduty("late"))
    with Wire(brisk.port) as wire:
        wire.send(whole(PATH, signed("pagerduty", body), body)[:-1])
        answer = wire.answer()
        wire.send(body[-1:])
    assert answer
    assert answer.status == 413
    assert "late" not in {event.key for event in stored(brisk.folder / "bridge.db")}


def test_rest_of_an_overdue_body_is_no_request(brisk: Bridge) -> None:
    """What still arrives of an overdue body is never taken for a request, on any of several connections."""
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(brisk.port)) for _ in range(6)]
        for wire in wires:
            wire.send(head(PATH, {"Content-Length": "1000000"}))
        for _ in unanswered(wires[-1], 0.001):
            for wire in wires:
                wire.send(ANOTHER)
        for wire in wires * 50:
            wire.send(ANOTHER)
        statuses = [[answer.status for answer in wire.end().answers()] for wire in wires]
    assert statuses == [[413]] * 6


def test_overdue_trailers(brisk: Bridge) -> None:
    """A body whose trailers do not end in time is refused with 413."""
    body = orjson.dumps(pagerduty("trailers"))
    with Wire(brisk.port) as wire:
        wire.send(chunked(PATH, signed("pagerduty", body), body, end=b"0\r\nX-More: yes\r\n"))
        answer = wire.answer()
    assert answer
    assert answer.status == 413


def test_bodies_in_time_are_accepted_beside_overdue_ones(brisk: Bridge) -> None:
    """A body that is overdue takes no other one with it."""
    with Wire(brisk.port) as slow:
        slow.send(head(PATH, {"Content-Length": "10"}))
        for _ in unanswered(slow):
            body = orjson.dumps(pagerduty(f"beside-{time.monotonic_ns()}"))
            assert brisk.post("pagerduty", body).status_code == 202
        answer = slow.answer()
    assert answer
    assert answer.status == 413
