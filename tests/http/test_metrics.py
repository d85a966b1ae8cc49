"""/metrics: who may read them, and what they say."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.http.conftest import METRICS_TOKEN
from tests.http.web import Site, change, pagerduty, refusal

WRONG = [
    {},
    {"Authorization": "Bearer"},
    {"Authorization": f"Bearer {METRICS_TOKEN}x"},
    {"Authorization": METRICS_TOKEN},
    {"Authorization": f"Basic {METRICS_TOKEN}"},
    {"Authorization": "Bearer caf\u00e9"},
]


def values(site: Site) -> dict[str, float]:
    """Return the metrics without labels, by name."""
    families = text_string_to_metric_families(site.client.get("/metrics").text)
    return {each.name: each.value for family in families for each in family.samples if not each.labels}


def test_open(site: Site) -> None:
    """Without METRICS_TOKEN anybody may read the metrics, as Prometheus' text."""
    response = site.client.get("/metrics")
    assert (response.status_code, response.mimetype) == (200, "text/plain")


@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_wrong_token(guarded: Site, headers: dict[str, str]) -> None:
    """With METRICS_TOKEN set, a request without it is refused with 401."""
    assert refusal(guarded.client.get("/metrics", headers=headers))[0] == 401


def test_right_token(guarded: Site) -> None:
    """With METRICS_TOKEN set, its bearer reads the metrics."""
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    assert guarded.client.get("/metrics", headers=headers).status_code == 200


def test_events_received(site: Site) -> None:
    """An accepted event shows in the metrics, a duplicate does not."""
    before = values(site)["dx_bridge_events_received"]
    site.post("pagerduty", pagerduty("01ABC"))
    site.post("pagerduty", pagerduty("01ABC"))
    assert values(site)["dx_bridge_events_received"] == before + 1


def test_sender_state(site: Site) -> None:
    """Exactly one of the sender's states is 1."""
    change(site.path, "UPDATE sender SET state = 'held'")
    families = text_string_to_metric_families(site.client.get("/metrics").text)
    [states] = [family.samples for family in families if family.name == "dx_bridge_sender_state"]
    told = {sample.labels["state"]: sample.value for sample in states}
    assert told == {"running": 0, "probing": 0, "held": 1, "paused": 0}


def test_no_database(build: Callable[..., Site]) -> None:
    """Metrics that cannot be read are answered 503, and not with a page that says zero."""
    assert refusal(build().client.get("/metrics"))[0] == 503
