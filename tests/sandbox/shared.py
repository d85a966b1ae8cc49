"""What the tests of the sandbox share."""

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

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
