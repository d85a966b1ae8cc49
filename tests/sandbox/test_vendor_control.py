"""The tester's side of the vendors: worlds, faults, and the log of requests."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.sandbox import create_sandbox
from app.sandbox.vendors.limits import Journal
from tests.sandbox.shared import TOKEN

KEY = {"Authorization": "Token token=sandbox-vendor-token-0123"}
INCIDENT = {
    "id": "Q1",
    "incident_number": 1,
    "created_at": "2026-01-01T10:00:00Z",
    "title": "a",
    "status": "x",
}
CONTROL = "/sandbox/vendors/pagerduty"


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(slept: list[float]) -> FlaskClient:
    return create_sandbox(TOKEN, sleep=slept.append).test_client()


def ask(client: FlaskClient, path: str = "/incidents/Q1") -> Any:
    return client.get(f"/pagerduty{path}", headers=KEY)


def statuses(client: FlaskClient, many: int, path: str = "/incidents/Q1") -> list[int]:
    return [ask(client, path).status_code for _ in range(many)]


def test_a_world_is_put_changed_and_emptied(client: FlaskClient) -> None:
    """PUT replaces, PATCH changes the keys it gives, DELETE forgets."""
    assert client.put(CONTROL, json={"incidents": [INCIDENT]}).status_code == 200
    patch = {"incidents": [{"id": "Q1", "status": "resolved"}, INCIDENT | {"id": "Q2"}]}
    assert client.patch(CONTROL, json=patch).json["records"]["incidents"] == 2  # type: ignore[index]
    shown = ask(client).json["incident"]
    assert (shown["title"], shown["status"]) == ("a", "resolved")
    client.put(CONTROL, json={"incidents": [INCIDENT | {"id": "Q3"}]})
    assert statuses(client, 1) + statuses(client, 1, "/incidents/Q3") == [404, 200]
    assert client.delete(CONTROL).json["records"]["incidents"] == 0  # type: ignore[index]
    assert statuses(client, 1, "/incidents/Q3") == [404]


def test_a_changed_time_changes_the_place(client: FlaskClient) -> None:
    """A record that is patched is found by its new time, and no longer by the old one."""
    client.put(CONTROL, json={"incidents": [INCIDENT]})
    client.patch(CONTROL, json={"incidents": [{"id": "Q1", "created_at": "2026-03-01T10:00:00Z"}]})
    found = ask(client, "/incidents?since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z").json
    assert found["incidents"] == []
    found = ask(client, "/incidents?since=2026-03-01T00:00:00Z&until=2026-03-02T00:00:00Z").json
    assert [each["id"] for each in found["incidents"]] == ["Q1"]


def test_one_record_is_deleted(client: FlaskClient) -> None:
    """A record can vanish as if the vendor had deleted it."""
    client.put(CONTROL, json={"incidents": [INCIDENT]})
    assert client.delete(f"{CONTROL}/incidents/Q1").status_code == 200
    assert statuses(client, 1) == [404]
    assert client.delete(f"{CONTROL}/incidents/Q1").status_code == 404


@pytest.mark.parametrize(
    "world",
    [
        [],
        {"issues": []},
        {"incidents": {}},
        {"incidents": [{"id": 1}]},
        {"incidents": [{"id": "Q9"}]},
        {"incidents": [INCIDENT | {"created_at": "soon"}]},
        {"settings": {"email": "a@example.com"}},
        {"settings": {"rate": 0}},
        {"settings": {"zone": "Mars/Base"}},
        {"settings": {"fail": [{"status": 200}]}},
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_bad_world_changes_nothing(client: FlaskClient, method: str, world: Any) -> None:
    """What cannot be a world is a 400, and the old one stays."""
    client.put(CONTROL, json={"incidents": [INCIDENT]})
    answer: Any = client.open(CONTROL, method=method, json=world)
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
    assert statuses(client, 1) == [200]


def test_what_is_no_json_is_refused(client: FlaskClient) -> None:
    """A body that is not JSON is a 400."""
    assert client.put(CONTROL, data="{").status_code == 400


def test_unknown_vendors_are_told(client: FlaskClient) -> None:
    """A vendor that is not simulated is a 404."""
    assert client.get("/sandbox/vendors/acme").status_code == 404
    assert client.get("/sandbox/vendors/get").status_code == 404


def test_a_reset_empties_the_vendors(client: FlaskClient) -> None:
    """The sandbox's reset forgets the vendors' worlds too."""
    client.put(CONTROL, json={"incidents": [INCIDENT], "settings": {"token": "another"}})
    client.post("/sandbox/reset")
    assert statuses(client, 1) == [404]


def test_requests_are_logged_and_counted(client: FlaskClient) -> None:
    """The log has each request as it came, the counts are by route."""
    client.put(CONTROL, json={"incidents": [INCIDENT]})
    ask(client)
    ask(client, "/incidents?limit=3")
    ask(client, "/no/such")
    client.get("/pagerduty/incidents")
    requests: Any = client.get(CONTROL).json["requests"]  # type: ignore[index]
    assert requests["by_path"] == {"GET /incidents": 2, "GET /incidents/<key>": 1, "GET /no/such": 1}
    assert [(each["n"], each["path"], each["query"], each["status"]) for each in requests["log"]] == [
        (1, "/incidents/Q1", "", 200),
        (2, "/incidents", "limit=3", 200),
        (3, "/no/such", "", 404),
        (4, "/incidents", "", 401),
    ]
    assert (requests["total"], requests["refused"], requests["peak_minute"]) == (4, 0, 4)
    later: Any = client.get(f"{CONTROL}?after=3").json["requests"]  # type: ignore[index]
    assert [each["n"] for each in later["log"]] == [4]


def test_the_greatest_minute_is_kept() -> None:
    """The peak is over any 60 s, not over minutes of the clock."""
    times = iter([50.0, 59.0, 61.0, 109.9, 110.0, 300.0])
    journal = Journal(lambda: next(times))
    for _ in range(6):
        journal.add("/", "GET", "/", "", 200)
    assert journal.shown(0)["peak_minute"] == 4


def test_faults_hit_after_so_many_and_so_often(client: FlaskClient) -> None:
    """A fault lets the first requests to its path go, fails the next, and then is over."""
    fault = {"path": "/incidents", "status": 502, "after": 1, "times": 2}
    client.put(CONTROL, json={"incidents": [INCIDENT], "settings": {"fail": [fault]}})
    assert statuses(client, 1, "/log_entries") == [200]
    assert statuses(client, 4) == [200, 502, 502, 200]


def test_a_fault_may_be_a_page_of_html(client: FlaskClient) -> None:
    """A fault answers in the vendor's JSON, or in HTML with the headers wanted, before any limit."""
    faults = [
        {"times": 1, "status": 500},
        {"status": 503, "html": True, "headers": {"Retry-After": "7"}, "method": "GET"},
    ]
    client.put(CONTROL, json={"settings": {"fail": faults}})
    assert ask(client).json["error"]["message"]
    answer = ask(client)
    assert (answer.status_code, answer.headers["Retry-After"], answer.mimetype) == (503, "7", "text/html")
    assert "ratelimit-remaining" not in answer.headers
    assert client.post("/pagerduty/incidents", headers=KEY).status_code == 404


def test_a_fault_may_break_the_connection(client: FlaskClient) -> None:
    """A cut request is logged without a status."""
    client.put(CONTROL, json={"settings": {"fail": [{"cut": True}]}})
    with pytest.raises(ConnectionResetError):
        ask(client)
    assert client.get(CONTROL).json["requests"]["log"][0]["status"] is None  # type: ignore[index]


def test_answers_may_be_slow(client: FlaskClient, slept: list[float]) -> None:
    """Latency comes before each answer."""
    client.put(CONTROL, json={"settings": {"latency": 0.25}})
    statuses(client, 2)
    assert slept == [0.25, 0.25]
