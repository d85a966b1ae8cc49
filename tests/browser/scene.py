"""A bridge with a day behind it: every state that the dashboard shows, come in through signed webhooks."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import requests

from app.verify import SIGNERS
from tests.harness import ADMIN_TOKEN, ROOT, Bridge, Sandbox, running_sandbox, wait_until

SAMPLES = ROOT / "tests" / "samples"
EU_SECRET = "pagerduty-eu-secret-0123456789"
POLICY = """
[incidents]
include = 'kind == "incident" or priority in ["P1", "P2"]'

[services.map]
"Checkout API" = "checkout"

[sources.pagerduty-eu]
vendor = "pagerduty"
secrets_env = "PAGERDUTY_EU_WEBHOOK_SECRETS"
reference_prefix = "eu-"
"""
SETTINGS = {
    "PAGERDUTY_EU_WEBHOOK_SECRETS": EU_SECRET,
    "JSM_WEBHOOK_TOKENS": "",
    "WEB_CONCURRENCY": "1",
    "DX_TIMEOUT": "5",
}
PARKED, LEFT_OUT, OVERRIDDEN, LONG = (
    "QACMEPARKED",
    "acme-alert-left-out",
    "QACMEKEPTOUT",
    "4f1c2a7e-93b5-4d08-8a61-2be0c7d95f21-1772805910999",
)
WORDS = "services[0].identifier is not known to this instance"
A_NAME_LIKE_THAT = (
    "Checkout in eu-west-1 answers 503 to one request in three since the roll-out of 14:05; " * 2
)
HOUR_NS = 3600 * 10**9


class Scene:
    """A bridge, the sandbox that it delivers to, and what tests tell them."""

    def __init__(self, bridge: Bridge, sandbox: Sandbox) -> None:
        self.bridge, self.sandbox = bridge, sandbox
        self.url = bridge.url
        self._refused: dict[str, dict[str, Any]] = {}

    def refuse(self, *references: str) -> None:
        """Let DX refuse these incidents from now on."""
        for each in references:
            body = {"ok": False, "error": "invalid_arguments", "message": WORDS}
            self._refused[each] = {"reference_id": each, "status": 400, "body": body}
        self.sandbox.faults(*self._refused.values())

    def accept(self, *references: str) -> None:
        """Let DX take these incidents again."""
        for each in references:
            del self._refused[each]
        self.sandbox.faults(*self._refused.values())

    def tell(self, source: str, *bodies: dict[str, Any]) -> None:
        """Post webhooks that are accepted."""
        with requests.Session() as session:
            for body in bodies:
                assert self.bridge.post(source, orjson.dumps(body), session).ok

    def tell_as(self, source: str, secret: str, body: dict[str, Any]) -> int:
        """Post a PagerDuty webhook, signed with this secret, and return the status."""
        raw = orjson.dumps(body)
        headers = SIGNERS["pagerduty"](raw, secret.encode()) | {"Content-Type": "application/json"}
        return requests.post(
            f"{self.url}/webhooks/{source}", data=raw, headers=headers, timeout=10
        ).status_code

    def settle(self) -> None:
        """Wait until everything received is folded and delivered."""
        wait_until(self.bridge.is_settled, what=f"delivery ({self.bridge.log()})")

    def held(self, reference_id: str) -> dict[str, Any] | None:
        """Return what DX holds of one incident."""
        return self.sandbox.incidents().get(reference_id)

    def await_parked(self, reference_id: str) -> None:
        """Wait until DX has refused an incident."""
        wait_until(lambda: self.value("parked", reference_id), what=f"the refusal of {reference_id}")

    def unmappable(self, body: dict[str, Any]) -> int:
        """Post a webhook that cannot be read, and return its event's id once that is known."""
        self.tell("pagerduty", body)
        statement = "SELECT id FROM events WHERE key = ? AND outcome = 'unmappable'"
        return int(wait_until(lambda: self.database(statement, body["event"]["id"]), what="the fold")[0][0])

    def mend(self, event_id: int, body: dict[str, Any]) -> None:
        """Stand in for a newer version, which could read this event: give it a body that this one can read."""
        self.database("UPDATE events SET body = ? WHERE id = ?", orjson.dumps(body), event_id)

    def value(self, column: str, reference_id: str) -> Any:
        """Read a column of an incident's row."""
        statement = f"SELECT {column} FROM incidents WHERE reference_id = ?"
        found = self.database(statement, reference_id)
        return found[0][0] if found else None

    def database(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement on the database, as another process would."""
        with sqlite3.connect(self.bridge.folder / "bridge.db", timeout=10) as connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows


def pagerduty(incident: str, kind: str = "triggered", minute: int = 0, **data: Any) -> dict[str, Any]:
    """Return a PagerDuty webhook body; `minute` is its time after noon of 2026-03-01."""
    at = f"2026-03-01T{12 + minute // 60:02}:{minute % 60:02}:00Z"
    shown = {
        "id": incident,
        "type": "incident",
        "html_url": f"https://acme.pagerduty.com/incidents/{incident}",
        "status": "resolved" if kind == "resolved" else "triggered",
        "created_at": "2026-03-01T12:00:00Z",
        "title": f"Checkout is slow ({incident})",
        "urgency": "high",
        "priority": {"summary": "P2"},
        "service": {"id": "PSACME1", "summary": "Checkout API"},
    }
    event = {"id": f"{incident}-{kind}-{minute}", "event_type": f"incident.{kind}", "occurred_at": at}
    return {"event": event | {"data": shown | data}}


def alert(alert_id: str, action: str = "Create", **more: Any) -> dict[str, Any]:
    """Return an Opsgenie webhook body about an alert."""
    shown = {
        "alertId": alert_id,
        "message": "Disk is filling up",
        "createdAt": 1_772_805_910_300,
        "tags": ["eu"],
    }
    return {"action": action, "alert": shown | more}


def sample(path: str) -> dict[str, Any]:
    """Return a sample webhook."""
    body: dict[str, Any] = orjson.loads((SAMPLES / path).read_bytes())
    return body


@contextmanager
def running_bridge(folder: Path, policy: str = "", **settings: str) -> Iterator[Scene]:
    """Run a bridge and a sandbox for it."""
    (folder / "bridge.toml").write_text(policy, "utf-8")
    with running_sandbox() as sandbox:
        bridge = Bridge(folder, sandbox.url, **settings).start()
        try:
            bridge.wait_ready()
            yield Scene(bridge, sandbox)
        finally:
            bridge.kill()


def play(scene: Scene) -> None:
    """Let everything happen that the pages tell of."""
    scene.refuse(PARKED)
    for number in range(3):
        assert scene.tell_as("pagerduty", "a-wrong-secret-0123456789", pagerduty(f"QFORGED{number}")) == 401
    for file in sorted((SAMPLES / "lifecycles").glob("*.jsonl")):
        if not file.stem.startswith("jsm"):
            scene.tell(file.stem.partition("-")[0], *map(orjson.loads, file.read_bytes().splitlines()))
    scene.tell(
        "pagerduty", pagerduty(PARKED), pagerduty(OVERRIDDEN), sample("pagerduty/incident-missing-id.json")
    )
    scene.tell(
        "pagerduty",
        pagerduty(
            "QACMELONGNAME",
            title=A_NAME_LIKE_THAT + "x" * 60,
            service={"id": "PSACME2", "summary": "Order Search " * 6},
        ),
    )
    scene.tell(
        "opsgenie",
        alert(LEFT_OUT, priority="P4"),
        alert(LONG, priority="P1"),
        sample("opsgenie/missing-alert-id.json"),
    )
    _fill_a_day(scene)
    scene.settle()
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    kept_out = f"{scene.url}/api/v1/incidents/{OVERRIDDEN}/override"
    requests.put(kept_out, json={"included": False}, headers=headers, timeout=10).raise_for_status()
    scene.settle()


def _fill_a_day(scene: Scene) -> None:
    """Deliver sixty incidents more, then set what has happened so far back over the last day."""
    names = [f"QACMEDAY{number:03}" for number in range(60)]
    scene.tell("pagerduty", *map(pagerduty, names), *(pagerduty(each, "resolved", 30) for each in names))
    scene.settle()
    back = f"(incident_id * 7919 % 101 * 31 % 24) * {HOUR_NS}"
    scene.database(f"UPDATE events SET received_at = received_at - {back} WHERE incident_id IS NOT NULL")
    scene.database(f"UPDATE calls SET at = at - {back}")
