"""/metrics: who may read them, and what they say."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app import metrics
from app.clock import Clock
from app.fold import Folder
from app.policy import DEFAULT, Policy
from app.rules import compile_rule
from app.sources import default_sources
from mappers.fields import SECOND
from tests.harness import ROOT
from tests.http.conftest import METRICS_TOKEN
from tests.http.web import Site, change, opsgenie, pagerduty, refusal
from tests.store.world import START, FakeTime

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
DOCS = ROOT / "docs" / "metrics.md"
RUNBOOK = ROOT / "docs" / "runbook.md"
WEBHOOKS = "dx_bridge_webhooks_total"
LAST_EVENT = "dx_bridge_source_last_event_timestamp_seconds"

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


def samples(site: Site) -> dict[tuple, float]:
    """Return all samples, by name and labels."""
    families = text_string_to_metric_families(site.client.get("/metrics").text)
    return {
        (each.name, *sorted(each.labels.items())): each.value for found in families for each in found.samples
    }


def gained(site: Site, before: dict[tuple, float]) -> dict[tuple, float]:
    """Return by how much samples have grown."""
    now = samples(site)
    return {key: now[key] - before.get(key, 0) for key in now if now[key] != before.get(key, 0)}


def labels(outcome: str, code: str = "", source: str = "pagerduty") -> tuple:
    """Return the labels of a count of webhooks."""
    return ("code", code), ("outcome", outcome), ("source", source)


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


def test_webhooks_are_counted_by_what_was_answered(site: Site) -> None:
    """Accepted, duplicate and refused webhooks are told apart, the refused ones by their code."""
    before = samples(site)
    for body in (pagerduty("01A"), pagerduty("01B"), pagerduty("01A")):
        site.post("pagerduty", body)
    site.post("pagerduty", b"[]")
    site.client.post("/webhooks/pagerduty", data=b"{}")
    told = {key[1:]: value for key, value in gained(site, before).items() if key[0] == WEBHOOKS}
    assert told == {
        labels("accepted"): 2,
        labels("duplicate"): 1,
        labels("refused", "not_json"): 1,
        labels("refused", "not_authentic"): 1,
    }


def test_a_strangers_words_are_no_label(site: Site) -> None:
    """Webhooks for sources that are not configured are counted under one name."""
    before = samples(site)
    for name in ("one", "two"):
        site.client.post(f"/webhooks/{name}", data=b"{}")
    [(key, value)] = [(key, value) for key, value in gained(site, before).items() if key[0] == WEBHOOKS]
    assert (key[1:], value) == (labels("refused", "unknown_source", source="unknown"), 2)


def test_counts_begin_at_zero(site: Site) -> None:
    """What alerts look at is there before the first webhook, so that the first one is an increase."""
    told = samples(site)
    for source in ("pagerduty", "opsgenie", "jsm", "jira"):
        assert (WEBHOOKS, *labels("refused", "not_authentic", source=source)) in told


def test_time_to_accept(site: Site) -> None:
    """Of accepted webhooks and duplicates the time is taken; refusals have none."""
    before = samples(site)
    site.post("pagerduty", pagerduty("01C"))
    site.post("pagerduty", pagerduty("01C"))
    site.post("pagerduty", b"[]")
    change = gained(site, before)
    name = "dx_bridge_webhook_accept_duration_seconds"
    assert change[f"{name}_count", ("source", "pagerduty")] == 2
    assert 0 < change[f"{name}_sum", ("source", "pagerduty")] < 2


def test_a_failure_to_count_is_not_told_to_the_vendor(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event whose count fails is accepted all the same."""
    monkeypatch.setattr(metrics, "_webhooks", None)
    assert site.post("pagerduty", pagerduty("01D")).status_code == 202


def test_last_event_of_each_source(build: Callable[..., Site], database: Path) -> None:
    """Each source that has sent something tells when it did last."""
    time = FakeTime()
    site = build(time.clock())
    site.post("pagerduty", pagerduty("01A"))
    time.pass_by(60)
    site.post("pagerduty", pagerduty("01B"))
    site.post("opsgenie", opsgenie())
    told = {key[1]: value for key, value in samples(site).items() if key[0] == LAST_EVENT}
    assert told == {("source", name): START / SECOND + 60 for name in ("pagerduty", "opsgenie")}


def test_age_of_the_oldest_unfolded(build: Callable[..., Site], database: Path) -> None:
    """The age is that of the event which waits longest; without one it is zero."""
    time, name = FakeTime(), "dx_bridge_events_oldest_unfolded_age_seconds"
    site = build(time.clock())
    assert values(site)[name] == 0
    site.post("pagerduty", pagerduty("01A"))
    time.pass_by(60)
    site.post("pagerduty", pagerduty("01B"))
    time.pass_by(5)
    assert values(site)[name] == 65
    change(site.path, "UPDATE events SET folded = 1 WHERE key = '01A'")
    assert values(site)[name] == 5


