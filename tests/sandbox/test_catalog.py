import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.catalog import CatalogError, Entity, entities
from app.sandbox import create_sandbox, running
from app.secret import Secret
from tests.sandbox.shared import AUTH, TOKEN, World, calls, switch_on

METHOD = "catalog.entities.list"
PAYMENTS = {
    "identifier": "payments",
    "name": "Payments",
    "type": "service",
    "aliases": {
        "pagerduty_service": [{"identifier": "PACME01", "name": "Payment Service"}],
        "github_repo": [{"identifier": "17"}],
    },
}


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"identifier": f"s{n}", "name": f"Service {n}"} for n in range(count)]


def put(client: FlaskClient, *listed: Any) -> TestResponse:
    return client.put("/sandbox/catalog", json=list(listed))


def page(client: FlaskClient, **query: Any) -> Any:
    return client.get(f"/{METHOD}", query_string=query, headers=AUTH).json


def identifiers(answer: Any) -> list[str]:
    return [each["identifier"] for each in answer["entities"]]


# What the sandbox does


def test_a_catalog_is_listed_as_it_was_put(client: FlaskClient) -> None:
    """Entities come back with every key, in one last page that names no next one."""
    put(client, PAYMENTS | {"description": "Takes money."})
    assert page(client) == {
        "ok": True,
        "entities": [PAYMENTS | {"description": "Takes money."}],
        "response_metadata": {"next_cursor": None},
    }


@pytest.mark.parametrize(("query", "sizes"), [({}, [50, 50, 20]), ({"limit": 100}, [100, 20])])
def test_pages_follow_each_other(client: FlaskClient, query: dict[str, Any], sizes: list[int]) -> None:
    """A page has 50 entities or as many as the limit says; the cursors lead through all of them once."""
    put(client, *numbered(120))
    pages = [page(client, **query)]
    while cursor := pages[-1]["response_metadata"]["next_cursor"]:
        pages.append(page(client, cursor=cursor, **query))
    assert [len(each["entities"]) for each in pages] == sizes
    assert [name for each in pages for name in identifiers(each)] == [f"s{n}" for n in range(120)]


def test_a_full_last_page_is_the_last(client: FlaskClient) -> None:
    """A catalog that fills its last page leads to no empty one."""
    put(client, *numbered(50))
    assert page(client)["response_metadata"]["next_cursor"] is None


def test_a_cursor_may_be_used_again(client: FlaskClient) -> None:
    """The same cursor gives the same page: a call that failed can be repeated."""
    put(client, *numbered(60))
    cursor = page(client)["response_metadata"]["next_cursor"]
    assert page(client, cursor=cursor)["entities"] == page(client, cursor=cursor)["entities"]


def test_the_catalog_is_filtered(client: FlaskClient) -> None:
    """`type` selects exactly, `search_term` by a part of identifier or name, whatever its case."""
    put(client, PAYMENTS, {"identifier": "edge", "type": "domain"}, {"identifier": "search"})
    assert identifiers(page(client, type="service")) == ["payments", "search"]
    assert identifiers(page(client, search_term="PAY")) == ["payments"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "type=", "cursor=x", "page=2"])
def test_bad_queries_are_refused(client: FlaskClient, query: str) -> None:
    """A query that is not documented is invalid_arguments, naming its key."""
    answer: Any = client.get(f"/{METHOD}?{query}", headers=AUTH)
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_arguments")
    assert query.partition("=")[0] in answer.json["message"]


def test_a_cursor_of_an_earlier_catalog_is_refused(client: FlaskClient) -> None:
    """Cursors end with the catalog that they were given out for."""
    put(client, *numbered(60))
    cursor = page(client)["response_metadata"]["next_cursor"]
    put(client, *numbered(60))
    assert page(client, cursor=cursor)["error"] == "invalid_arguments"


def test_the_catalog_needs_the_token(client: FlaskClient) -> None:
    """The method is a call like any: it asks for the token and is logged."""
    assert client.get(f"/{METHOD}").json["error"] == "not_authed"  # type: ignore[index]
    assert [(call["method"], call["error"]) for call in calls(client)] == [(METHOD, "not_authed")]


