"""Atlassian's stand-in: alerts of JSM's operations, and Jira's issues by JQL."""

from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.sandbox import create_sandbox
from app.sandbox.vendors.vendor import Vendor
from tests.sandbox.shared import TOKEN

AUTH = ("bridge@example.com", "sandbox-vendor-token-0123")
CLOUD = "11111111-2222-3333-4444-555555555555"
JSM, JIRA = f"/atlassian/jsm/ops/api/{CLOUD}/v1", f"/atlassian/ex/jira/{CLOUD}/rest/api/3"
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)


@pytest.fixture
def app() -> Any:
    return create_sandbox(TOKEN, wall=NOW.timestamp)


@pytest.fixture
def client(app: Any) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def vendor(app: Any) -> Vendor:
    return app.extensions["sandbox"].vendors.atlassian


def ask(client: FlaskClient, path: str, **query: Any) -> Any:
    return client.get(path, auth=AUTH, query_string=query)


def alert(number: int, **more: Any) -> dict[str, Any]:
    created = f"2026-01-10T00:{number // 60 % 60:02}:{number % 60:02}Z"
    return {"id": f"a{number}", "status": "open", "createdAt": created, "message": "m"} | more


def issue(number: int, created: str, kind: str = "[System] Incident", **more: Any) -> dict[str, Any]:
    fields = {"created": created, "updated": created, "issuetype": {"name": kind}, "summary": f"S{number}"}
    return {
        "id": str(number),
        "key": f"OPS-{number}",
        "self": f"https://x.example/{number}",
        "fields": fields | more,
    }


def search(client: FlaskClient, jql: str, **query: Any) -> Any:
    return ask(client, f"{JIRA}/search/jql", jql=jql, **query)


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [int(each["id"]) for each in answer.json["issues"]]


@pytest.mark.parametrize("auth", [None, ("other@example.com", AUTH[1]), (AUTH[0], "other")])
@pytest.mark.parametrize("path", [f"{JSM}/alerts", f"{JIRA}/issue/1"])
def test_strangers_are_refused(client: FlaskClient, path: str, auth: Any) -> None:
    """Both the e-mail and the token have to be right."""
    assert client.get(path, auth=auth).status_code == 401


@pytest.mark.parametrize(
    "path", ["/atlassian/jsm/ops/api/other/v1/teams", "/atlassian/ex/jira/other/rest/api/3/issue/1"]
)
def test_another_site_is_unknown(client: FlaskClient, path: str) -> None:
    """The id of another site is a 404."""
    assert ask(client, path).status_code == 404


def test_alerts_come_in_pages(client: FlaskClient, vendor: Vendor) -> None:
    """A page has 20 alerts unless asked; the next one is linked by a path below the site."""
    vendor.put({"alerts": [alert(n) for n in range(45)]})
    first = ask(client, f"{JSM}/alerts", order="asc", query="status:open").json
    assert ([each["id"] for each in first["values"]][::19], first["count"]) == (["a0", "a19"], 45)
    following = first["links"]["next"]
    assert following.startswith("/v1/alerts?")
    second: Any = client.get(f"{JSM.removesuffix('/v1')}{following}", auth=AUTH).json
    assert second["values"][0]["id"] == "a20"
    assert ask(client, f"{JSM}/alerts", offset=40).json["links"] == {}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"offset": 19_899, "size": 100}, 200),
        ({"offset": 19_900, "size": 100}, 400),
        ({"size": 101}, 400),
        ({"query": "colour:red"}, 400),
        ({"from": "soon"}, 400),
    ],
)
def test_pages_of_alerts_have_bounds(client: FlaskClient, query: dict[str, Any], status: int) -> None:
    """Offset and size stay below 20,000 together, and queries have to be understood."""
    assert ask(client, f"{JSM}/alerts", **query).status_code == status


def test_alerts_of_a_range(client: FlaskClient, vendor: Vendor) -> None:
    """From is inclusive and to is not, on the time of creation."""
    vendor.put({"alerts": [alert(n) for n in range(5)]})
    query = {"from": "2026-01-10T00:00:01Z", "to": "2026-01-10T00:00:03Z"}
    assert [each["id"] for each in ask(client, f"{JSM}/alerts", **query).json["values"]] == ["a2", "a1"]


def test_one_alert_is_bare_and_whole(client: FlaskClient, vendor: Vendor) -> None:
    """The single alert is not wrapped and has its details, which lists do not show."""
    vendor.put({"alerts": [alert(1, details={"a": "b"}, entity="e")]})
    assert ask(client, f"{JSM}/alerts/a1").json["details"] == {"a": "b"}
    [listed] = ask(client, f"{JSM}/alerts").json["values"]
    assert ("details" in listed, listed["entity"]) == (False, "e")
    assert ask(client, f"{JSM}/alerts/a9").status_code == 404


def test_teams(client: FlaskClient, vendor: Vendor) -> None:
    """Teams are told by id and name."""
    vendor.put({"teams": [{"id": "t1", "name": "Payments"}]})
    expected = {"platformTeams": [{"teamId": "t1", "teamName": "Payments"}], "links": {}}
    assert ask(client, f"{JSM}/teams").json == expected