def test_age_of_the_oldest_due(build: Callable[..., Site], database: Path) -> None:
    """The age is that of the due document which changed first, called about or not; background work has none."""
    time, name = FakeTime(), "dx_bridge_incidents_oldest_due_age_seconds"
    site = build(time.clock())
    assert values(site)[name] == 0
    for vendor_id, age, columns in (
        ("in the background", 1000, {"lane": 1}),
        ("settled", 900, {"due_at": None}),
        ("with a call under way", 100, {"lease": "token"}),
        ("waiting", 90, {}),
        ("of a clock ahead", -100, {}),
    ):
        row = {"due_at": 0, "lane": 0, "lease": None, "source": "pagerduty", **columns}
        row |= {"vendor_id": vendor_id, "reference_id": vendor_id, "updated_at": START - age * SECOND}
        marks = ", ".join("?" * len(row))
        change(site.path, f"INSERT INTO incidents ({', '.join(row)}) VALUES ({marks})", *row.values())
    assert values(site)[name] == 100
    change(site.path, "DELETE FROM incidents WHERE lease = 'token'")
    assert values(site)[name] == 90
    change(site.path, "DELETE FROM incidents WHERE vendor_id = 'waiting'")
    assert values(site)[name] == 0


def test_slow_counts_are_not_taken_at_each_scrape(build: Callable[..., Site], database: Path) -> None:
    """Where counting takes long, whole tables are counted again after a hundred times as long; what waits, always."""
    time = FakeTime()

    def slow() -> float:
        time.steady += 1
        return time.steady

    site = build(Clock(lambda: time.wall, slow))
    site.post("pagerduty", pagerduty("01A"))
    assert values(site)["dx_bridge_events_received"] == 1
    site.post("pagerduty", pagerduty("01B"))
    told = values(site)
    assert (told["dx_bridge_events_received"], told["dx_bridge_events_unfolded"]) == (1, 2)
    time.pass_by(200)
    assert values(site)["dx_bridge_events_received"] == 2


def exported(site: Site) -> dict[str, str]:
    """Return the type of each metric that is exported, by the name that Prometheus shows."""
    told = re.findall(r"^# TYPE (\S+) (\S+)$", site.client.get("/metrics").text, re.MULTILINE)
    return dict(told)


def series(site: Site) -> set[str]:
    """Return all names that an expression may use."""
    parts = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + part for name, kind in exported(site).items() for part in parts.get(kind, ("",))}


def expressions() -> dict[str, list[str]]:
    """Return the expressions of the alerts and of the dashboard."""
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    shown = [target["expr"] for panel in panels for target in panel["targets"]]
    return {"alerts": [rule["expr"] for rule in rules], "dashboard": shown}


@pytest.mark.parametrize("where", ["alerts", "dashboard"])
def test_expressions_name_what_is_exported(site: Site, where: str) -> None:
    """Each metric in the alerts and in the dashboard is exported, and each expression has one."""
    for expression in expressions()[where]:
        named = re.findall(r"\b(?:dx_bridge_\w+|up)\b", expression)
        assert named
        assert set(named) <= series(site) | {"up"}


@pytest.mark.parametrize("where", ["alerts", "dashboard"])
def test_expressions_name_labels_that_there_are(site: Site, where: str) -> None:
    """Each label that an expression selects or groups by is one of that metric's."""
    own = (collector._labelnames for collector in metrics.REGISTRY._collector_to_names)
    told = {label for key in samples(site) for label, _ in key[1:]}.union({"le", "job"}, *own)
    for expression in expressions()[where]:
        used = re.findall(r"(\w+)\s*(?:=~|!=|=)\s*\"", expression)
        for group in re.findall(r"\bby \(([^)]*)\)", expression):
            used += re.split(r",\s*", group)
        assert set(used) <= told


def test_each_metric_is_documented(site: Site) -> None:
    """docs/metrics.md has a row for each exported metric, and none for another."""
    assert set(re.findall(r"^\| `(dx_bridge_\w+)` \|", DOCS.read_text(), re.MULTILINE)) == set(exported(site))


def test_each_alert_is_explained() -> None:
    """Each alert says what is wrong and what to do, and links to its section, and each section has its alert."""
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    sections = re.findall(r"^### (DxBridge\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert [rule["alert"] for rule in rules] == sections
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "do", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_names_follow_the_conventions(site: Site) -> None:
    """Only counters end in `_total`, but for one gauge of long standing; histograms end in their unit."""
    for name, kind in exported(site).items():
        assert name.startswith("dx_bridge_")
        assert name.endswith("_total") == (kind == "counter" or name == "dx_bridge_incidents_total")
        assert name.endswith("_seconds") or kind != "histogram"
