"""A change of policy from one end to the other: the file, the plan, the application, and what DX then holds."""

import subprocess
from random import Random

import orjson
import pytest
from sqlalchemy import func, select

from app.store import tables
from app.store.engine import connect, reading
from tests.e2e.load import Load
from tests.harness import Bridge, wait_until
from tests.store.world import pagerduty

QUICK = {"DX_TIMEOUT": "2", "DX_OUTLIVE": "1", "WEB_CONCURRENCY": "1", "DX_CONCURRENCY": "16"}
INCIDENTS_ONLY = """
[priorities]
P1 = "critical"
[incidents]
include = 'kind == "incident"'
retract = ["excluded"]
"""


@pytest.fixture
def bridge(tmp_path, sandbox, database_url):
    """Return a bridge on either database, stopped with all its processes whatever the test does."""
    bridge = Bridge(tmp_path, sandbox.url, DATABASE_URL=database_url, **QUICK)
    yield bridge
    bridge.kill()


def configure(bridge: Bridge, text: str) -> None:
    """Write a bridge's bridge.toml."""
    (bridge.folder / "bridge.toml").write_text(text, "utf-8")


def planned(bridge: Bridge, *arguments: str) -> tuple[int, dict[str, str]]:
    """Return a plan's exit code, and what would happen to each incident."""
    result = bridge.run("plan", "--json", *arguments)
    told = orjson.loads(result.stdout)
    return result.returncode, {each["reference_id"]: each["change"] for each in told["changes"]}


def upserts(sandbox) -> int:
    """Count the incidents that were sent."""
    return sum(call["method"] == "incidents.upsert" for call in sandbox.calls()["calls"])


def settled(bridge: Bridge) -> None:
    """Wait until everything is folded and delivered."""
    wait_until(bridge.is_settled, 90, f"delivery ({bridge.log()})")


def under_incidents_only(load: Load) -> None:
    """Change a load's truth to what `INCIDENTS_ONLY` makes of it."""
    kept = {name: body for name, body in load.truth.items() if body["metadata"]["kind"] == "incident"}
    assert 0 < len(kept) < len(load.truth)
    critical = {"P1": "critical"}
    load.truth = {
        name: body | {"priority": critical.get(body.get("priority"), body.get("priority"))}
        for name, body in kept.items()
    }


@pytest.fixture
def loaded(bridge, sandbox):
    """Return a bridge that has delivered many incidents and is stopped, and their truth."""
    load = Load(90, seed=11)
    bridge.start().wait_ready()
    assert load.post(bridge) == len(load.webhooks)
    settled(bridge)
    assert load.differences(sandbox) == []
    assert bridge.stop() == 0
    return load


def test_a_changed_file_changes_nothing_before_it_is_applied(bridge, sandbox):
    """Restarted with another file: DX stays, `check` says so, `plan` exits 3; after `apply` DX follows, `plan` exits 0."""
    bridge.start().wait_ready()
    for name, priority in (("Q1", "P1"), ("Q2", "P2")):
        bridge.post("pagerduty", orjson.dumps(pagerduty(name, priority={"summary": priority})))
    settled(bridge)
    assert planned(bridge) == (0, {})
    assert bridge.stop() == 0
    configure(
        bridge,
        '[priorities]\nP1 = "critical"\n[incidents]\ninclude = \'priority == "P1"\'\nretract = ["excluded"]\n',
    )
    bridge.start().wait_ready()
    bridge.post("pagerduty", orjson.dumps(pagerduty("Q3", priority={"summary": "P1"})))
    settled(bridge)
    assert {name: each["priority"] for name, each in sandbox.incidents().items()} == {
        "Q1": "P1",
        "Q2": "P2",
        "Q3": "P1",
    }
    assert "bridge.toml differs from the policy in force" in bridge.run("check").stderr
    assert planned(bridge) == (3, {"Q1": "update", "Q2": "remove", "Q3": "update"})
    text = bridge.run("plan").stdout
    assert "0 would be added to DX, 2 changed, 1 taken out; 0 stay as they are." in text
    assert "priority: P1 -> critical" in text
    assert upserts(sandbox) == 3
    assert bridge.run("apply").returncode == 0
    settled(bridge)
    assert {name: each["priority"] for name, each in sandbox.incidents().items()} == {
        "Q1": "critical",
        "Q3": "critical",
    }
    assert planned(bridge) == (0, {})
    assert "differs from the policy in force" not in bridge.run("check").stderr


