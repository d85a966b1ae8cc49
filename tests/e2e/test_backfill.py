"""A vendor's history through `dx-bridge backfill`, with real processes; PagerDuty and DX are the sandbox."""

import re
import subprocess
import time
from contextlib import closing, contextmanager, suppress
from random import Random

import orjson
import pytest
import requests
from sqlalchemy import select

from app.store import tables
from app.store.engine import connect
from tests.e2e.load import Load
from tests.harness import Bridge, wait_until
from tests.vendors.lives import DAY, life, lives, world

API_TOKEN = "sandbox-vendor-token-0123"
SINCE = 1_772_323_200  # 2026-03-01
MONTH = ("--since", "2026-03-01T00:00:00Z", "--until", "2026-04-01T00:00:00Z")
QUICK = {"DX_TIMEOUT": "2", "DX_OUTLIVE": "1", "DX_CONCURRENCY": "16", "LOG_LEVEL": "WARNING"}
NONE = 10**9


class Vendor:
    """PagerDuty's side of the sandbox."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/sandbox/vendors/pagerduty"

    def put(self, document: dict) -> None:
        """Replace the vendor's world, and forget what was asked."""
        requests.put(self.url, data=orjson.dumps(document), timeout=60).raise_for_status()

    def patch(self, document: dict) -> None:
        """Add records or change them, and the settings."""
        requests.patch(self.url, data=orjson.dumps(document), timeout=60).raise_for_status()

    def asked(self, after: int = 0) -> dict:
        """Return what was asked: counts, and the log after a number."""
        told = requests.get(self.url, params={"after": after}, timeout=60).json()
        return told["requests"]

    def count(self, path: str) -> int:
        """Return how many times a path was read."""
        return self.asked(NONE)["by_path"].get(f"GET {path}", 0)


class Replay(Load):
    """The webhooks of lives, shuffled, some of them twice, and the truth of all."""

    def __init__(self, told, truth=None, twice=0.25):
        random, bodies = Random(5), [orjson.dumps(body) for each in told for body in each.webhooks()]
        bodies += random.choices(bodies, k=int(len(bodies) * twice))
        random.shuffle(bodies)
        self.webhooks = [("pagerduty", body) for body in bodies]
        self.truth = {each.id: each.document() for each in truth or told}


@pytest.fixture
def pagerduty(sandbox):
    """Return the vendor."""
    return Vendor(sandbox.url)


@pytest.fixture
def bridge_of(tmp_path, sandbox):
    """Return a function that makes a bridge with access to the vendor; all end with the test."""
    made = []

    def make(name="bridge", **settings):
        folder = tmp_path / name
        folder.mkdir()
        api = {"PAGERDUTY_API_TOKEN": API_TOKEN, "PAGERDUTY_API_URL": f"{sandbox.url}/pagerduty"}
        api |= {"RECONCILE_EVERY": "0", "WEB_CONCURRENCY": "2"}
        made.append(Bridge(folder, sandbox.url, **(api | QUICK | settings)))
        return made[-1]

    yield make
    for bridge in made:
        bridge.kill()


@pytest.fixture
def bridge(bridge_of):
    """Return a bridge."""
    return bridge_of()


