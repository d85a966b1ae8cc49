"""The stand-in for DX: what it accepts, what it keeps, and how it fails when told to."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.sandbox import create_sandbox, running
from app.sandbox.page import duration

TOKEN = "token-of-the-sandbox"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
START = "2024-01-01T11:22:33Z"
FULL = {
    "reference_id": "R1",
    "started_at": START,
    "resolved_at": None,
    "name": "Database is slow",
    "priority": "P1",
    "source_url": "https://example.org/R1",
    "services": [{"identifier": "payments", "name": "Payments"}, {"identifier": "edge"}],
    "metadata": {"source": "pagerduty", "teams": ["a", "b"]},
}


class World:
    """The sandbox's sleep and timer, by hand: seconds slept, and what waits to be done later."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.waiting: list[tuple[float, Callable[[], object]]] = []

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        self.waiting.append((seconds, act))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> FlaskClient:
    return create_sandbox(TOKEN, seed=1, sleep=world.slept.append, later=world.later).test_client()


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with running(create_sandbox(TOKEN)) as url:
        host, port = url.removeprefix("http://").split(":")
        yield host, int(port)


def upsert(client: FlaskClient, **body: Any) -> TestResponse:
    return client.post(
        "/api/incidents.upsert", json={"reference_id": "R1", "started_at": START} | body, headers=AUTH
    )


def post(client: FlaskClient, data: Any, content_type: str = "application/json") -> TestResponse:
    return client.post("/api/incidents.upsert", data=data, headers=AUTH, content_type=content_type)


def delete(client: FlaskClient, **body: Any) -> TestResponse:
    return client.post("/api/incidents.delete", json=body, headers=AUTH)


def switch_on(client: FlaskClient, *faults: dict[str, Any]) -> TestResponse:
    return client.put("/sandbox/faults", json=list(faults))


def held(client: FlaskClient, reference_id: str = "R1") -> Any:
    return client.get(f"/sandbox/incidents/{reference_id}").json


def calls(client: FlaskClient, query: str = "") -> list[Any]:
    log: Any = client.get(f"/sandbox/calls{query}").json
    return list(log["calls"])


def test_keeps_everything_it_is_told(client: FlaskClient) -> None:
    """An upsert is kept field by field, with the number of calls that named the incident."""
    answer = upsert(client, **FULL)
    assert (answer.status_code, answer.json) == (200, {"ok": True})
    assert held(client) == FULL | {"calls": 1}
    assert client.get("/sandbox/incidents").json == {"incidents": [FULL | {"calls": 1}]}


def test_omitted_keys_stay(client: FlaskClient) -> None:
    """A key that an upsert omits keeps what was held."""
    upsert(client, **FULL)
    upsert(client, name="Database is down")
    assert held(client) == FULL | {"name": "Database is down", "calls": 2}


@pytest.mark.parametrize("nothing", [None, []])
def test_services_are_cleared(client: FlaskClient, nothing: Any) -> None:
    """services: null and [] both clear the services."""
    upsert(client, **FULL)
    upsert(client, services=nothing)
    assert held(client)["services"] == []


@pytest.mark.parametrize("nothing", [None, {}])
def test_metadata_is_cleared(client: FlaskClient, nothing: Any) -> None:
    """metadata: null and {} both clear the metadata."""
    upsert(client, **FULL)
    upsert(client, metadata=nothing)
    assert held(client)["metadata"] == {}


def test_present_values_replace_in_full(client: FlaskClient) -> None:
    """Services and metadata are replaced, not merged."""
    upsert(client, **FULL)
    upsert(client, services=[{"identifier": "search"}], metadata={"urgency": "high"})
    assert held(client)["services"] == [{"identifier": "search"}]
    assert held(client)["metadata"] == {"urgency": "high"}


