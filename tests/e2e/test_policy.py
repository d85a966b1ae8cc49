"""What `bridge.toml` and an operator decide, with real processes and the sandbox as DX."""

from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest
import requests

from app.verify import SIGNERS
from tests.harness import Bridge, signed, wait_until
from tests.store.world import pagerduty

JIRA = Path(__file__).resolve().parents[1] / "samples" / "jira"
OPSGENIE = JIRA.parent / "opsgenie"
QUICK = {"DX_TIMEOUT": "2", "DX_OUTLIVE": "1", "WEB_CONCURRENCY": "1"}
EU_SECRET = "pagerduty-eu-secret-0123456789"
FURTHER = """
[sources.pagerduty-eu]
vendor = "pagerduty"
secrets_env = "PAGERDUTY_EU_WEBHOOK_SECRETS"
reference_prefix = "eu-"
include = 'urgency == "high"'
"""


@pytest.fixture
def bridge(tmp_path, sandbox):
    """Return a bridge that is stopped, with all its processes, whatever the test does."""
    bridge = Bridge(tmp_path, sandbox.url, PAGERDUTY_EU_WEBHOOK_SECRETS=EU_SECRET, **QUICK)
    yield bridge
    bridge.kill()


def configured(bridge: Bridge, text: str) -> Bridge:
    """Write a bridge's bridge.toml."""
    (bridge.folder / "bridge.toml").write_text(text, "utf-8")
    return bridge


def started(bridge: Bridge, text: str = "") -> Bridge:
    """Start a bridge with this bridge.toml."""
    return configured(bridge, text).start().wait_ready()


def tell(bridge: Bridge, source: str, *bodies: dict) -> None:
    """Post webhooks, and wait until what follows from them is done."""
    for body in bodies:
        assert bridge.post(source, orjson.dumps(body)).status_code == 202
    settled(bridge)


def settled(bridge: Bridge) -> None:
    """Wait until everything received is folded and delivered."""
    wait_until(bridge.is_settled, what=f"delivery ({bridge.log()})")


def operator(bridge: Bridge, *arguments: str) -> None:
    """Correct an incident, and wait until DX knows."""
    result = bridge.run("override", *arguments)
    assert result.returncode == 0, result.stderr
    settled(bridge)


def jira(name: str) -> dict:
    """Return a sample of Jira's."""
    return orjson.loads((JIRA / f"{name}.json").read_bytes())


def methods(sandbox) -> list[str]:
    """Return what DX was called for, in order."""
    return [call["method"] for call in sandbox.calls()["calls"]]


def test_a_jira_incident_is_in_dx_and_a_task_is_not(bridge, sandbox):
    """Signed issue webhooks become `jira-<id>`, resolved when the issue is; an issue of another type is left out."""
    tell(
        started(bridge), "jira", jira("issue-created"), jira("issue-updated-done"), jira("issue-created-task")
    )
    issue, task = jira("issue-created")["issue"]["id"], jira("issue-created-task")["issue"]["id"]
    assert issue != task
    [(reference, held)] = sandbox.incidents().items()
    assert (reference, held["resolved_at"]) == (f"jira-{issue}", "2025-12-16T10:02:47Z")


def test_a_jira_delivery_that_is_repeated_is_a_duplicate(bridge):
    """The same body under the same webhook identifier is held already; a wrong signature is refused."""
    started(bridge)
    body = orjson.dumps(jira("issue-created"))

    def post(identifier: str, **headers: str) -> tuple[int, str]:
        named = {"X-Atlassian-Webhook-Identifier": identifier}
        url = f"{bridge.url}/webhooks/jira"
        answer = requests.post(url, data=body, headers=signed("jira", body) | named | headers, timeout=10)
        return answer.status_code, answer.json().get("status") or answer.json()["error"]

    assert [post("one"), post("one"), post("two")] == [
        (202, "accepted"),
        (200, "duplicate"),
        (202, "accepted"),
    ]
    assert post("one", **{"X-Hub-Signature": f"sha256={'0' * 64}"})[0] == 401


