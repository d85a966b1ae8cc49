import os
import signal
from contextlib import suppress
from random import Random

import psutil
import pytest

from tests.e2e.load import Load
from tests.harness import Bridge, wait_until

QUICK_LEASES = {"DX_TIMEOUT": "2", "DX_OUTLIVE": "1", "DX_CONCURRENCY": "16"}


@pytest.fixture
def bridge(tmp_path, sandbox):
    """Return a bridge that is stopped, with all its processes, whatever the test does."""
    bridge = Bridge(tmp_path, sandbox.url, WEB_CONCURRENCY="2", **QUICK_LEASES)
    yield bridge
    bridge.kill()


def assert_exact(load, bridge, sandbox):
    """Wait until everything is delivered, then compare DX with the truth."""
    wait_until(bridge.is_settled, 90, f"delivery: {bridge.log()}")
    assert load.differences(sandbox) == []
    assert sandbox.calls()["max_in_flight_per_incident"] == 1


def test_histories_of_all_vendors_arrive_exact(bridge, sandbox):
    """300 shuffled histories, a quarter of the webhooks twice, from 8 threads: DX holds exactly the truth."""
    sandbox.faults({"delay": [0, 0.2]})
    load = Load(300)
    bridge.start().wait_ready()
    assert load.post(bridge) == len(load.webhooks)
    sandbox.faults()
    assert_exact(load, bridge, sandbox)


def test_killed_ten_times_nothing_is_lost(bridge, sandbox):
    """SIGKILL to every process at ten random moments: what was acknowledged is delivered, and right."""
    sandbox.faults({"delay": [0, 0.2]})
    load, random, kills_under_load = Load(120, seed=2), Random(3), 0
    bridge.start().wait_ready()
    with load.being_posted(bridge) as done:
        for _ in range(10):
            done.wait(random.uniform(0.05, 0.8))
            kills_under_load += not done.is_set()
            bridge.kill()
            bridge.start().wait_ready()
    sandbox.faults()
    assert kills_under_load >= 5
    assert_exact(load, bridge, sandbox)


@pytest.mark.parametrize("to_all", [False, True], ids=["to the parent", "to every process"])
def test_sigterm_under_load_ends_in_order(bridge, sandbox, to_all):
    """SIGTERM under load: exit code 0 within 25 s, no orphan, and nothing acknowledged is lost."""
    sandbox.faults({"delay": [0, 0.2]})
    load = Load(80, seed=4)
    bridge.start().wait_ready()
    with load.being_posted(bridge):
        wait_until(lambda: bridge.stats()["incidents"]["delivered"] > 5)
        family = bridge.processes()
        for process in family if to_all else family[:1]:
            os.kill(process.pid, signal.SIGTERM)
        assert bridge.process.wait(25) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []
        bridge.start().wait_ready()
    sandbox.faults()
    assert_exact(load, bridge, sandbox)


def test_children_end_with_a_killed_parent(bridge):
    """When the parent is killed, web workers and pipeline end by themselves."""
    bridge.start().wait_ready()
    family = bridge.processes()
    family[0].kill()
    assert psutil.wait_procs(family, timeout=15)[1] == []


def test_a_dead_pipeline_is_restarted(bridge, sandbox):
    """A killed pipeline comes back and delivers what came in meanwhile."""
    load = Load(10, seed=5)
    bridge.start().wait_ready()
    pipeline = next(each for each in bridge.processes() if each.cmdline()[-1] == "work")
    pipeline.kill()
    load.post(bridge)
    assert_exact(load, bridge, sandbox)


def test_a_pipeline_that_keeps_dying_stops_everything(bridge):
    """After five deaths in a minute the parent gives up with exit code 1 and leaves no child."""
    bridge.start().wait_ready()
    parent, *others = bridge.processes()
    killed = set()

    def kill_again():
        with suppress(psutil.NoSuchProcess):
            for child in parent.children():
                if child.pid not in killed and child.cmdline()[-1] == "work":
                    killed.add(child.pid)
                    child.kill()
        return bridge.process.poll() is not None

    wait_until(kill_again, 40, "the end")
    assert bridge.process.returncode == 1
    assert len(killed) == 5
    assert psutil.wait_procs(others, timeout=5)[1] == []