@pytest.mark.parametrize("field", ["name", "priority", "source_url", "resolved_at"])
def test_null_clears_a_scalar(client: FlaskClient, field: str) -> None:
    """A scalar that is null is cleared."""
    upsert(client, **(FULL | {"resolved_at": "2024-01-01T12:00:00Z"}))
    upsert(client, **{field: None})
    assert held(client)[field] is None


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_authed"),
        ({"Authorization": "Bearer "}, "not_authed"),
        ({"Authorization": f"Basic {TOKEN}"}, "not_authed"),
        ({"Authorization": f"Bearer {TOKEN}x"}, "invalid_auth"),
        ({"Authorization": "Bearer é"}, "invalid_auth"),
    ],
)
@pytest.mark.parametrize("data", ["{}", "["])
def test_wrong_tokens_are_refused(client: FlaskClient, headers: dict[str, str], code: str, data: str) -> None:
    """A missing or wrong token is told before anything else, as 422."""
    answer: Any = client.post("/api/incidents.upsert", data=data, headers=headers)
    assert (answer.status_code, answer.json["ok"], answer.json["error"]) == (422, False, code)
    assert calls(client)[0]["applied"] is False


def test_a_token_can_be_checked(client: FlaskClient) -> None:
    """A read of custom data tells whether the token is good and changes nothing."""
    path = "/api/customData.getAllByReference?reference=dx-bridge-selfcheck"
    assert client.get(path, headers=AUTH).json == {"ok": True, "data": []}
    assert client.get(path).json["error"] == "not_authed"  # type: ignore[index]
    assert [call["applied"] for call in calls(client)] == [False, False]


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ("[", "application/json"),
        ("", "application/json"),
        (b"\xff\xfe{", "application/json"),
        ('{"metadata": NaN}', "application/json"),
        ('{"metadata": {"x": 1e999}}', "application/json"),
        (r'{"name": "\ud800"}', "application/json"),
        ("[" * 100_000, "application/json"),
        ('{"metadata": ' + "[" * 900 + "]" * 900 + "}", "application/json"),
        ('{"x": ' + "1" * 5_000 + "}", "application/json"),
        (json.dumps(FULL), "application/x-www-form-urlencoded"),
    ],
    ids=[
        "broken",
        "empty",
        "not-utf-8",
        "nan",
        "infinite",
        "surrogate",
        "endless",
        "deep",
        "long-number",
        "form",
    ],
)
def test_only_json_is_taken(client: FlaskClient, data: Any, content_type: str) -> None:
    """A body that is not JSON, or does not say that it is, is invalid_json."""
    answer = post(client, data, content_type)
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_json")  # type: ignore[index]
    assert client.get("/").status_code == client.get("/sandbox/calls").status_code == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reference_id": ""}, "invalid_arguments"),
        ({"reference_id": " "}, "invalid_arguments"),
        ({"reference_id": 7}, "invalid_arguments"),
        ({"name": 7}, "invalid_arguments"),
        ({"severity": "high"}, "invalid_arguments"),
        ({"services": ["payments"]}, "invalid_arguments"),
        ({"services": {"identifier": "payments"}}, "invalid_arguments"),
        ({"services": [{"name": "Payments"}]}, "invalid_arguments"),
        ({"services": [{"identifier": ""}]}, "invalid_arguments"),
        ({"services": [{"identifier": "payments", "id": 7}]}, "invalid_arguments"),
        ({"started_at": None}, "invalid_timestamp"),
        ({"started_at": "2024-01-01"}, "invalid_timestamp"),
        ({"started_at": "2024-01-01T11:22:33"}, "invalid_timestamp"),
        ({"started_at": "2024-01-01 11:22:33Z"}, "invalid_timestamp"),
        ({"started_at": "2024-13-01T11:22:33Z"}, "invalid_timestamp"),
        ({"started_at": 1704108153}, "invalid_timestamp"),
        ({"resolved_at": "soon"}, "invalid_timestamp"),
        ({"resolved_at": "2024-01-01T11:22:32Z"}, "invalid_timestamp"),
        ({"resolved_at": "2024-01-01T12:00:00+01:00"}, "invalid_timestamp"),
        ({"metadata": []}, "metadata_invalid"),
        ({"metadata": "high"}, "metadata_invalid"),
        ({"metadata": {"a.b": 1}}, "metadata_invalid"),
        ({"metadata": {"": 1}}, "metadata_invalid"),
        ({"metadata": {"a\n": 1}}, "metadata_invalid"),
        ({"metadata": {"é": 1}}, "metadata_invalid"),
    ],
    ids=repr,
)
def test_bad_documents_are_refused(client: FlaskClient, change: dict[str, Any], code: str) -> None:
    """A document that DX would not take is refused with its code and a message, and changes nothing."""
    upsert(client, **FULL)
    answer: Any = upsert(client, **change)
    assert (answer.status_code, answer.json["ok"], answer.json["error"]) == (422, False, code)
    assert next(iter(change)) in answer.json["message"]
    assert held(client)["name"] == FULL["name"]
    assert len(client.get("/sandbox/incidents").json["incidents"]) == 1  # type: ignore[index]