def test_a_late_listing_harms_nothing(client: FlaskClient, world: World) -> None:
    """A listing that a fault puts off can still be carried out when its request is gone."""
    put(client, PAYMENTS)
    switch_on(client, {"late": 3, "method": METHOD})
    with pytest.raises(ConnectionResetError):
        page(client)
    answer: Any = world.waiting[0][1]()
    assert identifiers(answer.body) == ["payments"]


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ({}, "Invalid input type"),
        ([{}], "0.identifier"),
        ([{"identifier": " "}], "0.identifier"),
        ([{"identifier": "a", "type": ""}], "0.type"),
        ([{"identifier": "a", "aliases": {"pagerduty_service": [{"id": 1}]}}], "0.aliases"),
    ],
)
def test_bad_catalogs_are_told(client: FlaskClient, listed: Any, words: str) -> None:
    """What is no list of entities is a 400 that says where, and changes nothing."""
    put(client, PAYMENTS)
    answer: Any = client.put("/sandbox/catalog", json=listed)
    assert answer.status_code == 400
    assert words in answer.json["message"]
    assert client.get("/sandbox/catalog").json == {"entities": [PAYMENTS]}


def test_a_reset_forgets_the_catalog(client: FlaskClient) -> None:
    """After a reset the catalog is empty."""
    put(client, PAYMENTS)
    client.post("/sandbox/reset")
    assert client.get("/sandbox/catalog").json == {"entities": []}


# What the bridge makes of it


class Remote:
    """A sandbox that listens, and the pauses that its reader took."""

    def __init__(self, url: str) -> None:
        self.url, self.pauses = url, list[float]()

    def put(self, what: str, listed: list[Any]) -> None:
        assert requests.put(f"{self.url}/sandbox/{what}", json=listed, timeout=10).status_code == 200

    def fail(self, **fault: Any) -> None:
        self.put("faults", [{"method": METHOD} | fault])

    def read(self, token: str = TOKEN, timeout: float = 10) -> list[Entity]:
        return list(entities(self.url, Secret(token), timeout, sleep=self.pauses.append))

    def calls(self) -> int:
        return int(requests.get(f"{self.url}/sandbox/calls", timeout=10).json()["total"])


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Return what slow answers wait for."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def remote(release: threading.Event) -> Iterator[Remote]:
    """Return a sandbox on a real socket, which holds one service; its slow answers wait to be released."""
    with running(create_sandbox(TOKEN, sleep=lambda _: release.wait(30) and None)) as url:
        remote = Remote(url)
        remote.put("catalog", [PAYMENTS])
        yield remote
        release.set()


def test_a_service_is_read(remote: Remote) -> None:
    """An entity has its identifier, its name and its aliases at incident tools."""
    assert remote.read() == [Entity("payments", "Payments", ("PACME01",))]


def test_all_pages_are_read(remote: Remote) -> None:
    """250 services come whole and in order, in three calls; what is no service is left out."""
    remote.put("catalog", [*numbered(250), {"identifier": "ops", "type": "team"}])
    assert [each.identifier for each in remote.read()] == [f"s{n}" for n in range(250)]
    assert remote.calls() == 3


def test_pages_are_read_as_they_are_needed(remote: Remote) -> None:
    """Who stops in the first page costs one call."""
    remote.put("catalog", numbered(250))
    reader = entities(remote.url, Secret(TOKEN), 10)
    assert next(reader).identifier == "s0"
    reader.close()  # type: ignore[attr-defined]
    assert remote.calls() == 1


def test_an_empty_catalog_has_no_services(remote: Remote) -> None:
    """No entities is an answer, not an error."""
    remote.put("catalog", [])
    assert remote.read() == []


def test_a_wrong_token_is_told_with_its_remedy(remote: Remote) -> None:
    """A refused token is told at once: which scope to take and where to set it, without the token."""
    with pytest.raises(CatalogError, match=r"catalog:read.*DX_WEB_API_TOKEN") as told:
        remote.read("another-token-0123456789")
    assert "another-token" not in str(told.value)
    assert (remote.calls(), remote.pauses) == (1, [])


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 403, "body": {"ok": False, "error": "forbidden"}},
        {"status": 422, "body": {"ok": False, "error": "missing_scope"}},
        {"status": 200, "body": {"ok": False, "error": "account_inactive"}},
    ],
    ids=["forbidden", "scope", "inactive"],
)
def test_a_token_without_the_right_is_told_with_its_remedy(remote: Remote, answer: dict[str, Any]) -> None:
    """Whatever DX calls it: a token that may not list the catalog leads to the same remedy."""
    remote.fail(**answer)
    with pytest.raises(CatalogError, match="catalog:read"):
        remote.read()


