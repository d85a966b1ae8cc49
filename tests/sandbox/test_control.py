import threading
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.sandbox import create_sandbox
from tests.sandbox.shared import START, TOKEN, calls, switch_on, upsert


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