@pytest.mark.parametrize("body", [{}, {"reference_id": "R1"}, {"started_at": START}, [], "text", 7, None])
def test_required_keys_are_required(client: FlaskClient, body: Any) -> None:
    """What is no object, or lacks a required key, is invalid_arguments."""
    assert post(client, json.dumps(body)).json["error"] == "invalid_arguments"  # type: ignore[index]


@pytest.mark.parametrize("ending", [START, "2024-01-01T11:22:33.5Z", "2024-01-01T12:22:33+01:00"])
def test_an_incident_may_end_as_it_starts(client: FlaskClient, ending: str) -> None:
    """resolved_at may equal started_at and carry any zone."""
    assert upsert(client, resolved_at=ending).status_code == 200
    assert held(client)["resolved_at"] == ending


def test_delete_tells_what_it_did(client: FlaskClient) -> None:
    """A delete removes the incident; the same again says not_found."""
    upsert(client, **FULL)
    answers = [delete(client, reference_id="R1").json for _ in range(2)]
    assert answers == [
        {"ok": True, "action": action, "reference_id": "R1"} for action in ("deleted", "not_found")
    ]
    assert client.get("/sandbox/incidents/R1").status_code == 404


def test_a_deleted_incident_leaves_nothing(client: FlaskClient) -> None:
    """An upsert after a delete starts from nothing."""
    upsert(client, **FULL)
    delete(client, reference_id="R1")
    upsert(client)
    assert held(client)["services"] == []


def test_delete_takes_integers(client: FlaskClient) -> None:
    """incidents.delete takes a text or an integer for the reference."""
    upsert(client, reference_id="7")
    assert delete(client, reference_id=7).json == {"ok": True, "action": "deleted", "reference_id": 7}


@pytest.mark.parametrize("body", [{}, {"reference_id": None}, {"reference_id": True}, {"id": "R1"}])
def test_bad_deletes_are_refused(client: FlaskClient, body: dict[str, Any]) -> None:
    """A delete without a usable reference is invalid_arguments."""
    assert delete(client, **body).json["error"] == "invalid_arguments"  # type: ignore[index]


def test_errors_of_http_are_json(client: FlaskClient) -> None:
    """An unknown method and a wrong verb are answered in JSON."""
    unknown, verb = client.post("/api/incidents.list"), client.get("/api/incidents.upsert")
    assert (unknown.status_code, unknown.json["error"]) == (404, "not_found")  # type: ignore[index]
    assert (verb.status_code, verb.json["error"]) == (405, "method_not_allowed")  # type: ignore[index]
    assert "POST" in verb.headers["Allow"]


def test_calls_are_logged_in_the_order_of_their_ends(client: FlaskClient) -> None:
    """The log numbers calls from 1, with the body as it came and the answer as it went."""
    upsert(client, name="a")
    upsert(client, reference_id="R2", x=1)
    log = calls(client)
    assert [(call["n"], call["reference_id"], call["status"]) for call in log] == [
        (1, "R1", 200),
        (2, "R2", 422),
    ]
    assert [(call["applied"], call["error"]) for call in log] == [(True, None), (False, "invalid_arguments")]
    assert log[0]["body"] == {"reference_id": "R1", "started_at": START, "name": "a"}
    assert log[0]["method"] == "incidents.upsert"
    assert log[0]["started"] <= log[0]["applied_at"] <= log[0]["ended"] <= log[1]["started"]


