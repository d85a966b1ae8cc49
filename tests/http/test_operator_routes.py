"""/api/v1: who may use the operator's routes, and what they say and do."""

from collections.abc import Callable

import pytest

from tests.harness import ADMIN_TOKEN
from tests.http.web import Site, change, opsgenie, refusal

RIGHT = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
WRONG = [
    {},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": f"Bearer {ADMIN_TOKEN}x"},
    {"Authorization": f"Bearer {ADMIN_TOKEN[:-1]}"},
    {"Authorization": ADMIN_TOKEN},
    {"Authorization": f"Digest {ADMIN_TOKEN}"},
    {"Authorization": "Bearer caf\u00e9"},
    {"X-Webhook-Token": ADMIN_TOKEN},
]
ROUTES = [
    ("GET", "/api/v1/stats"),
    ("POST", "/api/v1/sender/pause"),
    ("POST", "/api/v1/sender/resume"),
    ("GET", "/api/v1/incidents"),
    ("GET", "/api/v1/incidents/Q1"),
    ("POST", "/api/v1/incidents/Q1/redeliver"),
    ("PUT", "/api/v1/incidents/Q1/override"),
    ("DELETE", "/api/v1/incidents/Q1/override"),
    ("POST", "/api/v1/redeliver"),
    ("POST", "/api/v1/events/1/refold"),
    ("GET", "/api/v1/openapi.json"),
]
NOTHING = {
    "events": {"received": 0, "unfolded": 0, "unmappable": 0},
    "incidents": {"total": 0, "due": 0, "parked": 0, "delivered": 0},
    "sender": {"state": "running", "reason": ""},
}


def stats(site: Site) -> dict:
    response = site.client.get("/api/v1/stats", headers=RIGHT)
    assert response.status_code == 200
    return response.get_json()


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_an_admin_token(site: Site, method: str, path: str) -> None:
    """Without BRIDGE_ADMIN_TOKEN the operator's routes do not exist, whatever token a request carries."""
    assert refusal(site.client.open(path, method=method, headers=RIGHT))[0] == 404


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_with_a_wrong_token(guarded: Site, method: str, path: str, headers: dict[str, str]) -> None:
    """A request without the admin token is refused with 401 and does nothing."""
    before = stats(guarded)
    assert refusal(guarded.client.open(path, method=method, headers=headers))[0] == 401
    assert stats(guarded) == before


def test_stats_of_an_empty_bridge(guarded: Site) -> None:
    """A bridge that has received nothing counts zeros, in exactly the contract's shape."""
    assert stats(guarded) == NOTHING


def test_stats_count_events(guarded: Site) -> None:
    """Events received count until folded as unfolded, too; duplicates do not count."""
    for body in (opsgenie("Create"), opsgenie("Create"), opsgenie("Close")):
        guarded.post("opsgenie", body)
    assert stats(guarded)["events"] == {"received": 2, "unfolded": 2, "unmappable": 0}


def test_stats_count_unmappable_events(guarded: Site) -> None:
    """An event of which nothing could be made counts as unmappable, and no longer as unfolded."""
    guarded.post("opsgenie", opsgenie())
    change(guarded.path, "UPDATE events SET folded = 1, outcome = 'unmappable'")
    assert stats(guarded)["events"] == {"received": 1, "unfolded": 0, "unmappable": 1}


def test_stats_tell_why_the_sender_is_held(guarded: Site) -> None:
    """The sender's state comes with its reason."""
    change(guarded.path, "UPDATE sender SET state = 'held', reason = 'invalid_auth'")
    assert stats(guarded)["sender"] == {"state": "held", "reason": "invalid_auth"}


def test_stats_without_a_database(guarded: Site) -> None:
    """Stats that cannot be read are answered 503 with the time to come back."""
    guarded.path.write_bytes(b"something else entirely " * 500)
    response = guarded.client.get("/api/v1/stats", headers=RIGHT)
    assert refusal(response)[0] == 503
    assert int(response.headers["Retry-After"]) > 0


def test_pause(paused: Site) -> None:
    """After a pause the sender is told to be paused."""
    assert stats(paused)["sender"]["state"] == "paused"


def test_pause_keeps_webhooks_coming(paused: Site) -> None:
    """While the sender is paused, webhooks are accepted."""
    assert paused.post("opsgenie", opsgenie()).status_code == 202


def test_resume(paused: Site) -> None:
    """After a pause and its end the sender is where it was."""
    assert paused.client.post("/api/v1/sender/resume", headers=RIGHT).status_code == 202
    assert stats(paused)["sender"]["state"] == "running"


def test_pause_on_a_locked_database(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], lock: object
) -> None:
    """A pause that cannot be written is answered 503, and not acknowledged."""
    environment.setenv("BRIDGE_ADMIN_TOKEN", ADMIN_TOKEN)
    assert refusal(build().client.post("/api/v1/sender/pause", headers=RIGHT))[0] == 503
