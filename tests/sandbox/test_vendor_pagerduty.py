"""PagerDuty's stand-in: pages, ranges of time, limits, log entries and subscriptions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.sandbox import create_sandbox
from app.sandbox.vendors.vendor import Vendor
from tests.sandbox.shared import TOKEN

KEY = {"Authorization": "Token token=sandbox-vendor-token-0123"}
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


class Clock:
    """Seconds by hand, for the limiter."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(clock: Clock) -> Any:
    return create_sandbox(TOKEN, clock=clock, wall=NOW.timestamp)


@pytest.fixture
def client(app: Any) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def vendor(app: Any) -> Vendor:
    return app.extensions["sandbox"].vendors.pagerduty


def incident(number: int, created: str, **more: Any) -> dict[str, Any]:
    record = {"id": f"Q{number}", "incident_number": number, "created_at": created, "status": "resolved"}
    return record | {"priority": {"id": "PR1", "type": "priority", "summary": "P1", "name": "P1"}} | more


def ask(client: FlaskClient, path: str, **query: Any) -> Any:
    return client.get(f"/pagerduty{path}", headers=KEY, query_string=query)


def numbers(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [each["incident_number"] for each in answer.json["incidents"]]


@pytest.mark.parametrize("key", ["Token token=sandbox-vendor-token-0123", "Bearer sandbox-vendor-token-0123"])
def test_both_forms_of_the_key_are_taken(client: FlaskClient, key: str) -> None:
    """PagerDuty's own scheme and bearer both let in."""
    assert client.get("/pagerduty/incidents", headers={"Authorization": key}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Token token=other"}])
def test_strangers_are_refused(client: FlaskClient, headers: dict[str, str]) -> None:
    """Without the key there is a 401 with PagerDuty's code, and no word of the limit."""
    answer: Any = client.get("/pagerduty/incidents", headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, 2006)
    assert "ratelimit-limit" not in answer.headers


def test_pages(client: FlaskClient, vendor: Vendor) -> None:
    """A page has 25 incidents unless asked, at most 100, and says whether there are more, not how many."""
    vendor.put({"incidents": [incident(n, f"2026-06-29T10:{n // 60:02}:{n % 60:02}Z") for n in range(250)]})
    first = ask(client, "/incidents").json
    assert (len(first["incidents"]), first["limit"], first["more"], first["total"]) == (25, 25, True, None)
    last = ask(client, "/incidents", limit=1000, offset=150).json
    assert (len(last["incidents"]), last["limit"], last["more"]) == (100, 100, False)
    assert ask(client, "/incidents", total="true").json["total"] == 250


@pytest.mark.parametrize("path", ["/incidents", "/log_entries"])
def test_pages_end_at_ten_thousand(client: FlaskClient, path: str) -> None:
    """Offset and limit reach to 10,000 together and no further."""
    assert ask(client, path, offset=9900, limit=500).status_code == 200
    answer = ask(client, path, offset=9901, limit=100)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, 2002)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": "x"}, {"offset": -1}, {"since": "soon"}])
def test_nonsense_is_refused(client: FlaskClient, query: dict[str, Any]) -> None:
    """A query that means nothing is a 400."""
    assert ask(client, "/incidents", **query).json["error"]["code"] == 2001


def test_ranges_of_time(client: FlaskClient, vendor: Vendor) -> None:
    """Since is inclusive and until is not, both on the time of creation."""
    vendor.put({"incidents": [incident(hour, f"2026-01-10T0{hour}:00:00Z") for hour in range(5)]})
    query = {"since": "2026-01-10T01:00:00Z", "until": "2026-01-10T03:00:00Z"}
    assert numbers(ask(client, "/incidents", **query)) == [1, 2]
    assert numbers(ask(client, "/incidents", **query, sort_by="created_at:desc")) == [2, 1]
    assert numbers(ask(client, "/incidents", **query, date_range="all")) == [0, 1, 2, 3, 4]


def test_times_without_an_offset_are_in_the_zone_of_the_account(client: FlaskClient, vendor: Vendor) -> None:
    """A naive since means the account's local time."""
    vendor.put({"incidents": [incident(1, "2026-01-10T04:30:00Z"), incident(2, "2026-01-10T05:30:00Z")]})
    query = {"since": "2026-01-10T00:00:00", "until": "2026-01-11T00:00:00"}
    assert numbers(ask(client, "/incidents", **query)) == [2]
    vendor.patch({"settings": {"zone": "UTC"}})
    assert numbers(ask(client, "/incidents", **query)) == [1, 2]


def test_an_open_range_is_one_month(client: FlaskClient, vendor: Vendor) -> None:
    """Only since means one month from it, and nothing the latest month."""
    vendor.put({"incidents": [incident(n, f"2026-0{n}-15T00:00:00Z") for n in range(1, 7)]})
    assert numbers(ask(client, "/incidents")) == [6]
    assert numbers(ask(client, "/incidents", since="2026-02-01T00:00:00Z")) == [2]


@pytest.mark.parametrize(("days", "status"), [(184, 200), (185, 400), (-1, 400)])
def test_a_range_is_half_a_year_at_most(client: FlaskClient, days: int, status: int) -> None:
    """Too long a range is refused, and so is a negative one."""
    query = {
        "since": "2026-01-01T00:00:00Z",
        "until": (NOW.replace(month=1, day=1, hour=0) + timedelta(days)),
    }
    assert ask(client, "/incidents", since=query["since"], until=query["until"]).status_code == status


def test_filters(client: FlaskClient, vendor: Vendor) -> None:
    """Statuses, services and teams filter, each by any of its values."""
    records = [
        incident(1, "2026-06-29T10:00:00Z", status="triggered", service={"id": "PS1"}),
        incident(2, "2026-06-29T11:00:00Z", status="acknowledged", teams=[{"id": "PT1"}]),
        incident(3, "2026-06-29T12:00:00Z"),
    ]
    vendor.put({"incidents": records})
    assert numbers(ask(client, "/incidents", **{"statuses[]": ["triggered", "acknowledged"]})) == [1, 2]
    assert numbers(ask(client, "/incidents", **{"service_ids[]": "PS1"})) == [1]
    assert numbers(ask(client, "/incidents", **{"team_ids[]": "PT1", "statuses[]": "triggered"})) == []


def test_one_incident(client: FlaskClient, vendor: Vendor) -> None:
    """An incident is found by id and by number; its priority is whole only if that is asked for."""
    vendor.put({"incidents": [incident(7, "2026-01-01T10:00:00.9Z")]})
    shown = ask(client, "/incidents/Q7").json["incident"]
    assert shown == ask(client, "/incidents/7").json["incident"]
    assert shown["created_at"] == "2026-01-01T10:00:00Z"
    assert (shown["priority"]["type"], "name" in shown["priority"]) == ("priority_reference", False)
    whole = ask(client, "/incidents/Q7", **{"include[]": "priorities"}).json["incident"]
    assert (whole["priority"]["type"], whole["priority"]["name"]) == ("priority", "P1")
    answer = ask(client, "/incidents/Q8")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, 2100)


