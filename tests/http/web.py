"""The web application in this process, and what tests ask of it."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

import orjson
from werkzeug.test import TestResponse

from app.clock import Clock
from app.factory import create_app
from app.settings import load_settings
from tests.harness import signed


class Event(NamedTuple):
    """An event as the store holds it."""

    source: str
    key: str
    received_at: int
    body: bytes


class Site:
    """The application of the environment's settings, its client, and its database file."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self.path = path
        self.app = create_app(load_settings(), clock)
        self.client = self.app.test_client()

    def post(self, source: str, body: bytes | dict, **headers: str) -> TestResponse:
        """Post one authentic webhook; `headers` replace those of the signature or add to them."""
        raw = orjson.dumps(body) if isinstance(body, dict) else body
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(f"/webhooks/{source}", data=raw, headers={**signed(source, raw), **given})

    def stored(self) -> list[Event]:
        """Return the events that another connection sees."""
        return stored(self.path)

    def close(self) -> None:
        """Close the connections to the database."""
        self.app.extensions["engine"].dispose()
        self.app.extensions["receiver"].intake.engine.dispose()


def stored(path: Path) -> list[Event]:
    """Return the events of a database file, read on a connection of its own."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT source, key, received_at, body FROM events ORDER BY id").fetchall()
    finally:
        connection.close()
    return [Event(*row) for row in rows]


def change(path: Path, statement: str, *values: object) -> None:
    """Commit one statement to a database file, as another process would."""
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)
    connection.close()


def refusal(response: TestResponse) -> tuple[int, str]:
    """Return an error's status and code, having made sure that its body has the one shape of errors."""
    assert response.is_json, response.data
    body = response.get_json()
    assert body.keys() == {"error", "message"}
    assert all(isinstance(value, str) and value for value in body.values())
    return response.status_code, body["error"]


def pagerduty(identifier: object, **data: object) -> dict:
    """Return a PagerDuty event about an incident."""
    incident = {"id": "PINCIDENT1", "type": "incident", "status": "triggered", **data}
    event = {"id": identifier, "event_type": "incident.triggered", "occurred_at": "2026-01-02T03:04:05Z"}
    return {"event": {**event, "data": incident}}


def opsgenie(action: str = "Create", **more: object) -> dict:
    """Return an Opsgenie event about an alert."""
    alert = {"alertId": "alert-1", "message": "Database is slow", "createdAt": 1_767_323_045_000}
    return {"action": action, "alert": alert, **more}
