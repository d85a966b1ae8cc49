import re
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.e2e.load import Load
from tests.harness import Bridge, wait_until

SETTINGS = {"DX_TIMEOUT": "2", "DX_OUTLIVE": "1", "WEB_CONCURRENCY": "1", "DX_CONCURRENCY": "8"}
FAULTS = (
    {"delay": [0, 0.05]},
    {"status": 503, "share": 0.08},
    {"status": 429, "headers": {"Retry-After": "0"}, "share": 0.04},
    {"non_json": True, "share": 0.04},
    {"reset": "after", "share": 0.02},
    {"reset": "before", "share": 0.02},
)


@pytest.fixture
def fleet(tmp_path, sandbox, postgres_server):
    """Return a function that starts three `serve` and three `work` processes on one PostgreSQL."""
    url = postgres_server.create_database()
    with ExitStack() as stack:

        def start(**settings):
            bridges = []
            for number in range(6):
                folder = tmp_path / str(number)
                folder.mkdir()
                bridge = Bridge(folder, sandbox.url, DATABASE_URL=url, **SETTINGS, **settings)
                stack.callback(bridge.kill)
                bridges.append(bridge.start() if number < 3 else bridge.start_pipeline())
            for bridge in bridges[:3]:
                bridge.wait_ready()
            return bridges

        yield start


def test_a_fleet_delivers_exactly(fleet, sandbox, postgres_server):
    """Six processes, 2,000 incidents, a fifth of the calls failing: DX ends exact, and each did its share."""
    load = Load(930, seed=7)
    sandbox.faults(*FAULTS)
    bridges = fleet()
    assert load.post(*bridges[:3]) == len(load.webhooks)
    wait_until(bridges[0].is_settled, 240, "delivery")
    assert len(load.truth) >= 2000
    assert load.differences(sandbox) == []
    assert sandbox.calls()["max_in_flight_per_incident"] == 1
    assert all("call to DX" in (bridge.folder / "bridge.log").read_text() for bridge in bridges)
    printed = re.search(
        r"at most (\d+) connections for each web process, (\d+)", bridges[0].run("check").stdout
    )
    web, pipeline = map(int, printed.groups())
    used = postgres_server.scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dx-bridge'"
    )
    assert used <= 3 * web + 6 * pipeline


def test_the_fleet_keeps_the_pace_together(fleet, sandbox, postgres_server):
    """With DX_MAX_RPS=50, six processes never make more than 50 calls in any second."""
    load = Load(120, seed=8)
    bridges = fleet(DX_MAX_RPS="50")
    load.post(*bridges[:3])
    wait_until(bridges[0].is_settled, 120, "delivery")
    assert load.differences(sandbox) == []
    slots = postgres_server.column(bridges[0].environment["DATABASE_URL"], "SELECT at FROM calls")
    assert most_within(slots, 1_000_000_000) <= 50
    assert most_within([call["started"] for call in sandbox.calls()["calls"]], 2) <= 150


def most_within(times, length):
    """Return the largest number of times in any half-open stretch of this length."""
    ordered = sorted(times)
    counted = Counter()
    first = 0
    for last, time in enumerate(ordered):
        while time - ordered[first] >= length:
            first += 1
        counted[last] = last - first + 1
    return max(counted.values())