@contextmanager
def begun(bridge: Bridge, *arguments: str):
    """Run a command while the block runs, its output in a file of its name; leaving the block kills it."""
    with (bridge.folder / f"{arguments[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            bridge.command(*arguments), env=bridge.environment, cwd=bridge.folder, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


def goes_on(process: subprocess.Popen[bytes]) -> bool:
    """Leave the machine to the work for a moment; fail when the process ends in it."""
    with suppress(subprocess.TimeoutExpired):
        raise AssertionError(f"ended with exit code {process.wait(0.2)}")
    return True


def finished(bridge: Bridge, *arguments: str) -> str:
    """Run a command to its end; return what it said."""
    result = bridge.run(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def killed_after(bridge: Bridge, pagerduty: Vendor, pages: int) -> None:
    """Begin the month's backfill and kill it when so many pages of incidents were read in all."""
    with begun(bridge, "backfill", "pagerduty", *MONTH) as process:
        wait_until(lambda: goes_on(process) and pagerduty.count("/incidents") >= pages, 90, f"page {pages}")


def total(sandbox) -> int:
    """Return how many calls DX has had."""
    counted = requests.get(f"{sandbox.url}/sandbox/calls", params={"after": NONE}, timeout=10)
    return counted.json()["total"]


def delivered(bridge: Bridge, sandbox, calls: int, seconds: float = 120) -> None:
    """Wait until DX has had so many calls, and the bridge has nothing left to do."""
    wait_until(lambda: goes_on(bridge.process) and total(sandbox) >= calls, seconds, f"{calls} calls")
    settled(bridge, seconds)


def settled(bridge: Bridge, seconds: float = 60) -> None:
    """Wait until everything received is folded and delivered."""
    wait_until(bridge.is_settled, seconds, f"delivery ({bridge.log()})")


def test_25000_incidents_arrive_exact(bridge, sandbox, pagerduty):
    """Killed twice and slowed by the rate limit, each incident gets one true call; older webhooks make no other."""
    told, rate = lives(25_000, SINCE, 31 * DAY), 1_000
    pagerduty.put(world(told, clock_offset=7, rate=rate))
    load = Replay(Random(6).sample(told, 1_500), told)
    bridge.start().wait_ready()
    for pages in (150, 210):
        killed_after(bridge, pagerduty, pages)
    said = finished(bridge, "backfill", "pagerduty", *MONTH)
    assert "An earlier run is continued after 2026-03-" in said
    asked = pagerduty.asked(NONE)
    # All of it is 250 pages and each run begins with the page before; without a cursor it would be 610.
    assert asked["by_path"]["GET /incidents"] <= 260
    # The vendor's minutes begin with its first request; more than it takes in one of them it would refuse.
    assert asked["refused"] <= 3
    assert asked["total"] > rate
    delivered(bridge, sandbox, len(told))
    assert load.differences(sandbox) == []
    assert {each["calls"] for each in sandbox.incidents().values()} == {1}
    assert load.post(bridge) == len(load.webhooks)
    settled(bridge)
    assert load.differences(sandbox) == []
    assert total(sandbox) == len(told)


def test_webhooks_before_and_during_a_backfill(bridge_of, sandbox, pagerduty, postgres_server):
    """On PostgreSQL, 1,500 incidents of which 200 send webhooks meanwhile: all are true, the others with one call."""
    bridge = bridge_of(DATABASE_URL=postgres_server.create_database())
    told = lives(1_500, SINCE, 31 * DAY, seed=2)
    pagerduty.put(world(told, clock_offset=-5))
    before, during, everything = Replay(told[:100]), Replay(told[100:200]), Replay(told, twice=0)
    bridge.start().wait_ready()
    before.post(bridge)
    with begun(bridge, "backfill", "pagerduty", *MONTH) as process:
        assert during.post(bridge) == len(during.webhooks)
        assert process.wait(60) == 0
    settled(bridge)
    assert everything.differences(sandbox) == []
    held = sandbox.incidents()
    assert {held[each.id]["calls"] for each in told[200:]} == {1}
    calls = total(sandbox)
    everything.post(bridge)
    settled(bridge)
    assert everything.differences(sandbox) == []
    assert total(sandbox) == calls


def test_what_is_live_goes_first(bridge_of, sandbox, pagerduty):
    """While hundreds of past incidents wait for their turn at 20 calls a second, a webhook's incident does not."""
    bridge = bridge_of(DX_MAX_RPS="20")
    told = lives(400, SINCE, 31 * DAY)
    pagerduty.put(world(told))
    bridge.start().wait_ready()
    finished(bridge, "backfill", "pagerduty", *MONTH)
    waiting = len(told) - total(sandbox)
    [webhook] = life("QFRESH", SINCE + 40 * DAY).webhooks()
    assert bridge.post("pagerduty", orjson.dumps(webhook)).status_code == 202
    wait_until(lambda: "QFRESH" in sandbox.incidents(), what="the live incident")
    passed = len(told) + 1 - total(sandbox)
    assert waiting >= 200
    assert passed >= waiting - 60  # three seconds' worth


def rows(bridge: Bridge) -> dict[str, list]:
    """Return every row of the bridge's database."""
    with closing(connect(bridge.environment["DATABASE_URL"]).raw_connection()) as connection:
        names = [str(select(table)) for table in tables.metadata.sorted_tables]
        return {name: connection.cursor().execute(name).fetchall() for name in names}


def test_a_dry_run_names_what_the_run_changes(bridge, sandbox, pagerduty):
    """It writes nothing, and what it calls new or different is what DX then gets: no more, no less."""
    told = lives(300, SINCE, 31 * DAY)
    pagerduty.put(world(told))
    bridge.start().wait_ready()
    Replay(told[:100]).post(bridge)
    for each in told[100:150]:
        assert bridge.post("pagerduty", orjson.dumps(each.webhooks()[0])).ok
    settled(bridge)
    assert bridge.stop() == 0
    held, before, calls = rows(bridge), sandbox.incidents().keys(), total(sandbox)
    said = finished(bridge, "backfill", "pagerduty", *MONTH, "--dry-run")
    assert (rows(bridge), total(sandbox)) == (held, calls)
    named = {sign: set(re.findall(rf"^\{sign} (Q\w+) ", said, re.MULTILINE)) for sign in "+~-"}
    finished(bridge, "backfill", "pagerduty", *MONTH)
    finished(bridge, "work", "--drain")
    changed = [call["reference_id"] for call in sandbox.calls()["calls"][calls:]]
    assert sorted(changed) == sorted({*named["+"], *named["~"]})
    assert named["+"] == {each.id for each in told} - before
    assert (len(named["+"]), len(named["-"])) == (150, 0)
    assert len(named["~"]) > 30
    assert f"150 would be new in DX, {len(named['~'])} different, 0 taken out. Nothing was written." in said
    assert Replay(told).differences(sandbox) == []


def test_a_day_without_any_webhook_is_made_up_for(bridge, sandbox, pagerduty):
    """Incidents of which nothing arrived, and those that changed meanwhile, are true after `backfill --since`."""
    since = int(time.time()) - 4 * DAY
    told = lives(200, since, 2 * DAY, seed=4)
    pagerduty.put(world(told, clock_offset=-90))
    bridge.start().wait_ready()
    for each in told:
        for webhook in each.webhooks(since + DAY):
            assert bridge.post("pagerduty", orjson.dumps(webhook)).ok
    settled(bridge)
    load = Replay(told)
    assert len(load.differences(sandbox)) > 100
    finished(bridge, "backfill", "pagerduty", "--since", told[0].record()["created_at"])
    settled(bridge)
    assert load.differences(sandbox) == []


def test_a_second_run_changes_nothing(bridge, sandbox, pagerduty):
    """What was read to its end and folded is known: nothing is stored, and DX is not called again."""
    told = lives(150, SINCE, 31 * DAY, seed=7)
    pagerduty.put(world(told))
    bridge.start().wait_ready()
    finished(bridge, "backfill", "pagerduty", *MONTH)
    delivered(bridge, sandbox, len(told))
    received = bridge.stats()["events"]["received"]
    assert "150 read, 150 known" in finished(bridge, "backfill", "pagerduty", *MONTH)
    settled(bridge)
    assert (bridge.stats()["events"]["received"], total(sandbox)) == (received, len(told))