def test_a_further_source_has_secrets_references_and_a_rule_of_its_own(bridge, sandbox):
    """`/webhooks/pagerduty-eu` takes its own secret alone; its incidents are told from those of the first account."""
    started(bridge, FURTHER)
    url = f"{bridge.url}/webhooks/pagerduty-eu"

    def post(name: str, urgency: str, secret: str) -> int:
        body = orjson.dumps(pagerduty(name, urgency=urgency))
        headers = SIGNERS["pagerduty"](body, secret.encode()) | {"Content-Type": "application/json"}
        return requests.post(url, data=body, headers=headers, timeout=10).status_code

    assert post("Q1", "high", EU_SECRET) == 202
    assert post("Q2", "low", EU_SECRET) == 202
    assert post("Q3", "high", bridge.environment["PAGERDUTY_WEBHOOK_SECRETS"]) == 401
    tell(bridge, "pagerduty", pagerduty("Q1", urgency="low"))
    held = sandbox.incidents()
    assert {name: each["metadata"]["source"] for name, each in held.items()} == {
        "eu-Q1": "pagerduty-eu",
        "Q1": "pagerduty",
    }


def test_a_broken_file_stops_the_start_with_all_its_mistakes(bridge):
    """Of five mistakes each has a line of its own, and nothing is served."""
    configured(
        bridge,
        """
        prioritys = {}
        [services]
        unmapped = "slugs"
        [incidents]
        include = 'prioritee == "P1"'
        retract = ["merge"]
        [sources.pagerduty-eu]
        vendor = "pagerduty"
        """,
    )
    for command in ("serve", "apply"):
        result = bridge.run(command)
        assert result.returncode == 1
        told = [
            line for line in result.stderr.splitlines() if "bridge.toml" in line or "BRIDGE_CONFIG" in line
        ]
        assert len(told) >= 5, result.stderr
    assert not (bridge.folder / "bridge.db").exists()


def test_an_incident_that_is_included_later_goes_out_whole(bridge, sandbox):
    """Nothing is sent of an incident without priority; with one, everything known of it goes in one call."""
    started(bridge, '[incidents]\ninclude = \'priority in ["P1", "P2"]\'\n')
    service = {"id": "PSACME1", "type": "service_reference", "summary": "Checkout API"}
    tell(bridge, "pagerduty", pagerduty("Q1", urgency="high", service=service))
    assert methods(sandbox) == []
    later = pagerduty("Q1", "priority_updated", 60, priority={"summary": "P2"})
    tell(bridge, "pagerduty", later)
    held = sandbox.incidents()["Q1"]
    assert held["calls"] == 1
    assert (held["name"], held["priority"], held["started_at"]) == (
        "Checkout is slow",
        "P2",
        "2026-01-01T00:00:00Z",
    )
    assert held["services"] == [{"identifier": "checkout-api", "name": "Checkout API"}]
    assert held["metadata"]["urgency"] == "high"


def test_what_is_merged_or_deleted_is_retracted(bridge, sandbox):
    """A merged incident and a deleted alert are deleted in DX; the merged one comes back when it is reopened."""
    started(bridge, '[incidents]\nretract = ["merged", "deleted"]\n')
    merge = {"type": "merge_resolve_reason", "incident": {"id": "Q9", "type": "incident_reference"}}
    tell(bridge, "pagerduty", pagerduty("Q1"))
    create = orjson.loads((OPSGENIE / "create.json").read_bytes())
    alert = create["alert"]["alertId"]
    tell(bridge, "opsgenie", create)
    assert sandbox.incidents().keys() == {"Q1", alert}
    tell(bridge, "pagerduty", pagerduty("Q1", "resolved", 60, resolve_reason=merge))
    tell(
        bridge,
        "opsgenie",
        orjson.loads((OPSGENIE / "delete.json").read_bytes()) | {"alert": deletion(create)},
    )
    assert sandbox.incidents() == {}
    assert methods(sandbox).count("incidents.delete") == 2
    tell(bridge, "pagerduty", pagerduty("Q1", "reopened", 120))
    held = sandbox.incidents()
    assert held.keys() == {"Q1"}
    assert held["Q1"]["resolved_at"] is None


