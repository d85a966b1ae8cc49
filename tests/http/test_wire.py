"""Over a real server: bodies as clients really send them, whole, in chunks, cut off and too large."""

from contextlib import ExitStack

import orjson
import pytest
import requests

from tests.harness import Bridge, signed
from tests.http.web import pagerduty, stored
from tests.http.wire import Wire, chunked, head, whole

MIB = 1024 * 1024
PATH = "/webhooks/pagerduty"


def authentic(key: str, size: int = 0) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an authentic event of its own, of `size` bytes or more."""
    body = orjson.dumps(pagerduty(key)).ljust(size)
    return signed("pagerduty", body), body


def keys(bridge: Bridge) -> set[str]:
    return {event.key for event in stored(bridge.folder / "bridge.db")}


def test_whole_body(bridge: Bridge) -> None:
    """A body with its length is accepted, and stored when the answer arrives."""
    with Wire(bridge.port) as wire:
        answer = wire.send(whole(PATH, *authentic("whole"))).answer()
    assert answer
    assert answer.status == 202
    assert "whole" in keys(bridge)


def test_chunked_body(bridge: Bridge) -> None:
    """A body in chunks is put together before its signature is looked at."""
    headers, body = authentic("chunked")
    with Wire(bridge.port) as wire:
        answer = wire.send(chunked(PATH, headers, body[:1], body[1:9], body[9:])).answer()
    assert answer
    assert answer.status == 202


def test_body_byte_by_byte(bridge: Bridge) -> None:
    """A body that arrives in many small pieces, but in time, is accepted."""
    headers, body = authentic("bytes")
    with Wire(bridge.port) as wire:
        for byte in whole(PATH, headers, body):
            wire.send(bytes([byte]))
        answer = wire.answer()
    assert answer
    assert answer.status == 202


def test_body_after_100_continue(bridge: Bridge) -> None:
    """A client that asks first is told to go on, and its body is accepted."""
    headers, body = authentic("continue")
    asking = {**headers, "Expect": "100-continue", "Content-Length": str(len(body))}
    with Wire(bridge.port) as wire:
        first = wire.send(head(PATH, asking)).answer()
        second = wire.send(body).answer()
    assert first
    assert second
    assert (first.status, second.status) == (100, 202)


@pytest.mark.parametrize(
    "cut",
    [
        lambda headers, body: whole(PATH, headers, body + b"    ")[:-4],
        lambda headers, body: whole(PATH, headers, body)[: -len(body)],
        pytest.param(lambda headers, body: chunked(PATH, headers, body, end=b"")),
        pytest.param(lambda headers, body: chunked(PATH, headers, body, end=b"0\r\n")),
    ],
    ids=["length", "nothing", "chunks", "last chunk"],
)
def test_body_cut_off(bridge: Bridge, cut: object) -> None:
    """A body whose sender stops before its end is refused with 413, and nothing is stored."""
    headers, body = authentic("cut-off")
    with Wire(bridge.port) as wire:
        answer = wire.send(cut(headers, body)).end().answer()
    assert answer
    assert (answer.status, "cut-off" in keys(bridge)) == (413, False)


def test_sender_that_vanishes(bridge: Bridge) -> None:
    """A sender that is gone before its body's end leaves nothing behind, and the bridge goes on."""
    headers, body = authentic("vanished")
    with Wire(bridge.port) as wire:
        wire.send(whole(PATH, headers, body)[:-1])
    assert bridge.post("pagerduty", orjson.dumps(pagerduty("after-it"))).status_code == 202
    assert "vanished" not in keys(bridge)


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n",
        b"5\r\nhelloXX",
        b"-1\r\n",
        b"5;\r\nhello\r\n0\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n\n\n",
    ],
)
def test_chunks_that_make_no_sense(bridge: Bridge, chunks: bytes) -> None:
    """Chunks that break the rules are refused as the sender's fault: a 4xx in JSON, and never a 500."""
    with Wire(bridge.port) as wire:
        wire.send(head(PATH, {"Transfer-Encoding": "chunked"}) + chunks)
        answer = wire.answer()
    assert answer
    assert 400 <= answer.status < 500
    assert answer.error


@pytest.mark.parametrize("declared", [True, False], ids=["with length", "chunked"])
def test_body_over_the_limit(bridge: Bridge, declared: bool) -> None:
    """A body over 1 MiB is refused with 413, whether or not it tells its length."""
    headers, body = authentic("large", 2 * MIB)
    data = body if declared else iter([body[:MIB], body[MIB:]])
    response = requests.post(f"{bridge.url}{PATH}", data=data, headers=headers, timeout=20)
    assert (response.status_code, response.json()["error"]) == (413, "too_large")
    assert "large" not in keys(bridge)


def test_declared_length_is_enough(bridge: Bridge) -> None:
    """A body that declares too much is refused before it is sent."""
    with Wire(bridge.port) as wire:
        answer = wire.send(head(PATH, {"Content-Length": str(MIB + 1)})).answer()
    assert answer
    assert (answer.status, answer.error) == (413, "too_large")


def test_largest_body(bridge: Bridge) -> None:
    """A body of exactly 1 MiB is accepted over the wire, too."""
    headers, body = authentic("largest", MIB)
    response = requests.post(f"{bridge.url}{PATH}", data=body, headers=headers, timeout=20)
    assert response.status_code == 202


def test_slow_bodies_do_not_keep_others_waiting(bridge: Bridge) -> None:
    """While some bodies are still under way, other requests are served."""
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(bridge.port)) for _ in range(6)]
        for number, wire in enumerate(wires):
            wire.send(whole(PATH, *authentic(f"slow-{number}"))[:-1])
        assert requests.get(f"{bridge.url}/readyz", timeout=5).status_code == 200
        assert bridge.post("pagerduty", orjson.dumps(pagerduty("meanwhile"))).status_code == 202
        answers = [wire.send(b"}").answer() for wire in wires]
    assert [answer and answer.status for answer in answers] == [202] * 6


def test_http_1_0(bridge: Bridge) -> None:
    """A client of HTTP/1.0 gets its answer, and the connection is closed behind it."""
    headers, body = authentic("ancient")
    with Wire(bridge.port) as wire:
        answers = wire.send(whole(PATH, headers, body).replace(b"HTTP/1.1", b"HTTP/1.0")).answers()
    assert [answer.status for answer in answers] == [202]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (PATH, {"X-PagerDuty-Signature": "v1=" + "a" * 9000}, 431),
        (PATH, {f"X-{number}": "a" for number in range(200)}, 431),
        (f"{PATH}?{'a' * 9000}", {}, 414),
        (PATH, {"Content-Length": "-1"}, 400),
        (PATH, {"Content-Length": "1", "Transfer-Encoding": "chunked"}, 400),
        (PATH, {"Expect": "the impossible"}, 417),
    ],
)
def test_server_refuses_in_json(bridge: Bridge, path: str, headers: dict[str, str], status: int) -> None:
    """What the server refuses before the application sees it has the one shape of errors, too."""
    with Wire(bridge.port) as wire:
        answer = wire.send(head(path, headers)).answer()
    assert answer
    assert answer.status == status
    assert answer.error


def test_script_name_as_a_header(bridge: Bridge) -> None:
    """A header that names another mount point gets no 500."""
    with Wire(bridge.port) as wire:
        answer = wire.send(head("/healthz", {"SCRIPT_NAME": "/elsewhere"}, "GET")).answer()
    assert answer
    assert answer.status < 500
