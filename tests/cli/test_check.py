import socket
import sqlite3
from dataclasses import replace

import pytest
import requests

from app.cli.check_names import misspelt
from app.settings import read_settings
from app.store import sender
from app.store.engine import connect
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


# What the sender does


def steer(act):
    """Change the sender's row in the folder's database."""
    engine = connect("sqlite:///bridge.db")
    with engine.begin() as connection:
        act(connection)
    engine.dispose()


def be(state, reason):
    """Return what puts the sender into a state, as the pipeline does."""

    def act(connection):
        now = sender.load(connection, 1, lock=True).sender
        sender.save(connection, replace(now, state=state, reason=reason))

    return act


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (sender.pause, ("nothing is sent", "paused (operator)", "`POST /api/v1/sender/resume`")),
        (lambda connection: sender.start(connection, paused=True), ("nothing is sent", "(START_PAUSED)")),
        (be("held", "invalid_auth"), ("nothing is sent", "held (invalid_auth)", "restart")),
        (be("probing", "http_503"), ("finds DX away (http_503)", "by itself")),
    ],
)
def test_a_sender_that_does_not_run_is_noted(notes, act, words):
    """Where incidents do not reach DX at present, why is noted, and what ends it; else nothing is."""
    receive()
    assert notes() == []
    steer(act)
    [note] = notes()
    assert [each for each in words if each not in note] == []


def test_a_paused_sender_is_no_problem(bridge, sandbox_url):
    """A pause is meant so: the exit code is that of a bridge with everything in place."""
    receive()
    steer(sender.pause)
    result = bridge("check", DX_BASE_URL=sandbox_url, DX_API_TOKEN=TOKEN, PAGERDUTY_WEBHOOK_SECRETS=SECRET)
    assert result.exit_code == 0


# What DX answers