def test_a_quoted_token_is_not_shown(remote: Remote) -> None:
    """A token that an answer repeats does not get into the text, not even as the half that fits in."""
    body = {"ok": False, "error": "invalid_arguments", "message": "x" * 490 + TOKEN}
    remote.fail(status=422, body=body)
    with pytest.raises(CatalogError) as told:
        remote.read()
    assert TOKEN[:6] not in str(told.value)
    assert "x***" in str(told.value)


def test_a_busy_dx_is_given_the_time_it_asks_for(remote: Remote) -> None:
    """After a 429 the same page is read again when DX's Retry-After is over; nothing is lost or twice."""
    remote.put("catalog", numbered(150))
    remote.fail(status=429, headers={"Retry-After": "7"}, times=2)
    assert [each.identifier for each in remote.read()] == [f"s{n}" for n in range(150)]
    assert remote.pauses == [7, 7]


def test_a_page_in_the_middle_is_tried_again(remote: Remote) -> None:
    """A failure between two pages is repeated with the cursor that failed."""
    remote.put("catalog", numbered(250))
    reader = entities(remote.url, Secret(TOKEN), 10, sleep=remote.pauses.append)
    first = [next(reader) for _ in range(100)]
    remote.fail(status=503, times=1)
    assert [each.identifier for each in (*first, *reader)] == [f"s{n}" for n in range(250)]
    assert len(remote.pauses) == 1


def test_a_long_pause_is_left_to_people(remote: Remote) -> None:
    """A Retry-After of more than a minute ends the reading at once, in words."""
    remote.fail(status=429, headers={"Retry-After": "61"})
    with pytest.raises(CatalogError, match="pause of more than a minute"):
        remote.read()
    assert (remote.calls(), remote.pauses) == (1, [])


@pytest.mark.parametrize(
    ("fault", "words"),
    [({"status": 503}, "http_503"), ({"status": 429}, "http_429"), ({"reset": "before"}, "ConnectionError")],
)
def test_an_outage_ends_in_words(remote: Remote, fault: dict[str, Any], words: str) -> None:
    """What stays out of order is tried four times, with growing pauses of seconds, and then told."""
    remote.fail(**fault)
    with pytest.raises(CatalogError, match=words):
        remote.read()
    assert remote.calls() == 4
    assert all(0 <= pause <= most for pause, most in zip(remote.pauses, (1, 2, 4), strict=True))


def test_nobody_there_is_told() -> None:
    """An address where nothing listens is told with the address."""
    with running(create_sandbox(TOKEN)) as url:
        pass
    with pytest.raises(CatalogError, match=f"{url} does not answer"):
        list(entities(url, Secret(TOKEN), 10, sleep=lambda _: None))


@pytest.mark.parametrize(
    "answer",
    [
        {"non_json": True},
        {"status": 404, "body": "<h1>Not here</h1>"},
        {"status": 403, "body": "<h1>Blocked</h1>"},
        {"status": 200, "body": {"entities": []}},
        {"status": 200, "body": []},
    ],
    ids=["page", "missing", "blocked", "not-ok", "list"],
)
def test_what_is_not_dx_is_told(remote: Remote, answer: dict[str, Any]) -> None:
    """A page of HTML or foreign JSON ends the reading at once with a question about the address."""
    remote.fail(**answer)
    with pytest.raises(CatalogError, match=f"{remote.url} answers .* not with DX's JSON"):
        remote.read()
    assert (remote.calls(), remote.pauses) == (1, [])


def test_a_refusal_is_told_in_dx_words(remote: Remote) -> None:
    """Any other refusal is told with DX's code and message."""
    remote.fail(status=422, body={"ok": False, "error": "invalid_arguments", "message": "limit is too high"})
    with pytest.raises(CatalogError, match="invalid_arguments: limit is too high"):
        remote.read()


def test_a_slow_answer_is_not_waited_for(remote: Remote) -> None:
    """An answer that does not come in time counts as none, and the call is tried again."""
    remote.fail(delay=60, times=1)
    assert [each.identifier for each in remote.read(timeout=0.3)] == ["payments"]
    assert len(remote.pauses) == 1


def test_answers_that_stay_slow_are_told(remote: Remote) -> None:
    """When no answer comes in time at all, the text says how long was waited."""
    remote.fail(hang=60)
    with pytest.raises(CatalogError, match=r"nothing within 0\.2 s"):
        remote.read(timeout=0.2)
