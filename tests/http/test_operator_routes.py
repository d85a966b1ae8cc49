"""/metrics and /api/v1/stats: who may read them, and what they say."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.http.web import Site, change, opsgenie, pagerduty, refusal

TOKEN = "operator-token-0123456789"
WRONG = [
    {},
    {"Authorization": "Bearer"},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": TOKEN},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": "Bearer caf\u00e9"},
    {"X-Webhook-Token": TOKEN},
]
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
NOTHING = {
    "events": {"received": 0, "unfolded": 0, "unmappable": 0},
    "incidents": {"total": 0, "due": 0, "parked": 0, "delivered": 0},
    "sender": {"state": "running", "reason": ""},
}


@pytest.fixture
def guarded(environment: pytest.MonkeyPatch, build: Callable[..., Site], database: Path) -> Site:
    """The application with a token on each of the operator's routes."""
    environment.setenv("METRICS_TOKEN", TOKEN)
    environment.setenv("BRIDGE_ADMIN_TOKEN", TOKEN)
    return build()


def metrics(site: Site) -> dict[str, float]:
    """Return the metrics without labels, by name."""
    text = site.client.get("/metrics", headers=RIGHT).text
    families = text_string_to_metric_families(text)
    return {each.name: each.value for family in families for each in family.samples if not each.labels}


def test_metrics_are_open(site: Site) -> None:
    """Without METRICS_TOKEN anybody may read the metrics, as Prometheus' text."""
    response = site.client.get("/metrics")
    assert (response.status_code, response.mimetype) == (200, "text/plain")


@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_metrics_with_a_wrong_token(guarded: Site, headers: dict[str, str]) -> None:
    """With METRICS_TOKEN set, a request without it is refused with 401."""
    assert refusal(guarded.client.get("/metrics", headers=headers))[0] == 401


def test_metrics_with_the_token(guarded: Site) -> None:
    """With METRICS_TOKEN set, its bearer reads the metrics."""
    assert guarded.client.get("/metrics", headers=RIGHT).status_code == 200


def test_metrics_count(site: Site) -> None:
    """An accepted event shows in the metrics, a duplicate does not."""
    before = metrics(site)["dx_bridge_events_received"]
    site.post("pagerduty", pagerduty("01ABC"))
    site.post("pagerduty", pagerduty("01ABC"))
    assert metrics(site)["dx_bridge_events_received"] == before + 1


def test_metrics_tell_the_sender_state(site: Site) -> None:
    """Exactly one of the sender's states is 1."""
    change(site.path, "UPDATE sender SET state = 'held'")
    families = text_string_to_metric_families(site.client.get("/metrics").text)
    [states] = [family.samples for family in families if family.name == "dx_bridge_sender_state"]
    told = {sample.labels["state"]: sample.value for sample in states}
    assert told == {"running": 0, "probing": 0, "held": 1, "paused": 0}


def test_metrics_without_a_database(build: Callable[..., Site]) -> None:
    """Metrics that cannot be read are answered 503, and not with a page that says zero."""
    assert refusal(build().client.get("/metrics"))[0] == 503


def test_stats_without_an_admin_token(site: Site) -> None:
    """Without BRIDGE_ADMIN_TOKEN there are no stats, whatever token a request carries."""
    assert refusal(site.client.get("/api/v1/stats", headers=RIGHT))[0] == 404


@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_stats_with_a_wrong_token(guarded: Site, headers: dict[str, str]) -> None:
    """A request without the admin token is refused with 401."""
    assert refusal(guarded.client.get("/api/v1/stats", headers=headers))[0] == 401


def test_stats_of_an_empty_bridge(guarded: Site) -> None:
    """A bridge that has received nothing counts zeros, in exactly the contract's shape."""
    response = guarded.client.get("/api/v1/stats", headers=RIGHT)
    assert (response.status_code, response.get_json()) == (200, NOTHING)


def test_stats_count_events(guarded: Site) -> None:
    """Events received count until folded as unfolded, too; duplicates do not count."""
    for body in (opsgenie("Create"), opsgenie("Create"), opsgenie("Close")):
        guarded.post("opsgenie", body)
    counted = guarded.client.get("/api/v1/stats", headers=RIGHT).get_json()
    assert counted["events"] == {"received": 2, "unfolded": 2, "unmappable": 0}


def test_stats_count_unmappable_events(guarded: Site) -> None:
    """An event of which nothing could be made counts as unmappable, and no longer as unfolded."""
    guarded.post("opsgenie", opsgenie())
    change(guarded.path, "UPDATE events SET folded = 1, outcome = 'unmappable'")
    counted = guarded.client.get("/api/v1/stats", headers=RIGHT).get_json()
    assert counted["events"] == {"received": 1, "unfolded": 0, "unmappable": 1}


def test_stats_tell_why_the_sender_is_held(guarded: Site) -> None:
    """The sender's state comes with its reason."""
    change(guarded.path, "UPDATE sender SET state = 'held', reason = 'invalid_auth'")
    told = guarded.client.get("/api/v1/stats", headers=RIGHT).get_json()["sender"]
    assert told == {"state": "held", "reason": "invalid_auth"}


def test_stats_without_a_database(guarded: Site) -> None:
    """Stats that cannot be read are answered 503 with the time to come back."""
    guarded.path.write_bytes(b"something else entirely " * 500)
    response = guarded.client.get("/api/v1/stats", headers=RIGHT)
    assert refusal(response)[0] == 503
    assert int(response.headers["Retry-After"]) > 0
