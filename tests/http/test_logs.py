"""The log of a bridge that has met everything: no secret, no signature and no body in any line."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest
import requests

from tests.harness import ADMIN_TOKEN, DX_TOKEN, SECRETS, Bridge, signed
from tests.http.conftest import METRICS_TOKEN, NOWHERE
from tests.http.web import opsgenie, pagerduty
from tests.http.wire import Wire, chunked, head

IN_BODY = "words-of-the-body"
IN_REFUSED_BODY = "words-of-a-refused-body"
IN_UNSTORED_BODY = "words-of-an-unstored-body"
UNSTORED = "01UNSTORED"
IN_BROKEN_CHUNK = "words-of-a-broken-chunk"
ECHOED = "echoed-secret-0123456789"
GUESSED = "guessed-token-0123456789"
BASIC = "cGVyc29uOnBhc3N3b3Jk"
COOKIE = "session-of-somebody"


def meet_everything(bridge: Bridge) -> None:
    """Send what is accepted and what is refused for every reason, ask every route, and break the database."""
    url = f"{bridge.url}/webhooks"
    for number in range(2):
        assert bridge.post("pagerduty", orjson.dumps(pagerduty("01ABC", title=IN_BODY))).ok
        echoing = opsgenie(headers={"X-Token": ECHOED}, note=f"{IN_BODY} {number}")
        assert bridge.post("opsgenie", orjson.dumps(echoing)).ok
    refused = orjson.dumps(pagerduty("01ABD", title=IN_REFUSED_BODY))
    signatures = {"X-PagerDuty-Signature": f"v1={'ab' * 32}", "Cookie": COOKIE}
    for headers in (
        signatures,
        {"Authorization": f"Bearer {GUESSED}", "X-Webhook-Token": GUESSED},
        {"Authorization": f"Basic {BASIC}"},
        {**signed("pagerduty", refused), "Content-Type": "multipart/form-data"},
    ):
        for source in ("pagerduty", "opsgenie", "nosuch"):
            requests.post(f"{url}/{source}", data=refused, headers=headers, timeout=10)
    broken = IN_REFUSED_BODY.encode() + b"{"
    assert (
        requests.post(
            f"{url}/pagerduty", data=broken, headers=signed("pagerduty", broken), timeout=10
        ).status_code
        == 400
    )
    for token in (METRICS_TOKEN, ADMIN_TOKEN, GUESSED):
        for path in ("/metrics", "/api/v1/stats", "/readyz", "/nope"):
            requests.get(f"{bridge.url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    with Wire(bridge.port) as wire:
        wire.send(
            chunked("/webhooks/pagerduty", signatures, b"{", end=f"{IN_BROKEN_CHUNK}\r\n".encode())
        ).answer()
    break_database(bridge.folder / "bridge.db")
    unstored = orjson.dumps(pagerduty(UNSTORED, title=IN_UNSTORED_BODY))
    assert bridge.post("pagerduty", unstored).status_code == 503
    assert requests.get(f"{bridge.url}/metrics", timeout=10).status_code in (401, 503)


def break_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE events RENAME TO lost")


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """A bridge that has met everything and has ended."""
    settings = {"METRICS_TOKEN": METRICS_TOKEN, "LOG_LEVEL": "DEBUG", "WEB_CONCURRENCY": "1"}
    bridge = Bridge(tmp_path_factory.mktemp("logs"), NOWHERE, **settings)
    bridge.start("--web-only")
    try:
        meet_everything(bridge.wait_ready())
    finally:
        bridge.stop()
    return bridge


@pytest.fixture(scope="module")
def log(met: Bridge) -> str:
    """The whole log."""
    return (met.folder / "bridge.log").read_text()


def test_events_are_logged(log: str) -> None:
    """An accepted event leaves one line with its source, its id and what became of it."""
    lines = [json.loads(line) for line in log.splitlines() if '"01ABC"' in line]
    told = [(line["source"], line["event_id"], line["status"]) for line in lines]
    assert told == [("pagerduty", "01ABC", "accepted"), ("pagerduty", "01ABC", "duplicate")]


def test_failures_are_logged(log: str) -> None:
    """An event that could not be stored leaves a line of level error with its source and id."""
    lines = [json.loads(line) for line in log.splitlines() if UNSTORED in line]
    told = [(line["level"], line["source"], line["event_id"]) for line in lines]
    assert told == [("error", "pagerduty", UNSTORED)]


@pytest.mark.parametrize(
    "secret",
    [*(secret for _, secret in SECRETS.values()), ADMIN_TOKEN, METRICS_TOKEN, DX_TOKEN, ECHOED],
)
def test_no_secret(log: str, secret: str) -> None:
    """No secret that the bridge knows, or that a vendor echoes, is in the log."""
    assert secret not in log


@pytest.mark.parametrize("given", [GUESSED, BASIC, COOKIE])
def test_no_credentials_of_strangers(log: str, given: str) -> None:
    """What strangers send as credentials is not in the log: it may be a secret of another place."""
    assert given not in log


def test_no_signature(log: str) -> None:
    """No signature, right or wrong, is in the log: nothing like one follows `v1=`."""
    assert "ab" * 32 not in log
    assert not re.search(r"v1=[0-9a-f]{8}", log)


@pytest.mark.parametrize("words", [IN_BODY, IN_REFUSED_BODY, IN_UNSTORED_BODY])
def test_no_body(log: str, words: str) -> None:
    """No body, accepted, refused or lost to a failing database, is in the log, not even in hexadecimal."""
    assert words not in log
    assert words.encode().hex() not in log


def test_no_body_when_chunks_make_no_sense(log: str) -> None:
    """A broken chunk is not in the log."""
    assert IN_BROKEN_CHUNK not in log


def test_no_header_line_that_makes_no_sense(bridge: Bridge) -> None:
    """A broken header line is not in the log: it may hold a token."""
    line = head("/healthz", {}, "GET").replace(
        b"Host: bridge", b"Host: bridge\r\nX-Webhook-Token tok-in-a-line"
    )
    with Wire(bridge.port) as wire:
        wire.send(line).answer()
    assert "tok-in-a-line" not in (bridge.folder / "bridge.log").read_text()


def test_every_line_is_json(log: str) -> None:
    """Every line of the log is a JSON object."""
    assert [line for line in log.splitlines() if not line.startswith("{")] == []
    assert all(isinstance(json.loads(line), dict) for line in log.splitlines())