def test_another_file_is_planned_and_not_applied(bridge, sandbox):
    """`plan --config` shows what a file would change that is not in use."""
    bridge.start().wait_ready()
    bridge.post("pagerduty", orjson.dumps(pagerduty("Q1")))
    settled(bridge)
    other = bridge.folder / "other.toml"
    other.write_text("[incidents]\nmetadata = []\n", "utf-8")
    assert planned(bridge, "--config", str(other)) == (3, {"Q1": "update"})
    assert planned(bridge) == (0, {})
    assert upserts(sandbox) == 1


def test_an_apply_that_is_killed_goes_on(bridge, sandbox, loaded):
    """SIGKILL of `apply` in the middle, three times; then once more, beside the pipeline: DX is exact."""
    configure(bridge, INCIDENTS_ONLY)
    killed = sum(is_killed_in_the_middle(bridge) for _ in range(3))
    assert killed >= 1
    bridge.start().wait_ready()
    assert bridge.run("apply").returncode == 0
    settled(bridge)
    under_incidents_only(loaded)
    assert loaded.differences(sandbox) == []
    assert planned(bridge) == (0, {})


def test_an_apply_that_is_killed_is_brought_to_its_end_by_the_pipeline(bridge, sandbox, loaded):
    """SIGKILL of `apply` in the middle, never run again: the pipeline brings all incidents under the policy."""
    configure(bridge, INCIDENTS_ONLY)
    assert is_killed_in_the_middle(bridge)
    bridge.start().wait_ready()
    wait_until(lambda: counted(bridge) == (len(loaded.truth), 0), 60, "the policy for all")
    settled(bridge)
    under_incidents_only(loaded)
    assert loaded.differences(sandbox) == []


def is_killed_in_the_middle(bridge: Bridge) -> bool:
    """Start an application and kill it as soon as some incidents, and not all, are under its policy."""
    log = (bridge.folder / "apply.log").open("ab")
    with (
        log,
        subprocess.Popen(
            bridge.command("apply"), env=bridge.environment, cwd=bridge.folder, stdout=log, stderr=log
        ) as process,
    ):
        wait_until(lambda: process.poll() is not None or counted(bridge)[0] > 0, 60, "the first page")
        process.kill()
    return counted(bridge)[1] > 0


def counted(bridge: Bridge) -> tuple[int, int]:
    """Count the incidents under the policy in force that is not the first one, and the others."""
    table, engine = tables.incidents, connect(bridge.environment["DATABASE_URL"])
    with reading(engine).begin() as connection:
        applied = connection.execute(select(tables.sender.c.policy)).scalar_one()
        first = connection.execute(
            select(tables.policies.c.digest).order_by("applied_at").limit(1)
        ).scalar_one()
        total = connection.execute(select(func.count()).select_from(table)).scalar_one()
        now = connection.execute(select(func.count()).where(table.c.policy == applied)).scalar_one()
    engine.dispose()
    return (0, total) if applied == first else (now, total - now)


def test_killed_while_it_sends_what_changed_nothing_is_lost(bridge, sandbox, loaded):
    """SIGKILL of the pipeline again and again while a policy's changes go out: DX is exact, one call at a time."""
    configure(bridge, INCIDENTS_ONLY)
    assert bridge.run("apply").returncode == 0
    sandbox.faults({"delay": [0, 0.3]}, {"reset": "after", "share": 0.05}, {"status": 503, "share": 0.05})
    random, before, killed = Random(5), sandbox.calls()["total"], 0
    for _ in range(4):
        bridge.start_pipeline()
        target = sandbox.calls()["total"] + random.randrange(5, 15)
        wait_until(
            lambda goal=target: sandbox.calls()["total"] >= goal or not waits(bridge), 60, "some calls"
        )
        killed += waits(bridge)
        bridge.kill()
    assert sandbox.calls()["total"] > before
    assert killed >= 2
    sandbox.faults()
    bridge.start().wait_ready()
    settled(bridge)
    under_incidents_only(loaded)
    assert loaded.differences(sandbox) == []
    assert sandbox.calls()["max_in_flight_per_incident"] == 1


def waits(bridge: Bridge) -> bool:
    """Whether anything is due."""
    engine = connect(bridge.environment["DATABASE_URL"])
    with reading(engine).begin() as connection:
        due = connection.execute(select(tables.incidents.c.id).where(tables.incidents.c.due_at.is_not(None)))
        found = due.first() is not None
    engine.dispose()
    return found
