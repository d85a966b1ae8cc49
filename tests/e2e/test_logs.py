"""One event followed through the log of a real bridge, and what reaches Sentry and a collector of traces."""

import gzip
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from tests.harness import ADMIN_TOKEN, DX_TOKEN, SECRETS, Bridge, Sandbox, running_sandbox, signed, wait_until

TITLE = "words-of-the-title"
STORED = "words-of-a-stored-state"
REQUEST_ID = "router-request-0001"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PRIVATE = [TITLE, STORED, ADMIN_TOKEN, DX_TOKEN, "v1=", *(secret for _, secret in SECRETS.values())]


class Listener:
    """A server that takes every POST, as Sentry or a collector; it knows what came where."""

    def __init__(self) -> None:
        took: list[tuple[str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                packed = self.headers.get("Content-Encoding") == "gzip"
                took.append((self.path, gzip.decompress(body) if packed else body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.took = took
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def at(self, path: str) -> bytes:
        """Return what came to a path, one after the other."""
        return b"\n".join(body for where, body in self.took if where == path)


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """A listener of this file's own."""
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()


def webhook(identifier: str, at: str = "2026-01-02T03:04:05Z") -> bytes:
    """Return an event about the one incident."""
    incident = {"id": "PINCIDENT1", "type": "incident", "status": "triggered", "title": TITLE}
    event = {"id": identifier, "event_type": "incident.triggered", "occurred_at": at}
    return orjson.dumps({"event": {**event, "data": {**incident, "created_at": "2026-01-02T03:04:05Z"}}})


def post(bridge: Bridge, identifier: str, **headers: str) -> requests.Response:
    """Post an authentic webhook."""
    body = webhook(identifier)
    given = {**signed("pagerduty", body), **headers}
    return requests.post(f"{bridge.url}/webhooks/pagerduty", data=body, headers=given, timeout=30)


def break_state(path: Path) -> None:
    """Spoil the incident's stored state, as a bug of another version might."""
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("UPDATE incidents SET state = ?", (json.dumps({STORED: STORED}),))
        connection.commit()


@pytest.fixture(scope="module")
def dx() -> Iterator[Sandbox]:
    """A sandbox for this file's bridges."""
    with running_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def answer_and_bridge(
    tmp_path_factory: pytest.TempPathFactory, listener: Listener, dx: Sandbox
) -> tuple[requests.Response, Bridge]:
    """The answer to a webhook, and the bridge after it was delivered, met a bug, and has ended."""
    settings = {
        "WEB_CONCURRENCY": "1",
        "SENTRY_DSN": f"http://0123456789abcdef@127.0.0.1:{listener.port}/1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{listener.port}",
        "OTEL_BSP_SCHEDULE_DELAY": "600000",  # so that only the end sends
    }
    bridge = Bridge(tmp_path_factory.mktemp("logs"), dx.url, **settings).start()
    try:
        bridge.wait_ready()
        answer = post(
            bridge, "01ABC", **{"X-Request-Id": REQUEST_ID, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        )
        wait_until(dx.incidents, what=f"delivery ({bridge.log()})")
        wait_until(bridge.is_settled)
        break_state(bridge.folder / "bridge.db")
        assert post(bridge, "01ABD").ok
        wait_until(lambda: '"01ABD"' in bridge.log() and "could not be folded" in bridge.log())
    finally:
        code = bridge.stop()
    assert code == 0
    return answer, bridge


@pytest.fixture(scope="module")
def lines(answer_and_bridge: tuple[requests.Response, Bridge]) -> list[dict[str, Any]]:
    """The log's lines."""
    _, bridge = answer_and_bridge
    return [json.loads(line) for line in (bridge.folder / "bridge.log").read_text().splitlines()]


def test_the_routers_id_comes_back(answer_and_bridge: tuple[requests.Response, Bridge]) -> None:
    """The answer carries the id that the router gave."""
    assert answer_and_bridge[0].headers["X-Request-Id"] == REQUEST_ID


def test_an_event_can_be_followed(lines: list[dict[str, Any]]) -> None:
    """Its id finds an event's receipt and fold, whose reference finds the call to DX."""
    received, folded = [line for line in lines if line.get("event_id") == "01ABC"]
    assert (received["event"], received["request_id"], received["status"]) == ("webhook", REQUEST_ID, 202)
    assert (folded["event"], folded["reference_id"]) == ("event folded", "PINCIDENT1")
    calls = [line for line in lines if line["event"] == "call to DX"]
    assert [(line["source"], line["reference_id"], line["meaning"]) for line in calls] == [
        ("pagerduty", "PINCIDENT1", "confirmed")
    ]


def test_a_webhooks_line_tells_its_time(lines: list[dict[str, Any]]) -> None:
    """One line a webhook, with the milliseconds it took."""
    took = [line["duration_ms"] for line in lines if line["event"] == "webhook"]
    assert len(took) == 2
    assert all(0 < each < 30_000 for each in took)


def test_the_lines_trace_is_the_callers(lines: list[dict[str, Any]]) -> None:
    """While traced, a webhook's line has the trace's id."""
    (received,) = [line for line in lines if line.get("request_id") == REQUEST_ID]
    assert received["trace_id"] == TRACE


@pytest.mark.parametrize("name", [b"POST /webhooks/<source>", b"store commit", b"fold", b"incidents.upsert"])
def test_the_end_sends_all_spans(
    answer_and_bridge: tuple[requests.Response, Bridge], listener: Listener, name: bytes
) -> None:
    """Web worker and pipeline send their spans, at the latest when they end."""
    assert name in listener.at("/v1/traces")


def test_a_calls_span_tells_its_answer(
    answer_and_bridge: tuple[requests.Response, Bridge], listener: Listener
) -> None:
    """The span of a call to DX has the incident's reference and what the answer means."""
    sent = listener.at("/v1/traces")
    assert b"PINCIDENT1" in sent
    assert b"confirmed" in sent


def test_a_bug_in_the_pipeline_reaches_sentry(
    answer_and_bridge: tuple[requests.Response, Bridge], listener: Listener
) -> None:
    """A bug that the pipeline survives is reported with its line and the incident's source."""
    sent = listener.at("/api/1/envelope/")
    assert b"incident could not be folded" in sent
    assert b'"source":"pagerduty"' in sent


@pytest.mark.parametrize("private", PRIVATE)
def test_nothing_private_leaves(
    answer_and_bridge: tuple[requests.Response, Bridge], listener: Listener, private: str
) -> None:
    """No secret, body, signature or stored state is in the log, in a trace or at Sentry."""
    _, bridge = answer_and_bridge
    assert private not in (bridge.folder / "bridge.log").read_text()
    assert all(private.encode() not in body for _, body in listener.took)


def test_a_collector_that_is_gone_does_not_hold_the_end(tmp_path: Path, dx: Sandbox) -> None:
    """With nobody at the collector's address, the bridge works and ends in time with exit code 0."""
    settings = {"WEB_CONCURRENCY": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    bridge = Bridge(tmp_path, dx.url, **settings).start().wait_ready()
    assert post(bridge, "01ABC").ok
    wait_until(bridge.is_settled)
    begun = time.monotonic()
    assert bridge.stop() == 0
    assert time.monotonic() - begun < 25
