"""POST /webhooks/<source>: what is accepted, what counts as held already, and what is kept."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from app.clock import Clock
from app.verify import sign_v1
from tests.harness import SECRETS
from tests.http.web import Site, opsgenie, pagerduty

TOKEN = SECRETS["opsgenie"][1]


def test_new_event_is_accepted(site: Site) -> None:
    """An event that is not held yet is answered 202 with its id."""
    response = site.post("pagerduty", pagerduty("01ABC"))
    assert (response.status_code, response.get_json()) == (202, {"status": "accepted", "event_id": "01ABC"})


def test_held_event_is_a_duplicate(site: Site) -> None:
    """An event that is held already is answered 200 with the same id."""
    first = site.post("opsgenie", opsgenie()).get_json()
    second = site.post("opsgenie", opsgenie())
    duplicate = {"status": "duplicate", "event_id": first["event_id"]}
    assert (second.status_code, second.get_json()) == (200, duplicate)


@pytest.mark.parametrize("source", ["pagerduty", "opsgenie", "jsm"])
def test_every_source_has_its_route(site: Site, source: str) -> None:
    """Every vendor's events are accepted at the route of its name."""
    body = pagerduty("01ABC") if source == "pagerduty" else opsgenie()
    assert site.post(source, body).status_code == 202
    assert [event.source for event in site.stored()] == [source]


def test_committed_before_the_answer(site: Site) -> None:
    """What is answered 202 is already visible to another connection, byte for byte."""
    raw = b'{ "event": {"id": "01ABC",\n "data": {"type":"incident"}} }'
    assert site.post("pagerduty", raw).status_code == 202
    assert [(event.key, event.body) for event in site.stored()] == [("01ABC", raw)]


def test_time_of_receipt_is_kept(build: Callable[..., Site], database: object) -> None:
    """The time of receipt is the wall clock's, in nanoseconds."""
    site = build(Clock(wall=lambda: 1_767_323_045_678_901_234))
    site.post("pagerduty", pagerduty("01ABC"))
    assert [event.received_at for event in site.stored()] == [1_767_323_045_678_901_234]


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("pagerduty", {"event": {"id": "1", "event_type": "pagey.ping", "data": {"type": "ping"}}}),
        ("pagerduty", {"event": {"id": "1", "event_type": "service.created", "data": {"type": "service"}}}),
        (
            "pagerduty",
            {"event": {"id": "1", "event_type": "incident.triggered", "data": {"type": "incident"}}},
        ),
        ("pagerduty", {"event": {"id": "1", "event_type": "from.the.future", "data": None}}),
        ("pagerduty", {"messages": [{"event": "incident.trigger"}]}),
        ("pagerduty", {"event": "not an object"}),
        ("pagerduty", {"hello": "world"}),
        ("pagerduty", {}),
        ("opsgenie", {"action": "Escalate", "alert": {"alertId": "alert-1"}}),
        ("opsgenie", {"action": "FromTheFuture", "alert": {}}),
        ("opsgenie", {"alert": [1, 2, 3]}),
        ("jsm", {}),
    ],
)
def test_useless_events_are_accepted_and_kept(site: Site, source: str, body: dict) -> None:
    """Authentic events that are irrelevant, unknown or unmappable are accepted and kept like any other."""
    assert site.post(source, body).status_code == 202
    assert [orjson.loads(event.body) for event in site.stored()] == [body]


@pytest.mark.parametrize(
    "kind", [None, "application/json", "application/json; charset=utf-8", "text/plain", "application/x-odd"]
)
def test_content_type_is_not_needed(site: Site, kind: str | None) -> None:
    """A body that is JSON is accepted under any type but a form's."""
    headers = {} if kind is None else {"Content-Type": kind}
    raw = orjson.dumps(opsgenie())
    response = site.client.post("/webhooks/opsgenie", data=raw, headers={"X-Webhook-Token": TOKEN, **headers})
    assert response.status_code == 202


def test_any_secret_of_a_list_matches(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], database: object
) -> None:
    """With several secrets configured, a signature by any one of them is authentic."""
    secrets = ["first-secret-0123456789", "second-secret-0123456789"]
    environment.setenv("PAGERDUTY_WEBHOOK_SECRETS", ",".join(secrets))
    site = build()
    for number, secret in enumerate(secrets):
        raw = orjson.dumps(pagerduty(f"E{number}"))
        headers = sign_v1(raw, secret.encode())
        assert site.client.post("/webhooks/pagerduty", data=raw, headers=headers).status_code == 202


def test_any_signature_of_a_request_matches(site: Site) -> None:
    """During a rotation PagerDuty signs with several secrets; one known one is enough."""
    raw = orjson.dumps(pagerduty("01ABC"))
    signature = sign_v1(raw, SECRETS["pagerduty"][1].encode())["X-PagerDuty-Signature"]
    response = site.post("pagerduty", raw, X_PagerDuty_Signature=f"v1={'0' * 64},{signature}")
    assert response.status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Webhook-Token": TOKEN},
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer {TOKEN}"},
        {"Authorization": f"Basic {base64.b64encode(f'anybody:{TOKEN}'.encode()).decode()}"},
        {"Authorization": f"Basic {base64.b64encode(f':{TOKEN}'.encode()).decode()}"},
    ],
)
def test_token_travels_in_three_ways(site: Site, headers: dict[str, str]) -> None:
    """Opsgenie's token is taken as a header of its own, as a bearer and as basic auth's password."""
    assert site.client.post("/webhooks/opsgenie", json=opsgenie(), headers=headers).status_code == 202


def test_one_of_simultaneous_deliveries_is_accepted(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], database: object
) -> None:
    """The same event arriving many times at once is accepted once and stored once."""
    environment.setattr("app.store.engine._BUSY_MS", 10_000)
    site = build()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: site.post("pagerduty", pagerduty("01ABC")).status_code, range(24)))
    assert sorted(answers) == [200] * 23 + [202]
    assert len(site.stored()) == 1
