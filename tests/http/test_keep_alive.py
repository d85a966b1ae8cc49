"""Over a real server: after a refusal the connection goes on with the next request, or is closed."""

from collections.abc import Callable

import orjson
import pytest

from tests.harness import Bridge, signed
from tests.http.web import pagerduty
from tests.http.wire import Wire, chunked, whole

PAGERDUTY = "/webhooks/pagerduty"
ANOTHER = b"GET /smuggled HTTP/1.1\r\nHost: bridge\r\n\r\n"
"""A body that would be a request, were it taken for one."""
AUTHENTIC = signed("pagerduty", ANOTHER * 3)

REFUSED = {
    "404": ("/webhooks/nosuch", {}),
    "404 route": ("/nope", {}),
    "405": ("/healthz", {}),
    "503 no secret": ("/webhooks/jsm", {}),
    "401": (PAGERDUTY, {}),
    "415": (PAGERDUTY, {**AUTHENTIC, "Content-Type": "application/x-www-form-urlencoded"}),
    "400": (PAGERDUTY, AUTHENTIC),
}


@pytest.mark.parametrize("coded", [whole, chunked])
@pytest.mark.parametrize("case", REFUSED)
def test_next_request_after_a_refusal(bridge: Bridge, coded: Callable[..., bytes], case: str) -> None:
    """A refused request's body is never taken for a request, whether it was read or not."""
    path, headers = REFUSED[case]
    with Wire(bridge.port) as wire:
        refused = wire.send(coded(path, headers, ANOTHER * 3)).answer()
        following = wire.send(whole("/healthz", {}, b"", "GET")).answer()
    assert refused
    assert str(refused.status) == case[:3]
    assert following is None or following.status == 200


@pytest.mark.parametrize("coded", [whole, chunked])
@pytest.mark.parametrize("path", ["/webhooks/nosuch", PAGERDUTY, "/healthz"])
def test_next_request_after_a_large_refusal(bridge: Bridge, coded: Callable[..., bytes], path: str) -> None:
    """A body too large to be passed over is never taken for requests either."""
    with Wire(bridge.port) as wire:
        wire.send(coded(path, {}, ANOTHER * 40_000))
        answers = wire.end().answers()
    assert [answer.status for answer in answers if answer.status not in (404, 405, 413)] == []
    assert len(answers) == 1


def test_next_request_after_an_accepted_one(bridge: Bridge) -> None:
    """Several events travel over one connection."""
    with Wire(bridge.port) as wire:
        for number in range(3):
            body = orjson.dumps(pagerduty(f"kept-alive-{number}"))
            answer = wire.send(whole(PAGERDUTY, signed("pagerduty", body), body)).answer()
            assert answer
            assert answer.status == 202


def test_pipelined_requests(bridge: Bridge) -> None:
    """Requests that do not wait for each other's answers are answered in their order."""
    body = orjson.dumps(pagerduty("pipelined"))
    event = whole(PAGERDUTY, signed("pagerduty", body), body)
    with Wire(bridge.port) as wire:
        wire.send(event + whole("/webhooks/nosuch", {}, ANOTHER) + event + whole("/nope", {}, b"", "GET"))
        answers = [wire.answer() for _ in range(4)]
    assert [answer and answer.status for answer in answers] == [202, 404, 200, 404]


def test_head_leaves_no_body(bridge: Bridge) -> None:
    """A refused HEAD has no body that the next answer could be mistaken for."""
    with Wire(bridge.port) as wire:
        wire.send(whole(PAGERDUTY, {}, b"", "HEAD") + whole("/healthz", {}, b"", "GET"))
        status_lines = wire.end().received().count(b"HTTP/1.1 ")
    assert status_lines == 2