def test_calls_can_be_followed(client: FlaskClient) -> None:
    """A number to start after and a reference_id select calls; the total counts all."""
    for reference_id in ("R1", "R2", "R1"):
        upsert(client, reference_id=reference_id)
    assert [call["n"] for call in calls(client, "?after=1")] == [2, 3]
    assert [call["n"] for call in calls(client, "?reference_id=R1")] == [1, 3]
    assert client.get("/sandbox/calls?after=9").json["total"] == 3  # type: ignore[index]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=1.5", "since=1"])
def test_bad_queries_are_told(client: FlaskClient, query: str) -> None:
    """A query that means nothing is a 400 with a message."""
    answer: Any = client.get(f"/sandbox/calls?{query}")
    assert answer.status_code == 400
    assert query.split("=", maxsplit=1)[0] in answer.json["message"]


def test_a_running_call_is_seen() -> None:
    """While a call is in flight the log says so, and no longer afterwards."""
    seen: list[Any] = []
    app: Any = create_sandbox(
        TOKEN, sleep=lambda _: seen.append(app.test_client().get("/sandbox/calls").json)
    )
    client = app.test_client()
    switch_on(client, {"delay": 1})
    upsert(client)
    assert [call["reference_id"] for call in seen[0]["in_flight"]] == ["R1"]
    assert client.get("/sandbox/calls").json["in_flight"] == []