def entry(name: str, created: str, number: int = 1, kind: str = "resolve") -> dict[str, Any]:
    reference = {"id": f"Q{number}", "type": "incident_reference"}
    return {"id": name, "type": f"{kind}_log_entry", "created_at": created, "incident": reference}


def test_log_entries(client: FlaskClient, vendor: Vendor) -> None:
    """Log entries come newest first, and with include show the incident as it is now."""
    entries = [entry("A", "2026-01-01T10:00:00Z"), entry("B", "2026-01-01T11:00:00Z", kind="notify")]
    vendor.put({"log_entries": entries, "incidents": [incident(1, "2025-12-31T10:00:00Z")]})
    found = ask(client, "/log_entries", time_zone="UTC").json["log_entries"]
    assert [(each["id"], each["created_at"]) for each in found] == [
        ("B", "2026-01-01T11:00:00Z"),
        ("A", "2026-01-01T10:00:00Z"),
    ]
    assert "status" not in found[0]["incident"]
    query = {"is_overview": "true", "include[]": "incidents"}
    [only] = ask(client, "/log_entries", **query).json["log_entries"]
    assert (only["id"], only["incident"]["status"]) == ("A", "resolved")


def test_log_entries_show_the_zone_of_the_account(client: FlaskClient, vendor: Vendor) -> None:
    """Without a time_zone the times of log entries have the account's offset."""
    vendor.put({"log_entries": [entry("A", "2026-01-01T10:00:00Z")]})
    assert ask(client, "/log_entries").json["log_entries"][0]["created_at"] == "2026-01-01T05:00:00-05:00"


