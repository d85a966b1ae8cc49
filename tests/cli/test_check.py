import sqlite3

import pytest
import requests

from tests.cli.conftest import TOKEN
from tests.cli.test_plan_and_apply import deliver, pagerduty, receive, write

SECRET = "pagerduty-secret-0123456789"


def test_everything_in_place_is_exit_code_0(bridge, sandbox_url):
    """With a source, a database and an accepted token there is nothing to do."""
    result = bridge("check", DX_BASE_URL=sandbox_url, DX_API_TOKEN=TOKEN, PAGERDUTY_WEBHOOK_SECRETS=SECRET)
    assert (result.exit_code, "problem" in result.stdout) == (0, False)


def test_every_problem_is_told_at_once(bridge):
    """Bad values, missing ones and the database are told together, one line each."""
    told = bridge("check", PORT="x", DX_TIMEOUT="0", DATABASE_URL="mysql://h/d").stdout.splitlines()
    for sign in ("PORT:", "DX_TIMEOUT:", "DATABASE_URL:", "DX_BASE_URL", "DX_API_TOKEN", "no webhook"):
        assert sum(sign in line for line in told) == 1


def test_a_refused_token_is_told(bridge, sandbox_url):
    """A token that DX refuses is a problem with its remedy."""
    result = bridge("check", DX_BASE_URL=sandbox_url, DX_API_TOKEN="another-token-0123456789")
    assert "set DX_API_TOKEN to a valid" in result.stdout


def test_another_server_is_told(bridge, sandbox_url):
    """An address that answers without DX's JSON is told as such, not as a network problem."""
    requests.put(f"{sandbox_url}/sandbox/faults", json=[{"non_json": True}], timeout=10)
    result = bridge("check", DX_BASE_URL=sandbox_url, DX_API_TOKEN=TOKEN)
    assert "does it lead to your DX instance?" in result.stdout


def test_no_secret_shows(bridge):
    """No message holds a secret, however wrong it is."""
    result = bridge(
        "check",
        DX_API_TOKEN="tiny-secret",
        PAGERDUTY_WEBHOOK_SECRETS=f"{SECRET},",
        DATABASE_URL="postgresql://u:hunter2@pw@host.invalid/d",
    )
    assert result.exit_code == 1
    for secret in ("tiny-secret", SECRET, "hunter2", "pw@host"):
        assert secret not in result.output


SOURCES = {
    "pagerduty": "PAGERDUTY_WEBHOOK_SECRETS",
    "opsgenie": "OPSGENIE_WEBHOOK_TOKENS",
    "jsm": "JSM_WEBHOOK_TOKENS",
    "jira": "JIRA_WEBHOOK_SECRETS",
}


@pytest.fixture
def notes(bridge):
    """Return a function that tells what `check` notes about these sources; all of it on standard error."""

    def run(*sources, **settings):
        result = bridge("check", **{SOURCES[name]: SECRET for name in sources}, **settings)
        assert "note:" not in result.stdout
        return [line for line in result.stderr.splitlines() if line.startswith("note: ")]

    return run


@pytest.mark.parametrize(
    ("source", "connector"),
    [
        ("pagerduty", "PagerDuty"),
        ("opsgenie", "Opsgenie"),
        ("jsm", "Jira Service Management"),
        ("jira", "Jira Service Management"),
    ],
)
def test_a_connector_of_dx_is_warned_of(notes, source, connector):
    """For each vendor in use DX's own connector is named, and that nobody could look from here."""
    [note] = notes(source)
    assert f"DX's own {connector} connector" in note
    assert "could not be checked from here" in note


def test_without_sources_nothing_is_counted_twice(notes):
    """Where no source has a secret, nothing is said about double counting."""
    assert notes() == []


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        (("jira", "jsm"), "an incident is a Jira issue and raises alerts"),
        (("jsm", "opsgenie"), "after the migration both send the same alerts"),
        (("jira", "opsgenie"), "after the migration an incident may be in both"),
    ],
)
def test_two_ways_to_one_incident_are_warned_of(notes, pair, why):
    """Two sources through which one incident comes are named together, with the way to choose."""
    told = [note for note in notes(*pair) if "both in use" in note]
    assert len(told) == 1
    assert all(words in told[0] for words in (*pair, why, "`include`"))


@pytest.mark.parametrize("other", ["opsgenie", "jsm", "jira"])
def test_vendors_that_share_nothing_are_not_warned_of(notes, other):
    """PagerDuty beside another vendor is nothing to choose between."""
    assert not any("both" in note for note in notes("pagerduty", other))


@pytest.mark.parametrize(("prefix", "count"), [("", 1), ("reference_prefix = 'eu-'", 0)])
def test_two_sources_of_one_vendor_need_a_prefix(notes, folder, prefix, count):
    """Two accounts of a vendor that share their references are named; a prefix settles it."""
    write(folder, f"[sources.eu]\nvendor = 'pagerduty'\nsecrets_env = 'EU_SECRETS'\n{prefix}")
    told = [note for note in notes("pagerduty", EU_SECRETS=SECRET) if "one reference_prefix" in note]
    assert len(told) == count
    assert all("pagerduty and eu" in note for note in told)


def test_a_further_source_without_its_secret_is_a_problem(bridge, folder):
    """A source of bridge.toml whose variable is not set is told with that variable."""
    write(folder, "[sources.eu]\nvendor = 'pagerduty'\nsecrets_env = 'EU_SECRETS'")
    result = bridge("check", PAGERDUTY_WEBHOOK_SECRETS=SECRET)
    assert "problem: [sources.eu] accepts no webhook: set EU_SECRETS\n" in result.stdout
    assert result.exit_code == 1


def test_a_policy_that_is_not_applied_is_noted(notes, folder):
    """A bridge.toml that differs from the policy in force is noted with the two commands, until it is applied."""
    receive(pagerduty())
    assert notes() == []
    write(folder, "[incidents]\nmetadata = []")
    [note] = notes()
    assert "`dx-bridge plan`" in note
    assert "`dx-bridge apply`" in note


def test_an_applied_policy_is_not_noted(notes, bridge, folder):
    """After apply the file is the policy in force, and comments or the order of keys do not matter."""
    receive(pagerduty())
    write(folder, "[services]\nunmapped = 'id'\n[incidents]\nmetadata = []")
    assert bridge("apply").exit_code == 0
    write(folder, "# the same\n[incidents]\nmetadata = []\n[services]\nunmapped = 'id'")
    assert notes() == []


def test_another_destination_is_noted(notes, bridge, folder, sandbox_url):
    """Incidents that were delivered to another DX_BASE_URL are counted, with the command that sends them."""
    receive(pagerduty(1), pagerduty(2))
    deliver(bridge, sandbox_url)
    [note] = notes(DX_BASE_URL="https://acme.getdx.net")
    assert "2 incidents were delivered to another DX_BASE_URL" in note
    assert "`dx-bridge redeliver --all`" in note
    assert notes(DX_BASE_URL=sandbox_url) == []


def test_an_older_schema_is_a_problem(bridge, folder):
    """A database of an earlier version is told with the command that migrates it, and is not touched."""
    receive()
    with sqlite3.connect(folder / "bridge.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    before = (folder / "bridge.db").read_bytes()
    result = bridge("check")
    assert (result.exit_code, "run `dx-bridge db upgrade`" in result.stdout) == (1, True)
    assert (folder / "bridge.db").read_bytes() == before


def test_a_database_that_is_yet_to_be_made_is_no_problem(bridge, folder):
    """Before the first start there is no file, and check makes none."""
    assert "database" not in bridge("check").stdout
    assert not (folder / "bridge.db").exists()
