"""Opsgenie's stand-in: queries, pages, limits, and what only the single alert tells."""

from itertools import chain
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.sandbox import create_sandbox
from app.sandbox.vendors.vendor import Vendor
from tests.sandbox.shared import TOKEN

KEY = {"Authorization": "GenieKey sandbox-vendor-token-0123"}
BEGAN = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.fixture
def app() -> Any:
    return create_sandbox(TOKEN)


@pytest.fixture
def client(app: Any) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def vendor(app: Any) -> Vendor:
    return app.extensions["sandbox"].vendors.opsgenie


def record(number: int, **more: Any) -> dict[str, Any]:
    """Return an incident or alert that began so many minutes into the year."""
    at = BEGAN + number * 60_000
    return {"id": f"id-{number}", "status": "open", "createdAt": at, "updatedAt": at, "message": "m"} | more


def ask(client: FlaskClient, path: str, **query: Any) -> Any:
    return client.get(
        path if path.startswith("http") else f"/opsgenie{path}", headers=KEY, query_string=query
    )


def found(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json["data"]]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sandbox-vendor-token-0123"}])
def test_strangers_are_refused(client: FlaskClient, headers: dict[str, str]) -> None:
    """Only the key as a GenieKey lets in."""
    assert client.get("/opsgenie/v1/incidents", headers=headers).status_code == 401


def test_pages_are_linked(client: FlaskClient, vendor: Vendor) -> None:
    """The next page is a whole address that keeps the query; the last page has none."""
    vendor.put({"incidents": [record(n) for n in range(300)] + [record(999, status="closed")]})
    answer = ask(client, "/v1/incidents", limit=100, query="status:open", order="asc")
    pages = [found(answer)]
    while following := answer.json["paging"].get("next"):
        answer = client.get(following, headers=KEY)
        pages.append(found(answer))
    assert [len(page) for page in pages] == [100, 100, 100]
    assert list(chain(*pages)) == [f"id-{n}" for n in range(300)]
    assert answer.json["totalCount"] == 300
    assert answer.json["paging"]["last"].startswith("http://localhost/opsgenie/v1/incidents?")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 100, "offset": 19_900}, 200),
        ({"limit": 100, "offset": 19_901}, 422),
        ({"limit": 101}, 422),
        ({"offset": -1}, 422),
        ({"sort": "colour"}, 422),
    ],
)
@pytest.mark.parametrize("path", ["/v1/incidents", "/v2/alerts"])
def test_pages_have_bounds(client: FlaskClient, path: str, query: dict[str, Any], status: int) -> None:
    """Offset and limit reach to 20,000 together, and a page has 100 at most."""
    assert ask(client, path, **query).status_code == status


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["id-3", "id-2", "id-1"]),
        ("status:open", ["id-3", "id-1"]),
        ("status: RESOLVED", ["id-2"]),
        ("impactedServices:s1", ["id-2", "id-1"]),
        (f"createdAt >= {BEGAN + 120_000}", ["id-3", "id-2"]),
        (f"createdAt>={BEGAN + 60_000} AND createdAt<{BEGAN + 180_000}", ["id-2", "id-1"]),
        (f"createdAt:>{BEGAN + 120_000}", ["id-3"]),
        (f"createdAt: {BEGAN + 120_000}", ["id-2"]),
        (f"createdAt >= {BEGAN} and status:open and impactedServices: s1", ["id-1"]),
        ("createdAt < 1767225600", []),
    ],
)
def test_queries(client: FlaskClient, vendor: Vendor, query: str, ids: list[str]) -> None:
    """Conditions with and without blanks, joined by AND in any case; times are milliseconds."""
    incidents = [
        record(1, impactedServices=["s1", "s2"]),
        record(2, impactedServices=["s1"], status="resolved"),
        record(3, impactedServices=[]),
    ]
    vendor.put({"incidents": incidents})
    assert found(ask(client, "/v1/incidents", query=query)) == ids


@pytest.mark.parametrize(
    "query",
    [
        "nonsense",
        "status:open OR status:closed",
        "status:open AND",
        "status:open createdAt>1",
        "createdAt >= 2026-01-01",
        "createdAt >= now",
        "colour:red",
        "status > open",
        "NOT status:open",
        "updatedAt > 1",
        'status:"open" AND (',
    ],
)
def test_what_is_no_query_is_refused(client: FlaskClient, query: str) -> None:
    """Anything else is a 422."""
    answer = ask(client, "/v1/incidents", query=query)
    assert (answer.status_code, "message" in answer.json) == (422, True)


