import os
import signal
import subprocess
import sys

import orjson
import pytest
import requests

from tests.e2e.load import Load
from tests.harness import ADMIN_TOKEN, DX_TOKEN, ROOT, Bridge, wait_until

LIFECYCLE = ROOT / "tests" / "samples" / "lifecycles" / "pagerduty-resolved.jsonl"


@pytest.fixture
def bridge(tmp_path, sandbox):
    """Return a bridge whose leases live for 4 s."""
    bridge = Bridge(tmp_path, sandbox.url, DX_TIMEOUT="1", DX_OUTLIVE="3", WEB_CONCURRENCY="1")
    yield bridge
    bridge.kill()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_slow_and_late_calls_end_exact(bridge, sandbox, postgres_server, database):
    """Answers after the time-out, calls applied after the client has gone: DX ends with the newest documents."""
    if database == "postgresql":
        bridge.environment["DATABASE_URL"] = postgres_server.create_database()
    bridge.environment["DX_CONCURRENCY"] = "16"
    sandbox.faults(
        {"delay": [0, 2], "share": 0.2}, {"late": 1.5, "share": 0.1}, {"status": 500, "share": 0.05}
    )
    load = Load(40, seed=31)
    bridge.start().wait_ready()
    load.post(bridge)
    sandbox.faults()
    wait_until(bridge.is_settled, 90, "delivery")
    assert load.differences(sandbox) == []
    assert sandbox.calls()["max_in_flight_per_incident"] == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_frozen_process_does_no_lasting_harm(bridge, sandbox, tmp_path, moment):
    """A process frozen before its lease is checked sends nothing; one frozen after it is corrected."""
    first, *_, last = LIFECYCLE.read_bytes().splitlines()
    bridge.start("--web-only").wait_ready()
    command = [sys.executable, "-m", "tests.e2e.freezing_worker", moment]
    frozen = subprocess.Popen(command, cwd=tmp_path, env=bridge.environment, stderr=subprocess.DEVNULL)
    healthy = Bridge(tmp_path, sandbox.url)
    healthy.environment = bridge.environment
    try:
        bridge.post("pagerduty", first)
        wait_until((tmp_path / "frozen").exists, what="the freeze")
        bridge.post("pagerduty", last)
        healthy.start_pipeline()
        reference = orjson.loads(last)["event"]["data"]["id"]
        wait_until(lambda: sandbox.incidents().get(reference), 30, "the healthy pipeline's call")
        calls = sandbox.calls()["total"]
        frozen.send_signal(signal.SIGCONT)
        if moment == "after":
            wait_until(
                lambda: sandbox.calls()["total"] >= calls + 2, what="the stale call and its correction"
            )
        wait_until(bridge.is_settled)
    finally:
        healthy.kill()
        os.kill(frozen.pid, signal.SIGCONT)
        frozen.terminate()
        code = frozen.wait(25)
    assert code == 0
    assert sandbox.incidents()[reference]["resolved_at"] is not None
    stale = [call for call in sandbox.calls()["calls"] if call["body"]["resolved_at"] is None]
    assert len(stale) == (0 if moment == "before" else 1)


def test_a_corrected_token_delivers_at_once(bridge, sandbox):
    """A refused token holds the sender, blames no incident and is logged once; the corrected one delivers."""
    bridge.environment["DX_API_TOKEN"] = "an-old-token-0123456789"
    load = Load(5, seed=41)
    bridge.start().wait_ready()
    load.post(bridge)
    wait_until(lambda: bridge.stats()["sender"]["state"] == "held", what="the hold")
    wait_until(lambda: sandbox.calls()["total"] >= 2, what="a probe")
    assert bridge.stats()["incidents"]["parked"] == 0
    assert (bridge.folder / "bridge.log").read_text().count("sender state changed") == 1
    bridge.stop()
    bridge.environment["DX_API_TOKEN"] = DX_TOKEN
    bridge.start().wait_ready()
    wait_until(bridge.is_settled, 10, "delivery")
    assert load.differences(sandbox) == []


def test_a_paused_start_sends_nothing_until_resumed(bridge, sandbox):
    """With START_PAUSED webhooks are accepted and folded; resuming over the API sends everything."""
    bridge.environment["START_PAUSED"] = "1"
    load = Load(5, seed=42)
    bridge.start().wait_ready()
    load.post(bridge)
    wait_until(lambda: bridge.stats()["events"]["unfolded"] == 0, what="folding")
    assert bridge.stats()["sender"]["state"] == "paused"
    assert sandbox.calls()["total"] == 0
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    assert requests.post(f"{bridge.url}/api/v1/sender/resume", headers=headers, timeout=10).status_code == 202
    wait_until(bridge.is_settled, 20, "delivery")
    assert load.differences(sandbox) == []
