"""/metrics: who may read them, and what they say."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.clock import Clock
from app.fold import Folder
from app.policy import DEFAULT, Policy
from app.rules import compile_rule
from app.settings import default_sources
from mappers.fields import SECOND
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


def fold(site: Site, *bodies: dict, policy: Policy = DEFAULT) -> None:
    """Receive PagerDuty's events and fold them; the first to fold brings its policy into force."""
    for body in bodies:
        assert site.post("pagerduty", body).status_code == 202
    folder = Folder(site.app.extensions["engine"], default_sources(), None, Clock(), policy)
    while folder.fold():
        pass


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


def test_nothing_is_left_out_or_open_at_first(site: Site) -> None:
    """Without incidents both gauges are there, at zero."""
    told = values(site)
    assert told["dx_bridge_incidents_left_out"] == 0
    assert told["dx_bridge_incidents_open_too_long"] == 0


def test_left_out(site: Site) -> None:
    """Incidents that the policy leaves out, and those taken out of DX, are counted; the others are not."""
    policy = Policy(include=compile_rule('urgency == "high"'))
    events = (pagerduty(f"E{n}", id=f"Q{n}", urgency="high" if n < 2 else "low") for n in range(5))
    fold(site, *events, policy=policy)
    assert values(site)["dx_bridge_incidents_left_out"] == 3
    change(site.path, "UPDATE incidents SET action = 'delete' WHERE vendor_id = 'Q0'")
    assert values(site)["dx_bridge_incidents_left_out"] == 4
    assert values(site)["dx_bridge_incidents_total"] == 5


@pytest.mark.parametrize(("hours", "count"), [("23.9", 1), ("24.1", 0), ("0", 2), ("1.9", 2), ("2.1", 1)])
def test_open_too_long(
    environment: pytest.MonkeyPatch, build: Callable[..., Site], database: object, hours: str, count: int
) -> None:
    """Of incidents open for 24 and for 2 hours, those over OPEN_TOO_LONG_HOURS are counted; none that ended."""
    environment.setenv("OPEN_TOO_LONG_HOURS", hours)
    site = build(Clock(wall=lambda: 1_767_409_445 * SECOND))  # 2026-01-03T03:04:05Z
    fold(
        site,
        pagerduty("E1", id="Q1", created_at="2026-01-02T03:04:05Z"),
        pagerduty("E2", id="Q2", created_at="2026-01-03T01:04:05Z"),
        pagerduty("E3", id="Q3", created_at="2026-01-01T00:00:00Z", status="resolved"),
    )
    assert values(site)["dx_bridge_incidents_open_too_long"] == count


def test_what_is_left_out_is_not_open_too_long(site: Site) -> None:
    """An incident that DX is not to hold is never open for too long."""
    fold(site, pagerduty("E1", urgency="low"), policy=Policy(include=compile_rule('urgency == "high"')))
    assert values(site)["dx_bridge_incidents_open_too_long"] == 0
    assert values(site)["dx_bridge_incidents_left_out"] == 1
