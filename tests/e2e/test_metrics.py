"""The metrics of a whole bridge: what all of its processes have counted, and whatever happens to them."""

import shutil
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.load import Load
from tests.harness import Bridge, wait_until

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@pytest.fixture
def bridge(tmp_path, sandbox, monkeypatch):
    """Return a bridge of two web workers and a pipeline."""
    monkeypatch.delenv(FOLDER, raising=False)
    bridge = Bridge(tmp_path, sandbox.url, WEB_CONCURRENCY="2", DX_TIMEOUT="2", DX_OUTLIVE="1")
    yield bridge
    bridge.kill()


def scrape(bridge):
    """Return all samples, by name and labels; no two may have the same."""
    response = requests.get(f"{bridge.url}/metrics", timeout=10)
    assert response.status_code == 200, response.text
    found = [each for family in text_string_to_metric_families(response.text) for each in family.samples]
    samples = {(each.name, *sorted(each.labels.items())): each.value for each in found}
    assert len(samples) == len(found)
    return samples


def total(samples, name, **labels):
    """Return the sum of the samples that have this name and these labels."""
    return sum(
        value
        for (found, *told), value in samples.items()
        if found == name and labels.items() <= dict(told).items()
    )


def counters(samples):
    """Return what only grows."""
    grows = ("_total", "_count", "_sum", "_bucket")
    held = "dx_bridge_incidents_total"
    return {key: value for key, value in samples.items() if key[0].endswith(grows) and key[0] != held}


def accepted(samples):
    """Return how many webhooks were answered with a 2xx."""
    return total(samples, "dx_bridge_webhooks_total") - total(
        samples, "dx_bridge_webhooks_total", outcome="refused"
    )


def deliver(bridge, load):
    """Post everything and wait until DX has it."""
    load.post(bridge)
    wait_until(bridge.is_settled, 60, f"delivery: {bridge.log()}")


def workers(bridge):
    """Return the processes that count: the web workers and the pipeline."""
    parent, *children = bridge.processes()
    return [each for each in children if is_pipeline(each) or ppid(each) not in (None, parent.pid)]


def is_pipeline(process):
    """Whether this is a living pipeline."""
    with suppress(psutil.Error):
        return process.cmdline()[-1:] == ["work"]


def ppid(process):
    """Return the parent of a living process."""
    with suppress(psutil.Error):
        return None if process.status() == psutil.STATUS_ZOMBIE else process.ppid()


def folder(bridge):
    """Return the folder that `serve` has made."""
    return Path(workers(bridge)[0].environ()[FOLDER])


def test_counts_of_all_processes_add_up(bridge, sandbox):
    """Webhooks, events folded and calls are told whole by either worker; no gauge doubles."""
    load, begun = Load(40, seed=61), time.monotonic()
    bridge.start().wait_ready()
    deliver(bridge, load)
    elapsed = time.monotonic() - begun
    first, *others = [scrape(bridge) for _ in range(8)]
    assert all(counters(each) == counters(first) for each in others)
    assert len(list(folder(bridge).glob("histogram_*.db"))) == 3
    sent = Counter(source for source, _ in load.webhooks)
    assert {source: total(first, "dx_bridge_webhooks_total", source=source) for source in sent} == sent
    assert accepted(first) == len(load.webhooks)
    events = total(first, "dx_bridge_webhooks_total", outcome="accepted")
    assert total(first, "dx_bridge_events_folded_total") == events == bridge.stats()["events"]["received"]
    assert (
        total(first, "dx_bridge_dx_calls_total", meaning="confirmed", code="ok") == sandbox.calls()["total"]
    )
    assert total(first, "dx_bridge_dx_call_duration_seconds_count") == sandbox.calls()["total"]
    assert first[("dx_bridge_incidents_delivered",)] == bridge.stats()["incidents"]["delivered"]
    assert total(first, "dx_bridge_sender_state") == 1
    assert total(first, "dx_bridge_webhook_accept_duration_seconds_count") == len(load.webhooks)
    assert 0 < total(first, "dx_bridge_webhook_accept_duration_seconds_sum") < elapsed * 8
    waited = total(first, "dx_bridge_accept_to_dx_seconds_count")
    assert len(sandbox.incidents()) <= waited <= sandbox.calls()["total"]
    assert 0 < total(first, "dx_bridge_accept_to_dx_seconds_sum") < elapsed * waited


def test_no_count_goes_back_when_processes_are_killed(bridge):
    """After SIGKILL to a worker and the pipeline counts go on from where they stood, in as many files."""
    first, second = Load(20, seed=62), Load(20, seed=63)
    bridge.start().wait_ready()
    deliver(bridge, first)
    before, made = scrape(bridge), folder(bridge)
    family = workers(bridge)
    one_of_each = {is_pipeline(each): each for each in family}
    for process in one_of_each.values():
        process.kill()
    wait_until(lambda: len({*workers(bridge)} - {*family}) == 2, what="two new processes")
    during = counters(scrape(bridge))
    assert {key: value for key, value in counters(before).items() if during.get(key, -1) < value} == {}
    deliver(bridge, second)
    assert accepted(scrape(bridge)) == len(first.webhooks) + len(second.webhooks)
    assert len(list(made.glob("*.lock"))) == 3
    bridge.stop()
    assert not made.exists()


def test_a_pipeline_of_its_own_shares_the_folder(bridge, sandbox, tmp_path):
    """`serve --web-only` and `work` in one given folder tell each other's counts; a new `serve` keeps the pipeline's."""
    bridge.environment[FOLDER] = str(tmp_path / "metrics")
    pipeline = Bridge(tmp_path, sandbox.url)
    pipeline.environment = bridge.environment
    bridge.start("--web-only").wait_ready()
    pipeline.start_pipeline()
    try:
        deliver(bridge, Load(5, seed=64))
        wait_until(lambda: total(scrape(bridge), "dx_bridge_dx_calls_total") == sandbox.calls()["total"])
        bridge.stop()
        bridge.start("--web-only").wait_ready()
        after = scrape(bridge)
        assert total(after, "dx_bridge_dx_calls_total") == sandbox.calls()["total"]
        assert accepted(after) == 0
    finally:
        pipeline.kill()


def test_a_removed_folder_costs_no_event(bridge):
    """With the folder gone, webhooks are accepted, also by a new worker, and delivered; the store is told of."""
    bridge.start().wait_ready()
    shutil.rmtree(folder(bridge))
    first = Load(5, seed=65)
    deliver(bridge, first)
    assert scrape(bridge)[("dx_bridge_incidents_due",)] == 0
    family = workers(bridge)
    for each in family:
        each.kill()
    psutil.wait_procs(family, timeout=10)
    bridge.wait_ready()
    deliver(bridge, Load(5, seed=66))
    assert scrape(bridge)[("dx_bridge_incidents_due",)] == 0


def test_a_folder_that_cannot_be_made_costs_no_event(bridge, tmp_path):
    """Where the folder cannot be made, all works, and /metrics tells what the store knows."""
    (tmp_path / "file").touch()
    bridge.environment[FOLDER] = str(tmp_path / "file" / "metrics")
    bridge.start().wait_ready()
    load = Load(5, seed=67)
    deliver(bridge, load)
    samples = scrape(bridge)
    assert samples[("dx_bridge_incidents_delivered",)] > 0
    assert counters(samples) == {}
