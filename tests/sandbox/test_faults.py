import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.sandbox import create_sandbox
from tests.sandbox.shared import TOKEN, World, calls, delete, held, switch_on, upsert


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
