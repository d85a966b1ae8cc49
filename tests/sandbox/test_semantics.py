from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.sandbox.shared import FULL, held, upsert


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