def test_no_connection_is_told_plainly(bridge):
    """An address where nobody listens is told in words, not by the name of an error."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = bridge("check", DX_BASE_URL=url, DX_API_TOKEN=TOKEN)
    assert "DX does not answer (no connection): check DX_BASE_URL" in result.stdout


def test_silence_is_told_with_its_seconds(bridge, sandbox_url):
    """An address that takes the question and gives no answer is told with the time that was waited."""
    requests.put(f"{sandbox_url}/sandbox/faults", json=[{"delay": 30}], timeout=10)
    result = bridge("check", DX_BASE_URL=sandbox_url, DX_API_TOKEN=TOKEN, DX_TIMEOUT="0.5")
    assert "DX does not answer (nothing within 0.5 s): check DX_BASE_URL" in result.stdout


def test_a_status_of_dx_is_told(bridge, sandbox_url):
    """A status that says "not now" is told as it came."""
    requests.put(f"{sandbox_url}/sandbox/faults", json=[{"status": 503}], timeout=10)
    result = bridge("check", DX_BASE_URL=sandbox_url, DX_API_TOKEN=TOKEN)
    assert "DX does not answer (http_503" in result.stdout


def test_an_unverified_token_is_noted_with_what_to_look_at(notes, sandbox_url):
    """A refusal of something else than the token names the address, the scope, and what will show it."""
    requests.put(f"{sandbox_url}/sandbox/faults", json=[{"error": "invalid_arguments"}], timeout=10)
    [note] = notes(DX_BASE_URL=sandbox_url, DX_API_TOKEN=TOKEN)
    assert [each for each in ("DX_BASE_URL", "scope", "first incident") if each not in note] == []


# The database


def test_a_file_that_cannot_be_opened_names_the_rights(bridge, folder):
    """A path that is no file is told with the rights that are needed on it."""
    (folder / "there").mkdir()
    told = bridge("check", DATABASE_URL=f"sqlite:///{folder}/there").stdout
    assert "that this user may write the file and its folder" in told


# Misspelt variables


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DX_API_TOKN", "DX_API_TOKEN"),
        ("PAGERDUTY_WEBHOK_SECRETS", "PAGERDUTY_WEBHOOK_SECRETS"),
        ("PAGERDUTY_WEBHOOK_SECRET", "PAGERDUTY_WEBHOOK_SECRETS"),
        ("OPSGENIE_API_TOKEN", "OPSGENIE_API_KEY"),
        ("JSM_CLOUDID", "JSM_CLOUD_ID"),
        ("DX_API_TOKEN_FIL", "DX_API_TOKEN_FILE"),
        ("BRIDGE_CONFG", "BRIDGE_CONFIG"),
    ],
)
def test_a_misspelt_variable_is_noted(notes, name, meant):
    """A variable that begins as ours and is nearly a setting is noted with that, without its value."""
    [note] = notes(**{name: "hunter2hunter2hunter2"})
    assert (name in note, note.endswith(f"did you mean {meant}?"), "hunter2" in note) == (True, True, False)


def test_a_misspelt_variable_of_the_env_file_is_noted(notes, folder):
    """`.env` is looked at, too; what is empty there is not set."""
    (folder / ".env").write_text("DX_API_TOKN=hunter2hunter2hunter2\nDX_BASE_UR=\n")
    [note] = notes()
    assert note.startswith("note: DX_API_TOKN is set, but no setting has this name")


def test_a_misspelt_variable_of_a_further_source_is_noted(notes, folder):
    """The variables that bridge.toml names are known, and what is nearly one of them is not."""
    write(
        folder,
        "[sources.eu]\nvendor = 'pagerduty'\nsecrets_env = 'JIRA_EU_SECRETS'\nreference_prefix = 'eu-'",
    )
    assert not any("no setting" in note for note in notes(JIRA_EU_SECRETS=SECRET))
    assert any("did you mean JIRA_EU_SECRETS?" in note for note in notes(JIRA_EU_SECRET=SECRET))


PLATFORMS = (
    *(
        f"{service}_{end}"
        for service in ("DX_BRIDGE", "BRIDGE", "DX", "DX_BRIDGE_WEB", "PAGERDUTY")
        for end in (
            "PORT",
            "SERVICE_HOST",
            "SERVICE_PORT",
            "SERVICE_PORT_HTTP",
            "PORT_8000_TCP",
            "PORT_8000_TCP_ADDR",
            "PORT_8000_TCP_PORT",
            "PORT_8000_TCP_PROTO",
        )
    ),
    *("HEROKU_APP_NAME", "HEROKU_POSTGRESQL_TEAL_URL", "FLY_APP_NAME", "RENDER_SERVICE_NAME", "WEB_MEMORY"),
    *("LOG_LEVELS", "DATABASE_URLS", "SENTRY_RELEASE", "PAGERDUTY_SERVICE_REGION", "JIRA_HOME"),
)


def test_what_platforms_set_is_not_noted(bridge):
    """Kubernetes' variables of services, platforms' own and other programs' are no misspelt settings of ours."""
    result = bridge("check", **dict.fromkeys(PLATFORMS, "tcp://10.0.0.1:8000"))
    assert "no setting" not in result.stderr


def test_no_setting_is_taken_for_a_misspelt_one(folder, monkeypatch):
    """Every variable that is read is known, by itself and as a file, also where bridge.toml has an api_url."""
    own = "api_url = 'https://api.eu.example.com'"
    write(folder, "".join(f"[sources.{name}]\n{own}\n" for name in SOURCES))
    names = [*read_settings()[0].variables, "PAGERDUTY_API_URL", "OPSGENIE_API_URL", "JSM_API_URL"]
    assert {"DX_API_TOKEN", "JSM_EMAIL", "BRIDGE_CONFIG"} <= set(names)
    for name in (*names, *(f"{name}_FILE" for name in names)):
        monkeypatch.setenv(name, "x")
    assert list(misspelt(read_settings()[0])) == []
