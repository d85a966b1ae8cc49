import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.sandbox.shared import AUTH, FULL, START, TOKEN, calls, delete, held, post, upsert


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