@pytest.mark.parametrize(("references", "most"), [(("R1", "R1"), 2), (("R1", "R2"), 1)])
def test_calls_at_once_are_counted(references: tuple[str, str], most: int) -> None:
    """The log keeps how many calls were in flight at once, for one incident and in all."""
    both = threading.Barrier(2, timeout=10)
    app = create_sandbox(TOKEN, sleep=lambda _: both.wait() and None)
    switch_on(app.test_client(), {"delay": 1})
    threads = [
        threading.Thread(target=upsert, args=(app.test_client(),), kwargs={"reference_id": reference})
        for reference in references
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log: Any = app.test_client().get("/sandbox/calls").json
    assert (log["max_in_flight"], log["max_in_flight_per_incident"]) == (2, most)


def test_calls_one_after_the_other_are_not_at_once(client: FlaskClient) -> None:
    """Calls in a row count as one in flight."""
    for _ in range(3):
        upsert(client)
    log: Any = client.get("/sandbox/calls").json
    assert (log["max_in_flight"], log["max_in_flight_per_incident"]) == (1, 1)


def test_reset_forgets_everything(client: FlaskClient) -> None:
    """A reset forgets incidents, calls, counts and faults."""
    upsert(client)
    switch_on(client, {"status": 503})
    assert client.post("/sandbox/reset").json == {"ok": True}
    assert client.get("/sandbox/incidents").json == {"incidents": []}
    assert client.get("/sandbox/faults").json == {"faults": []}
    log: Any = client.get("/sandbox/calls").json
    assert (log["calls"], log["total"], log["max_in_flight"]) == ([], 0, 0)


def test_a_status_with_headers(client: FlaskClient) -> None:
    """A status fault answers with its status, headers and body, and applies nothing."""
    body = {"ok": False, "error": "ratelimited"}
    switch_on(
        client, {"status": 429, "headers": {"retry-after": "2", "content-type": "text/x"}, "body": body}
    )
    answer = upsert(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert (answer.content_type, json.loads(answer.data)) == ("text/x", body)
    assert client.get("/sandbox/incidents").json == {"incidents": []}
    assert (calls(client)[0]["fault"], calls(client)[0]["error"]) == ("status", "ratelimited")


@pytest.mark.parametrize("body", [{}, {"body": "<h1>Bad gateway</h1>"}])
def test_a_status_without_json(client: FlaskClient, body: dict[str, str]) -> None:
    """Without a body, or with a text, a status fault answers with plain text."""
    switch_on(client, {"status": 502} | body)
    assert upsert(client).content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize("effect", [{"status": 504}, {"non_json": True}])
def test_apply_in_spite_of_the_answer(client: FlaskClient, effect: dict[str, Any]) -> None:
    """With apply, the call is applied although the answer does not say so."""
    switch_on(client, effect | {"apply": True})
    upsert(client)
    assert held(client)["reference_id"] == "R1"
    assert calls(client)[0]["applied"] is True


def test_non_json(client: FlaskClient) -> None:
    """non_json answers 200 with HTML and applies nothing."""
    switch_on(client, {"non_json": True})
    answer = upsert(client)
    assert (answer.status_code, answer.mimetype, answer.json if answer.is_json else None) == (
        200,
        "text/html",
        None,
    )
    assert calls(client)[0]["applied"] is False


def test_an_error_of_dx(client: FlaskClient) -> None:
    """An error fault answers in DX's own words with 422 and applies nothing."""
    switch_on(client, {"error": "invalid_auth"})
    answer: Any = upsert(client)
    assert (answer.status_code, answer.json["ok"], answer.json["error"]) == (422, False, "invalid_auth")
    assert calls(client)[0]["applied"] is False


@pytest.mark.parametrize(("when", "applied"), [("before", False), ("after", True)])
def test_a_reset(client: FlaskClient, when: str, applied: bool) -> None:
    """A reset breaks the connection without an answer, before or after the call is applied."""
    switch_on(client, {"reset": when})
    with pytest.raises(ConnectionResetError):
        upsert(client)
    log = calls(client)
    assert [(call["status"], call["applied"], call["fault"]) for call in log] == [(None, applied, "reset")]


def test_a_late_call_is_applied_when_the_client_is_gone(client: FlaskClient, world: World) -> None:
    """A late fault breaks the connection at once and applies the call after its seconds."""
    switch_on(client, {"late": 3, "times": 1})
    with pytest.raises(ConnectionResetError):
        upsert(client, name="old")
    upsert(client, name="new")
    assert (held(client)["name"], calls(client)[0]["applied"]) == ("new", False)
    [(seconds, act)] = world.waiting
    act()
    assert (seconds, held(client)["name"], calls(client)[0]["applied"]) == (3, "old", True)
    assert client.get("/sandbox/calls").json["max_in_flight_per_incident"] == 1  # type: ignore[index]


def test_a_late_call_is_forgotten_by_a_reset(client: FlaskClient, world: World) -> None:
    """What a late fault applies after a reset is not seen."""
    switch_on(client, {"late": 3})
    with pytest.raises(ConnectionResetError):
        upsert(client)
    client.post("/sandbox/reset")
    world.waiting[0][1]()
    assert client.get("/sandbox/incidents").json == {"incidents": []}


def test_a_late_call_is_checked_like_any(client: FlaskClient, world: World) -> None:
    """A late call that DX would refuse is never applied."""
    switch_on(client, {"late": 3})
    with pytest.raises(ConnectionResetError):
        upsert(client, started_at="soon")
    world.waiting[0][1]()
    assert client.get("/sandbox/incidents").json == {"incidents": []}


def test_delays_add_up(client: FlaskClient, world: World) -> None:
    """All delays that fit are waited for before the call is applied and answered as ever."""
    switch_on(client, {"delay": 2}, {"delay": [1, 1], "name": "slow"}, {"delay": 9, "reference_id": "R2"})
    assert upsert(client).status_code == 200
    assert (world.slept, calls(client)[0]["fault"]) == ([3.0], "delay")


def test_a_delay_within_bounds(client: FlaskClient, world: World) -> None:
    """A delay of two numbers lies between them."""
    switch_on(client, {"delay": [1, 2]})
    for _ in range(20):
        upsert(client)
    assert all(1 <= seconds <= 2 for seconds in world.slept)
    assert len(set(world.slept)) > 1


def test_a_delay_goes_with_an_effect(client: FlaskClient, world: World) -> None:
    """A delay in a fault with an effect is waited for first."""
    switch_on(client, {"delay": 2, "status": 503}, {"delay": 1})
    assert upsert(client).status_code == 503
    assert (world.slept, calls(client)[0]["fault"]) == ([3.0], "status")


def test_a_hang_comes_after_applying() -> None:
    """A hanging call is applied first and answered when its seconds are over."""
    seen: list[tuple[float, Any]] = []
    app: Any = create_sandbox(
        TOKEN, sleep=lambda seconds: seen.append((seconds, held(app.test_client())["name"]))
    )
    client = app.test_client()
    switch_on(client, {"hang": 20})
    assert upsert(client, name="a").json == {"ok": True}
    assert seen == [(20, "a")]


def test_the_first_effect_wins(client: FlaskClient) -> None:
    """Of several faults that fit, the first with an effect decides; the others are not used up."""
    switch_on(client, {"status": 500, "times": 1}, {"status": 502, "times": 1})
    assert [upsert(client).status_code for _ in range(3)] == [500, 502, 200]


def test_times_counts_down(client: FlaskClient) -> None:
    """A fault applies so many times, shows what is left, and is then gone."""
    switch_on(client, {"status": 503, "times": 2})
    upsert(client)
    shown = {"name": "status", "share": 1.0, "times": 1, "status": 503}
    assert client.get("/sandbox/faults").json == {"faults": [shown]}
    upsert(client)
    assert client.get("/sandbox/faults").json == {"faults": []}


def test_selectors(client: FlaskClient) -> None:
    """A fault hits the named incident and method only."""
    switch_on(client, {"status": 503, "reference_id": "R1", "method": "incidents.delete"})
    answers = [upsert(client), delete(client, reference_id="R2"), delete(client, reference_id="R1")]
    assert [answer.status_code for answer in answers] == [200, 200, 503]


def test_a_share_is_repeatable() -> None:
    """A share hits about that part of the calls, the same ones for the same seed."""

    def statuses() -> list[int]:
        client = create_sandbox(TOKEN, seed=7).test_client()
        switch_on(client, {"status": 503, "share": 0.3})
        return [upsert(client).status_code for _ in range(200)]

    first = statuses()
    assert first == statuses()
    assert 40 <= first.count(503) <= 80


def test_faults_can_be_put_again(client: FlaskClient) -> None:
    """What GET shows of the faults is what PUT takes; DELETE switches all off."""
    answer: Any = switch_on(
        client, {"delay": [1, 2], "share": 0.5}, {"reset": "after", "times": 3, "name": "x"}
    )
    assert switch_on(client, *answer.json["faults"]).json == answer.json
    assert client.delete("/sandbox/faults").json == {"faults": []}


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({}, "Needs one effect"),
        ({"share": 0.5}, "Needs one effect"),
        ({"status": 503, "reset": "after"}, "Needs one effect"),
        ({"status": 99}, "0.status"),
        ({"status": True}, "0.status"),
        ({"status": 503, "share": 1.1}, "0.share"),
        ({"status": 503, "times": 0}, "0.times"),
        ({"status": 503, "headers": {"X": "a\r\nb"}}, "0.headers.X"),
        ({"status": 503, "method": "incidents.list"}, "0.method"),
        ({"reset": "now"}, "0.reset"),
        ({"reset": "after", "body": "x"}, "go with status"),
        ({"error": "x", "apply": True}, "apply goes with"),
        ({"delay": [2, 1]}, "0.delay"),
        ({"delay": [1]}, "0.delay"),
        ({"delay": "long"}, "0.delay"),
        ({"delay": True}, "0.delay"),
        ({"delay": -1}, "0.delay"),
        ({"hang": 1e9}, "0.hang"),
        ({"late": -1}, "0.late"),
        ({"non_json": False}, "0.non_json"),
        ({"explode": True}, "0.explode"),
    ],
    ids=repr,
)
def test_bad_faults_are_told(client: FlaskClient, definition: dict[str, Any], words: str) -> None:
    """A bad definition is a 400 that names it, and leaves the faults as they were."""
    switch_on(client, {"delay": 1})
    answer: Any = switch_on(client, definition)
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
    assert words in answer.json["message"]
    assert client.get("/sandbox/faults").json["faults"][0]["delay"] == [1.0, 1.0]  # type: ignore[index]


