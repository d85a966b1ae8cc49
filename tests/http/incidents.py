"""Incidents in every state, brought there by webhooks, calls to DX and operators, on either database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.acts import Acts
from app.override import Change
from app.store import sender
from app.store.engine import connect
from app.web.api_schemas import Moment
from tests.harness import ADMIN_TOKEN, SECRETS
from tests.http.conftest import forget
from tests.http.web import Site, opsgenie, pagerduty
from tests.store.dx import CONFIRMED, REFUSED, Outcome
from tests.store.world import World

RIGHT = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
URL = "https://example.getdx.net"
NAMES = {
    "QOPEN": "Checkout is slow",
    "QRESOLVED": "Mail is late",
    "QPARKED": "Search is down",
    "QLEFT": "A drill",
    "QGONE": "A false alarm",
    "QMOVED": "Queue is long",
    "QDUE": "Disk is full",
}
"""The references of the incidents, in the order in which they came, and their names."""


class Operated:
    """A site whose incidents a test folds and delivers; its time is the world's."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.world = World(connect(database_url))
        self.world.time.pass_by(60 * 86_400)
        self.site = Site(folder / "bridge.db", self.world.time.clock())
        self.deliverer = self.world.deliverer(URL)
        self._number = len(self.world.events())

    def receive(self, reference: str, **data: Any) -> None:
        """Receive and fold an event on an incident."""
        self._number += 1
        self.world.time.pass_by(1)
        about = {"title": NAMES.get(reference, "Something"), "created_at": "2026-01-02T03:04:05Z"}
        event = pagerduty(f"E{self._number}", **{"id": reference, **about, **data})
        if data.get("status") == "resolved":
            event["event"] |= {"event_type": "incident.resolved", "occurred_at": "2026-01-02T04:00:00Z"}
        assert self.site.post("pagerduty", event).status_code == 202
        self.fold()

    def fold(self) -> None:
        """Fold what has come."""
        self.world.folder(URL).fold()

    def deliver(self, outcome: Outcome = CONFIRMED) -> int:
        """Deliver what is due with one outcome; return how many calls that took."""
        return len(self.deliverer.deliver(outcome))

    def correct(self, reference: str, change: Change) -> None:
        """Correct an incident as the command line would."""
        settings = self.site.app.extensions["settings"]
        Acts(self.world.engine, settings, self.world.time.clock(), "command line").override(reference, change)

    def ask(self, method: str, path: str, headers: Mapping[str, str] = RIGHT, **more: Any) -> TestResponse:
        """Send a request to the admin API, authorised unless other headers are given."""
        return self.site.client.open(f"/api/v1{path}", method=method, headers=headers, **more)

    def get(self, path: str, **query: str) -> Any:
        """Return what the admin API answers."""
        answer = self.ask("GET", path, query_string=query)
        assert answer.status_code == 200, answer.data
        return answer.get_json()

    def close(self) -> None:
        """Close all connections."""
        self.world.engine.dispose()
        self.site.close()

    def fill(self) -> None:
        """Bring incidents into every state, and receive an event that cannot be mapped."""
        self.receive("QPARKED")
        self.deliver(REFUSED)
        for reference in ("QOPEN", "QLEFT", "QGONE", "QMOVED"):
            self.receive(reference)
            if reference == "QLEFT":
                self.correct("QLEFT", {"included": False})
            self.deliver()
        self.receive("QRESOLVED", status="resolved")
        self.deliver()
        self.correct("QGONE", {"included": False})
        self.deliver()
        self.correct("QMOVED", {"started_at": Moment().deserialize("2026-01-02T03:00:00Z")})
        self.deliver()
        self.site.post("opsgenie", opsgenie("Create", alert={"message": "Nothing else"}))
        self.receive("QDUE")


@contextmanager
def operated(folder: Path, database_url: str, **more: str) -> Iterator[Operated]:
    """Run a bridge on a migrated database; `more` are variables of its environment."""
    with pytest.MonkeyPatch.context() as patch:
        forget(patch)
        patch.chdir(folder)
        settings = {"DATABASE_URL": database_url, "DX_BASE_URL": URL, "DX_API_TOKEN": "dx-token-0123456789"}
        for name, value in {
            **settings,
            **dict(SECRETS.values()),
            "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
            **more,
        }.items():
            patch.setenv(name, value)
        made = Operated(folder, database_url)
        patch.setattr(sender, "_pace_now", lambda _: made.world.time.wall)
        try:
            yield made
        finally:
            made.close()
