"""Lost webhooks are made up for by asking the vendor, with real processes; PagerDuty and DX are the sandbox."""

import time
from contextlib import ExitStack
from itertools import pairwise

import orjson
import pytest

from tests.e2e.test_backfill import (
    NONE,
    bridge,
    bridge_of,
    finished,
    pagerduty,
    settled,
)
from tests.harness import wait_until
from tests.vendors.lives import HOUR, MINUTE, life, world

__all__ = ["bridge", "bridge_of", "pagerduty"]

OFFSET = 11
"""Seconds that the vendor's clock is ahead of ours."""
RESOLVED = ((60, "acknowledged"), (600, "resolved"))


def now() -> int:
    """Return the vendor's time in seconds."""
    return int(time.time()) + OFFSET


def tell(bridge, *bodies: dict) -> None:
    """Post webhooks, and wait until what follows from them is done."""
    for body in bodies:
        assert bridge.post("pagerduty", orjson.dumps(body)).status_code == 202
    settled(bridge)


def differing(sandbox, told) -> list[str]:
    """Return the keys in which DX differs from the truth about an incident."""
    held, true = sandbox.incidents().get(told.id, {}), told.document()
    return [key for key in true if (held.get(key) or None) != (true[key] or None)]


@pytest.fixture
def resolved(bridge_of, pagerduty):
    """Return a bridge that lost the end of an incident, with these settings; and the incident."""

    def make(**settings):
        told = life("Q1", now() - 3 * HOUR, *RESOLVED)
        pagerduty.put(world([told], clock_offset=OFFSET))
        bridge = bridge_of(**settings).start().wait_ready()
        return bridge, told

    return make


def test_a_lost_resolution_is_repaired_by_the_command(resolved, sandbox):
    """An incident that DX believes open for hours is asked about, and ends when it ended."""
    bridge, told = resolved()
    tell(bridge, *told.webhooks()[:-1])
    assert differing(sandbox, told) == ["resolved_at"]
    assert "1 read, 1 different" in finished(bridge, "reconcile")
    settled(bridge)
    assert differing(sandbox, told) == []


def test_a_lost_resolution_is_repaired_by_itself(resolved, sandbox):
    """The pipeline asks every RECONCILE_EVERY seconds, without any command."""
    bridge, told = resolved(RECONCILE_EVERY="1")
    tell(bridge, *told.webhooks()[:-1])
    wait_until(lambda: differing(sandbox, told) == [], 30, f"the repair ({bridge.log()})")
    assert sandbox.incidents()["Q1"]["resolved_at"] is not None


def test_a_resolution_shown_hours_later_gets_its_true_time(bridge, sandbox, pagerduty):
    """Where only a later event shows that an incident is resolved, its end is asked for, once."""
    told = life("Q1", now() - 5 * HOUR, *RESOLVED, (3 * HOUR, "priority_updated", "P1"))
    pagerduty.put(world([told], clock_offset=OFFSET))
    bridge.start().wait_ready()
    triggered, acknowledged, _, later = told.webhooks()
    tell(bridge, triggered, acknowledged, later)
    assert sandbox.incidents()["Q1"]["resolved_at"] == told.record()["updated_at"]
    finished(bridge, "reconcile")
    settled(bridge)
    assert differing(sandbox, told) == []
    finished(bridge, "reconcile")
    assert pagerduty.count("/incidents/<key>") == 1


def test_an_incident_of_which_nothing_arrived_is_found_in_the_log(bridge, sandbox, pagerduty):
    """What the vendor's log names since the last run is read, whether or not the bridge knows of it."""
    pagerduty.put(world([], clock_offset=OFFSET))
    bridge.start().wait_ready()
    finished(bridge, "reconcile")
    told = life("Q1", now() - 1)
    pagerduty.patch(world([told]))
    assert "1 read, 1 new" in finished(bridge, "reconcile")
    settled(bridge)
    assert differing(sandbox, told) == []


def test_a_lost_change_of_priority_is_made_up_for(bridge, sandbox, pagerduty):
    """A priority that the log says was changed since the last run is true in DX after the next."""
    begin = now() - 30 * MINUTE
    told = life("Q1", begin, (60, "acknowledged"), (30 * MINUTE, "priority_updated", "SEV-1"))
    pagerduty.put(world([told], until=begin + 60, clock_offset=OFFSET))
    bridge.start().wait_ready()
    tell(bridge, *told.webhooks(begin + 60))
    finished(bridge, "reconcile")
    pagerduty.patch(world([told]))
    assert differing(sandbox, told) == ["priority"]
    assert "1 read, 1 different" in finished(bridge, "reconcile")
    settled(bridge)
    assert differing(sandbox, told) == []


def test_what_the_vendor_does_not_know_stays(bridge, sandbox, pagerduty):
    """An incident that was deleted there is asked about, and left as the webhooks told it."""
    pagerduty.put(world([], clock_offset=OFFSET))
    bridge.start().wait_ready()
    told = life("Q1", now() - 3 * HOUR)
    tell(bridge, *told.webhooks())
    assert "1 unknown there" in finished(bridge, "reconcile")
    settled(bridge)
    assert differing(sandbox, told) == []


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ({"status": 500}, ""),
        ({"status": 502, "html": True}, ""),
        ({"status": 401}, "PAGERDUTY_API_TOKEN"),
        ({"status": 400, "html": True}, "refuses the question (400)"),
        ({"cut": True}, ""),
    ],
    ids=["broken", "a gateway's page", "the token is refused", "a page for an answer", "cut off"],
)
def test_a_vendor_that_is_down_disturbs_nothing(resolved, sandbox, pagerduty, failure, words):
    """While it cannot be asked, webhooks are accepted and delivered, and the end is in order; a refusal is logged."""
    bridge, told = resolved(RECONCILE_EVERY="1")
    tell(bridge, *told.webhooks()[:-1])
    pagerduty.patch({"settings": {"fail": [{"path": "/", **failure}]}})
    failed = pagerduty.asked(NONE)["total"]
    wait_until(lambda: pagerduty.asked(NONE)["total"] > failed, 30, "a question that fails")
    other = life("Q2", now(), number=2)
    tell(bridge, *other.webhooks())
    assert differing(sandbox, other) == []
    if words:
        wait_until(lambda: "vendor cannot be read" in bridge.log(), 30, "the log")
        assert words in bridge.log()
    assert bridge.stop() == 0


def test_two_pipelines_ask_once_a_period(bridge_of, sandbox, pagerduty, postgres_server):
    """On one PostgreSQL, runs are a period apart, however many pipelines there are."""
    pagerduty.put(world([], clock_offset=OFFSET))
    url = postgres_server.create_database()
    period = 6
    with ExitStack() as stack:
        for name in ("one", "two"):
            member = bridge_of(name, DATABASE_URL=url, RECONCILE_EVERY=str(period))
            stack.callback(member.kill)
            member.start().wait_ready()
        wait_until(lambda: pagerduty.count("/webhook_subscriptions") >= 4, 60, "four runs")
    log = pagerduty.asked()["log"]
    ended = [each["at"] for each in log if each["path"] == "/webhook_subscriptions"]
    begun = [each["at"] for each in log if each["path"] == "/log_entries"]
    assert min(later - earlier for earlier, later in pairwise(ended)) > period - 1
    assert len(begun) - len(ended) in (0, 1)