@pytest.mark.parametrize("data", ["{", '{"status": 503}', "7", '["status"]'])
def test_faults_are_a_list(client: FlaskClient, data: str) -> None:
    """What is not a JSON list of objects is a 400."""
    assert client.put("/sandbox/faults", data=data).status_code == 400


def test_the_page_shows_incidents_calls_and_faults(client: FlaskClient) -> None:
    """The page shows what is held, what was called and what is switched on, and lets nothing run."""
    upsert(client, **(FULL | {"name": "<script>", "resolved_at": "2024-01-01T13:29:33Z"}))
    upsert(client, reference_id="R2", source_url="javascript:alert(1)")
    switch_on(client, {"status": 503, "name": "outage"})
    answer = client.get("/")
    for text in ("&lt;script&gt;", "2 h 07 min", "payments", "open", "outage", "incidents.upsert"):
        assert text in answer.text
    assert 'href="javascript:' not in answer.text
    assert "script" not in answer.headers["Content-Security-Policy"]


def test_an_empty_page(client: FlaskClient) -> None:
    """A sandbox that was told nothing has a page too."""
    assert "None yet" in client.get("/").text


@pytest.mark.parametrize(
    ("seconds", "text"), [(42, "42 s"), (185, "3 min 05 s"), (7620, "2 h 07 min"), (273_600, "3 d 04 h")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    """A duration is told in its two largest units."""
    assert duration(seconds) == text


def over_http(connection: http.client.HTTPConnection, body: dict[str, Any]) -> int:
    connection.request(
        "POST", "/api/incidents.upsert", json.dumps(body), AUTH | {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_connections_stay_open(address: tuple[str, int]) -> None:
    """Calls, refused ones too, go over one connection."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    assert over_http(connection, FULL) == 200
    first = connection.sock
    assert [over_http(connection, {}), over_http(connection, FULL)] == [422, 200]
    assert connection.sock is first
    connection.close()


@pytest.mark.parametrize("effect", [{"reset": "before"}, {"reset": "after"}, {"late": 0}])
def test_a_broken_connection_is_reset(
    address: tuple[str, int], effect: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """A reset is a TCP RST, without a word in the sandbox's output."""
    control, connection = (http.client.HTTPConnection(*address, timeout=10) for _ in range(2))
    control.request("PUT", "/sandbox/faults", json.dumps([effect | {"times": 1}]))
    assert control.getresponse().read()
    with pytest.raises(ConnectionResetError):
        over_http(connection, FULL)
    connection.close()
    assert over_http(connection, FULL) == 200
    connection.close()
    control.close()
    assert capfd.readouterr() == ("", "")


def test_a_body_cut_short_is_never_applied(
    address: tuple[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    """A request whose body ends early is not a call."""
    head = "POST /api/incidents.upsert HTTP/1.1\r\nHost: dx\r\nContent-Length: 99\r\n\r\n{"
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    control = http.client.HTTPConnection(*address, timeout=10)
    control.request("GET", "/sandbox/calls")
    assert json.load(control.getresponse())["total"] == 0
    control.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("header", ["Content-Length: x", "Content-Length: -1", "Transfer-Encoding: chunked"])
def test_a_bad_length_is_refused(address: tuple[str, int], header: str) -> None:
    """A body whose length cannot be told is a 400, and the connection ends."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(
            f"POST /api/incidents.upsert HTTP/1.1\r\nHost: dx\r\n{header}\r\n\r\nzz\r\n".encode()
        )
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_bodies_in_chunks_are_read(address: tuple[str, int]) -> None:
    """A chunked body is taken, and the connection stays usable."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    headers = AUTH | {"Content-Type": "application/json"}
    connection.request("POST", "/api/incidents.upsert", iter([json.dumps(FULL).encode()]), headers)
    assert json.load(connection.getresponse()) == {"ok": True}
    assert over_http(connection, FULL) == 200
    connection.close()


def test_a_stopped_sandbox_answers_nobody() -> None:
    """When the sandbox stops, its open connections end with it."""
    with running(create_sandbox(TOKEN)) as url:
        host, port = url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        assert over_http(connection, FULL) == 200
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        over_http(connection, FULL)
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_told_to_stop(number: signal.Signals) -> None:
    """`sandbox --port 0` prints one line with its address and ends with exit code 0."""
    code = "from app.cli.sandbox import command; command()"
    environment = os.environ | {"DX_API_TOKEN": TOKEN}
    with subprocess.Popen(
        [sys.executable, "-c", code, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stderr
        host, port = process.stderr.readline().split("http://")[1].split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        assert over_http(connection, FULL) == 200
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0
    connection.close()