def deletion(create: dict) -> dict:
    """Return the alert of a deletion, a minute after its creation."""
    alert = create["alert"]
    return alert | {"updatedAt": (int(alert["createdAt"]) + 60_000) * 1_000_000}


def test_an_operator_takes_an_incident_out_and_in(bridge, sandbox):
    """Excluded, it leaves DX and later webhooks do not bring it back; cleared, or included, it is there whole."""
    started(bridge)
    tell(bridge, "pagerduty", pagerduty("Q1"), pagerduty("Q2"))
    operator(bridge, "Q1", "--exclude")
    assert sandbox.incidents().keys() == {"Q2"}
    tell(bridge, "pagerduty", pagerduty("Q1", "priority_updated", 60, priority={"summary": "P1"}))
    assert sandbox.incidents().keys() == {"Q2"}
    assert "Q1" in bridge.run("override", "--list").stdout
    operator(bridge, "Q1", "--clear")
    assert sandbox.incidents()["Q1"]["priority"] == "P1"
    operator(bridge, "Q2", "--resolved-at", "2026-01-01T00:30:00Z")
    tell(bridge, "pagerduty", pagerduty("Q2", "priority_updated", 90, priority={"summary": "P3"}))
    held = sandbox.incidents()["Q2"]
    assert (held["resolved_at"], held["priority"]) == ("2026-01-01T00:30:00Z", "P3")


def test_an_operator_keeps_an_incident_that_the_policy_leaves_out(bridge, sandbox):
    """Included by an operator it goes to DX whatever the rule says; once cleared, it stays: inclusion is sticky."""
    started(bridge, "[incidents]\ninclude = 'false'\n")
    tell(bridge, "pagerduty", pagerduty("Q1"), pagerduty("Q2"))
    assert sandbox.incidents() == {}
    operator(bridge, "Q1", "--include")
    assert sandbox.incidents().keys() == {"Q1"}
    operator(bridge, "Q1", "--clear")
    assert sandbox.incidents().keys() == {"Q1"}


def test_two_members_with_other_files_do_not_undo_each_other(tmp_path, sandbox, postgres_server):
    """Two pipelines on one database whose files differ: each incident is sent once a change, under one policy."""
    url = postgres_server.create_database()
    with ExitStack() as stack:
        members = []
        for number, priority in enumerate(("loud", "quiet")):
            folder = tmp_path / str(number)
            folder.mkdir()
            member = Bridge(folder, sandbox.url, DATABASE_URL=url, **QUICK)
            stack.callback(member.kill)
            configured(member, f'[priorities]\nP1 = "{priority}"\n')
            members.append(member)
        web = Bridge(tmp_path, sandbox.url, DATABASE_URL=url, **QUICK)
        stack.callback(web.kill)
        web.start("--web-only").wait_ready()
        for member in members:
            member.start_pipeline()
        for second in range(5):
            bodies = [
                pagerduty(
                    f"Q{number}", "priority_updated", second, priority={"summary": "P1"}, title=f"{second}"
                )
                for number in range(20)
            ]
            tell(web, "pagerduty", *bodies)
        held = sandbox.incidents().values()
        assert len({each["priority"] for each in held} & {"loud", "quiet"}) == 1
        assert len({each["priority"] for each in held}) == 1
        assert {each["name"] for each in held} == {"4"}
        total = sandbox.calls()["total"]
        assert total <= 5 * 20
        looks_of_the_renewal(members)
        assert sandbox.calls()["total"] == total
        logs = [(member.folder / "bridge.log").read_text("utf-8") for member in members]
        assert sorted("bridge.toml is not in force" in log for log in logs) == [False, True]


def looks_of_the_renewal(members: list[Bridge]) -> None:
    """Restart the pipelines: as it starts, each looks for incidents under another policy."""
    for member in members:
        member.stop()
        result = member.run("work", "--drain")
        assert result.returncode == 0, result.stderr
