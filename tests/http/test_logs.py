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
from structlog.contextvars import bind_contextvars, get_contextvars

from tests.harness import ADMIN_TOKEN, DX_TOKEN, SECRETS, Bridge, signed
from tests.http.conftest import METRICS_TOKEN, NOWHERE
from tests.http.web import Site, opsgenie, pagerduty
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
IN_A_QUERY = "token-in-a-query-0123456789"
IN_A_PATH = "Token0123456789InAPath"
FROM_THE_ROUTER = "router-request-0123456789"


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
    for path in (f"/webhooks/pagerduty/{IN_A_PATH}", f"/{IN_A_PATH}", f"/webhooks/{IN_A_PATH}"):
        requests.post(f"{bridge.url}{path}?token={IN_A_QUERY}", timeout=10)
    requests.get(f"{bridge.url}/nope", headers={"X-Request-Id": FROM_THE_ROUTER}, timeout=10)
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
    """An accepted event leaves one line with its source, its id, what became of it, and the answer's status."""
    lines = [json.loads(line) for line in log.splitlines() if '"01ABC"' in line]
    told = [(line["level"], line["source"], line["outcome"], line["status"]) for line in lines]
    assert told == [("info", "pagerduty", "accepted", 202), ("info", "pagerduty", "duplicate", 200)]


def test_failures_are_logged(log: str) -> None:
    """An event that could not be stored leaves a line of level error with the reason, and its request's own."""
    lines = [json.loads(line) for line in log.splitlines() if UNSTORED in line]
    told = [(line["level"], line["event"], line["source"]) for line in lines]
    assert told == [("error", "event not stored", "pagerduty"), ("warning", "webhook", "pagerduty")]
    assert lines[0]["request_id"] == lines[1]["request_id"]


def test_refused_webhooks_are_logged(log: str) -> None:
    """Each refused webhook leaves one line of level warning with its status and the code that it was answered."""
    lines = [json.loads(line) for line in log.splitlines()]
    refused = [line for line in lines if line["event"] == "webhook" and line["status"] >= 400]
    told = {(line["level"], line.get("source"), line["status"], line["outcome"]) for line in refused}
    assert told == {
        ("warning", "pagerduty", 401, "not_authentic"),
        ("warning", "opsgenie", 401, "not_authentic"),
        ("warning", None, 404, "unknown_source"),
        ("warning", "pagerduty", 415, "unsupported_type"),
        ("warning", "pagerduty", 400, "not_json"),
        ("warning", "pagerduty", 413, "too_slow"),
        ("warning", "pagerduty", 503, "no_commit"),
    }


def test_each_request_has_an_id_of_its_own(log: str) -> None:
    """No request's id, source or event leaks to the next request of the same thread."""
    lines = [json.loads(line) for line in log.splitlines()]
    ended = [line for line in lines if line["event"] in ("webhook", "request")]
    assert len({line["request_id"] for line in ended}) == len(ended) > 30
    assert not [
        line for line in ended if line["event"] == "request" and ("source" in line or "event_id" in line)
    ]


def test_the_routers_id_is_taken(log: str) -> None:
    """The id that a router gave is in the line of its request."""
    (line,) = [json.loads(line) for line in log.splitlines() if FROM_THE_ROUTER in line]
    assert (line["event"], line["path"], line["status"]) == ("request", "/nope", 404)


def test_a_path_is_told_without_what_may_be_a_token(log: str) -> None:
    """A vendor that posts to the wrong address shows, and what may be a token there does not."""
    lines = [json.loads(line) for line in log.splitlines()]
    posted = [line["path"] for line in lines if line["event"] == "request" and line["method"] == "POST"]
    assert posted == ["/webhooks/pagerduty/…", "/…"]


@pytest.mark.parametrize(
    "secret",
    [*(secret for _, secret in SECRETS.values()), ADMIN_TOKEN, METRICS_TOKEN, DX_TOKEN, ECHOED],
)
def test_no_secret(log: str, secret: str) -> None:
    """No secret that the bridge knows, or that a vendor echoes, is in the log."""
    assert secret not in log


@pytest.mark.parametrize("given", [GUESSED, BASIC, COOKIE, IN_A_QUERY, IN_A_PATH])
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


def test_a_known_route_is_told_as_such(log: str) -> None:
    """A request to a route that exists shows the route."""
    lines = [json.loads(line) for line in log.splitlines()]
    paths = {line["path"] for line in lines if line["event"] == "request"}
    assert {"/api/v1/stats", "/metrics", "/readyz"} <= paths


@pytest.mark.parametrize("given", [FROM_THE_ROUTER, "a" * 128, "0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_a_sane_id_comes_back(site: Site, given: str) -> None:
    """An id of usual characters and length is answered as it came."""
    assert site.client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 129, "with space 0123", 'quote"0123456', "ümlaut-0123456", None]
)
def test_another_id_is_replaced(site: Site, given: str | None) -> None:
    """Any other is replaced by a new one, which is answered."""
    headers = {} if given is None else {"X-Request-Id": given}
    assert re.fullmatch("[0-9a-f]{32}", site.client.get("/healthz", headers=headers).headers["X-Request-Id"])


def test_what_a_thread_had_before_is_gone(site: Site) -> None:
    """A request begins without what was bound in its thread, and leaves nothing of its own behind."""
    bind_contextvars(event_id="of-another", left="over")
    seen: list[dict] = []
    site.app.before_request(lambda: seen.append(get_contextvars()))
    assert site.post("pagerduty", pagerduty("01ABC")).status_code == 202
    assert [set(each) for each in seen] == [{"request_id"}]
    assert get_contextvars() == {}


def test_errors_have_an_id(site: Site) -> None:
    """A refusal carries its id, too, for whoever asks about it."""
    assert "X-Request-Id" in site.client.post("/webhooks/pagerduty", data=b"{}").headers
    assert "X-Request-Id" in site.client.get("/nope").headers