def test_the_limit(client: FlaskClient, vendor: Vendor, clock: Clock) -> None:
    """After so many requests in a minute come 429s, each tenth without a word of the limit."""
    vendor.put({"settings": {"rate": 2}})
    assert ask(client, "/incidents").headers["ratelimit-remaining"] == "1"
    clock.now += 20.5
    assert ask(client, "/incidents").headers["ratelimit-reset"] == "40"
    refused = [ask(client, "/incidents") for _ in range(10)]
    assert {each.status_code for each in refused} == {429}
    assert {each.json["error"]["code"] for each in refused} == {2020}
    assert ["ratelimit-reset" in each.headers for each in refused] == [True] * 9 + [False]
    clock.now += 39.5
    assert ask(client, "/incidents").status_code == 200
    assert vendor.shown()["requests"]["refused"] == 10


def test_the_default_limit(client: FlaskClient) -> None:
    """A key has 960 requests a minute."""
    assert ask(client, "/incidents").headers["ratelimit-limit"] == "960"


def test_a_clock_that_differs(client: FlaskClient, vendor: Vendor) -> None:
    """With an offset the vendor's Date and its latest month are in its own time."""
    vendor.put({"incidents": [incident(1, "2026-06-01T00:00:00Z")], "settings": {"clock_offset": -3600}})
    answer = ask(client, "/incidents")
    assert answer.headers["Date"] == "Tue, 30 Jun 2026 11:00:00 GMT"
    assert numbers(answer) == [1]
    vendor.patch({"settings": {"clock_offset": 10 * 86_400}})
    assert numbers(ask(client, "/incidents")) == []


WANTED = {
    "type": "webhook_subscription",
    "delivery_method": {
        "type": "http_delivery_method",
        "url": "https://bridge.example.com/webhooks/pagerduty",
    },
    "events": ["incident.triggered", "incident.resolved"],
    "filter": {"type": "account_reference"},
}


def subscribe(client: FlaskClient, **more: Any) -> Any:
    body = {"webhook_subscription": WANTED | more}
    return client.post("/pagerduty/webhook_subscriptions", json=body, headers=KEY)


def test_a_secret_is_told_once(client: FlaskClient) -> None:
    """The answer to a POST has the secret; nothing afterwards has it."""
    answer = subscribe(client)
    assert answer.status_code == 201
    made = answer.json["webhook_subscription"]
    assert len(made["delivery_method"].pop("secret")) > 32
    assert ask(client, f"/webhook_subscriptions/{made['id']}").json == {"webhook_subscription": made}
    listing = ask(client, "/webhook_subscriptions").json
    assert (listing["webhook_subscriptions"], listing["more"]) == ([made], False)
    assert (made["active"], made["delivery_method"]["temporarily_disabled"]) == (True, False)


@pytest.mark.parametrize(
    "broken",
    [
        {"events": []},
        {"filter": {"type": "planet_reference"}},
        {"delivery_method": {"url": "https://x.example"}},
    ],
)
def test_a_bad_subscription_is_refused(client: FlaskClient, broken: dict[str, Any]) -> None:
    """What cannot be a subscription is a 400, and nothing is made."""
    assert subscribe(client, **broken).status_code == 400
    assert ask(client, "/webhook_subscriptions").json["webhook_subscriptions"] == []


def test_a_subscription_is_changed_and_enabled(client: FlaskClient, vendor: Vendor) -> None:
    """PUT changes what is sent but never the delivery; enable takes back a day's pause."""
    made = subscribe(client).json["webhook_subscription"]["id"]
    vendor.patch({"subscriptions": [{"id": made, "delivery_method": {"temporarily_disabled": True}}]})
    path = f"/pagerduty/webhook_subscriptions/{made}"
    sent = {"events": ["incident.resolved"], "delivery_method": {"url": "https://other.example.com"}}
    changed: Any = client.put(path, json={"webhook_subscription": sent}, headers=KEY).json
    assert changed["webhook_subscription"]["events"] == ["incident.resolved"]
    method = changed["webhook_subscription"]["delivery_method"]
    assert (method["url"], method["temporarily_disabled"]) == (WANTED["delivery_method"]["url"], True)  # type: ignore[index]
    enabled: Any = client.post(f"{path}/enable", headers=KEY).json
    assert enabled["webhook_subscription"]["delivery_method"]["temporarily_disabled"] is False


def test_the_values_of_headers_are_never_shown(client: FlaskClient, vendor: Vendor) -> None:
    """Custom headers of a subscription are listed by name alone."""
    method = {"url": "https://x.example", "custom_headers": [{"name": "X-Shared", "value": "hidden"}]}
    vendor.put({"subscriptions": [{"id": "P1", "delivery_method": method | {"secret": "also hidden"}}]})
    text = ask(client, "/webhook_subscriptions").text
    assert "X-Shared" in text
    assert "hidden" not in text