def test_times_have_no_digits_in_vain(client: FlaskClient, vendor: Vendor) -> None:
    """A whole second has no fraction, others as many digits as they need."""
    times = ["2026-01-01T00:00:01.000Z", "2026-01-01T00:00:02.480Z", 1_767_225_603_007]
    vendor.put({"incidents": [record(n, createdAt=at, impactStartDate=at) for n, at in enumerate(times)]})
    shown = ask(client, "/v1/incidents", order="asc").json["data"]
    expected = ["2026-01-01T00:00:01Z", "2026-01-01T00:00:02.48Z", "2026-01-01T00:00:03.007Z"]
    assert [each["createdAt"] for each in shown] == [each["impactStartDate"] for each in shown] == expected


def test_lists_of_alerts_tell_less(client: FlaskClient, vendor: Vendor) -> None:
    """Details, description and entity are in the single alert only."""
    whole = record(1, details={"incident-id": "i"}, description="d", entity="e", report={"closeTime": 5000})
    vendor.put({"alerts": [whole]})
    [listed] = ask(client, "/v2/alerts").json["data"]
    assert not {"details", "description", "entity"} & listed.keys()
    assert listed["report"] == {"closeTime": 5000}
    single = ask(client, "/v2/alerts/id-1", identifierType="id").json["data"]
    assert (single["details"], single["description"]) == ({"incident-id": "i"}, "d")
    assert ask(client, "/v2/alerts/id-9").status_code == 404


def test_alerts_are_sorted_and_searched_by_their_last_change(client: FlaskClient, vendor: Vendor) -> None:
    """Alerts have updatedAt to sort and to search by."""
    vendor.put({"alerts": [record(1, updatedAt=BEGAN + 900_000), record(2), record(3)]})
    assert found(ask(client, "/v2/alerts", sort="updatedAt", order="desc")) == ["id-1", "id-3", "id-2"]
    assert found(ask(client, "/v2/alerts", query=f"updatedAt > {BEGAN + 180_000}")) == ["id-1"]


def test_services_and_teams(client: FlaskClient, vendor: Vendor) -> None:
    """Services come in pages, teams all at once, and each by its id."""
    many = [{"id": f"x{n:02}", "name": f"X {n}"} for n in range(30)]
    vendor.put({"services": many, "teams": many})
    assert len(found(ask(client, "/v1/services"))) == 20
    assert len(found(ask(client, "/v2/teams"))) == 30
    for path in ("/v1/services", "/v2/teams"):
        assert ask(client, f"{path}/x07").json["data"]["name"] == "X 7"
        assert ask(client, f"{path}/x99").status_code == 404


def test_a_plan_without_incidents(client: FlaskClient, vendor: Vendor) -> None:
    """Without the incident API incidents and services are a 403, alerts are there."""
    vendor.put({"incidents": [record(1)], "settings": {"incident_api": False}})
    paths = ("/v1/incidents", "/v1/incidents/id-1", "/v1/services", "/v2/alerts")
    assert [ask(client, path).status_code for path in paths] == [403, 403, 403, 200]


def test_the_limit(client: FlaskClient, vendor: Vendor) -> None:
    """A throttled request says so in headers, and only sometimes how long to wait."""
    vendor.put({"settings": {"rate": 1}})
    assert ask(client, "/v2/teams").headers["X-RateLimit-State"] == "OK"
    refused = [ask(client, "/v2/teams") for _ in range(4)]
    assert {(each.status_code, each.headers["X-RateLimit-State"]) for each in refused} == {(429, "THROTTLED")}
    assert {each.headers["X-RateLimit-Period-In-Sec"] for each in refused} == {"60"}
    assert ["Retry-After" in each.headers for each in refused] == [True, False, True, False]
    assert refused[0].json["message"] == "You are making too many requests!"


def test_the_default_limit(vendor: Vendor) -> None:
    """A key has 600 requests a minute."""
    assert vendor.settings.rate == 600