def test_issues_come_in_pages(client: FlaskClient, vendor: Vendor) -> None:
    """A page has 50 issues unless asked, at most 100; a token leads to the next, of the same query only."""
    vendor.put({"issues": [issue(n, "2026-01-10T00:00:00Z") for n in range(1, 231)]})
    jql = "id >= 1 ORDER BY id ASC"
    assert len(ids(search(client, jql))) == 50
    answer = search(client, jql, maxResults=5000)
    pages = [ids(answer)]
    while not answer.json["isLast"]:
        answer = search(client, jql, maxResults=100, nextPageToken=answer.json["nextPageToken"])
        pages.append(ids(answer))
    assert [len(each) for each in pages] == [100, 100, 30]
    assert list(chain(*pages)) == list(range(1, 231))
    assert "nextPageToken" not in answer.json
    token = search(client, jql).json["nextPageToken"]
    assert search(client, "id >= 2", nextPageToken=token).status_code == 400
    assert search(client, jql, nextPageToken="bm9uc2Vuc2U=").status_code == 400


def test_fields_have_to_be_asked_for(client: FlaskClient, vendor: Vendor) -> None:
    """Without fields a search tells ids only; a single issue tells all."""
    vendor.put({"issues": [issue(1, "2026-01-10T00:00:00Z")]})
    assert search(client, "id = 1").json["issues"] == [{"id": "1"}]
    [some] = search(client, "id = 1", fields="summary,created").json["issues"]
    assert (some["key"], sorted(some["fields"])) == ("OPS-1", ["created", "summary"])
    [whole] = search(client, "id = 1", fields="*all").json["issues"]
    assert whole == ask(client, f"{JIRA}/issue/1").json == ask(client, f"{JIRA}/issue/OPS-1").json
    missing = ask(client, f"{JIRA}/issue/9")
    assert (missing.status_code, len(missing.json["errorMessages"])) == (404, 1)


def test_times_are_in_the_zone_of_the_user(client: FlaskClient, vendor: Vendor) -> None:
    """Times have milliseconds and an offset without a colon."""
    vendor.put({"issues": [issue(1, "2026-01-10T12:00:00.5Z")], "settings": {"zone": "Europe/Berlin"}})
    fields = ask(client, f"{JIRA}/issue/1").json["fields"]
    assert fields["created"] == "2026-01-10T13:00:00.500+0100"
    assert ask(client, f"{JIRA}/myself").json["timeZone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("jql", "expected"),
    [
        ('issuetype in ("[System] Incident", "Incident") ORDER BY id', [1, 2, 4]),
        ("issuetype = task", [3]),
        ('created >= "-60m" ORDER BY created ASC', [3, 4]),
        ("created >= -60m AND created <= -10m", [3]),
        ("updated >= -1d order by updated desc", [4, 3, 2]),
        ("id in (1, 3) ORDER BY created DESC", [3, 1]),
        ("id in (2)", [2]),
        ("id >= 3 and id < 4", [3]),
        ('created >= "2026-01-20 06:00" ORDER BY id ASC', [3, 4]),
        ('created >= "2026/01/19 06:00" ORDER BY id ASC', [2, 3, 4]),
        ('created < "2026-01-20"', [1]),
        ('created >= "-525600m" AND issuetype in (Incident)', [2]),
    ],
)
def test_searches(client: FlaskClient, vendor: Vendor, jql: str, expected: list[int]) -> None:
    """Types, ids, relative times, and absolute ones in New York, are searched by."""
    issues = [
        issue(1, "2026-01-01T00:00:00Z"),
        issue(2, "2026-01-20T10:59:00Z", "Incident"),
        issue(3, "2026-01-20T11:15:00Z", "Task"),
        issue(4, "2026-01-20T11:55:00Z"),
    ]
    vendor.put({"issues": issues})
    assert ids(search(client, jql)) == expected


@pytest.mark.parametrize(
    "jql",
    [
        "",
        "ORDER BY created",
        "issuetype",
        "project = OPS",
        "id = 1 OR id = 2",
        "created >= yesterday",
        'created >= "2026-01-20T06:00"',
        "id = 1 ORDER BY rank",
        "id = one",
        "id = 1 AND",
        "issuetype > Incident",
        'created in ("-1m")',
    ],
)
def test_what_is_no_jql_is_refused(client: FlaskClient, jql: str) -> None:
    """Unbounded queries and those that are not understood are a 400 with messages."""
    answer = search(client, jql)
    assert (answer.status_code, len(answer.json["errorMessages"])) == (400, 1)


@pytest.mark.parametrize("jql", ["", " order by id"])
def test_a_search_without_bounds_says_so(client: FlaskClient, jql: str) -> None:
    """A query without a condition is told apart from one that cannot be read."""
    assert "Unbounded" in search(client, jql).json["errorMessages"][0]


def test_a_site_may_lack_a_type(client: FlaskClient, vendor: Vendor) -> None:
    """A type that the site does not have is a 400, as in Jira."""
    vendor.put({"settings": {"issue_types": ["Incident"]}})
    assert ids(search(client, "issuetype in (Incident)")) == []
    assert search(client, 'issuetype in (Incident, "[System] Incident")').status_code == 400


def test_fields_of_an_issue_are_patched_one_by_one(client: FlaskClient, vendor: Vendor) -> None:
    """A patch of an issue leaves the fields that it does not name."""
    vendor.put({"issues": [issue(1, "2026-01-10T00:00:00Z")]})
    vendor.patch({"issues": [{"id": "1", "fields": {"updated": "2026-01-20T11:59:00Z"}}]})
    assert ids(search(client, "updated >= -5m")) == [1]
    assert ask(client, f"{JIRA}/issue/1").json["fields"]["summary"] == "S1"


def test_the_limit(client: FlaskClient, vendor: Vendor) -> None:
    """A refused request says how many seconds to wait."""
    vendor.put({"settings": {"rate": 1}})
    assert "Retry-After" not in ask(client, f"{JSM}/teams").headers
    answer = ask(client, f"{JIRA}/issue/1")
    assert (answer.status_code, 0 < int(answer.headers["Retry-After"]) <= 60) == (429, True)
