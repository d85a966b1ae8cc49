"""`dx-bridge backfill`: usage, exit codes, what it says, and that an interrupted run goes on."""

import re
import time

import orjson
import pytest
import requests

from app.cli import backfill as module
from app.store import sender
from app.store.engine import connect
from tests.cli.test_plan_and_apply import on_terminal, receive, write
from tests.vendors.lives import DAY, life, lives, world

TOKEN = "sandbox-vendor-token-0123"
SINCE = 1_772_323_200  # 2026-03-01
MARCH = ("--since", "2026-03-01T00:00:00Z", "--until", "2026-04-01T00:00:00Z")
LIVES = lives(250, SINCE, 30 * DAY)
HINT = "No pipeline is running"


class Vendor:
    """PagerDuty's side of the sandbox."""

    def __init__(self, url: str) -> None:
        self.api = {"PAGERDUTY_API_URL": f"{url}/pagerduty", "PAGERDUTY_API_TOKEN": TOKEN}
        self._url = f"{url}/sandbox/vendors/pagerduty"

    def put(self, told, **settings) -> None:
        """Replace the vendor's world."""
        document = orjson.dumps(world(told, **settings))
        requests.put(self._url, data=document, timeout=10).raise_for_status()

    def patch(self, **settings) -> None:
        """Change settings."""
        document = orjson.dumps({"settings": settings})
        requests.patch(self._url, data=document, timeout=10).raise_for_status()

    def asked(self, path: str) -> list[str]:
        """Return the queries of a path."""
        log = requests.get(self._url, timeout=10).json()["requests"]["log"]
        return [each["query"] for each in log if each["path"] == path]


@pytest.fixture
def vendor(sandbox_url):
    """Return the vendor, with an incident."""
    vendor = Vendor(sandbox_url)
    vendor.put([life("Q1", SINCE, (600, "resolved"))])
    return vendor


@pytest.fixture
def backfill(bridge, vendor, folder):
    """Return a function that runs the command on a migrated database."""
    receive()

    def run(source="pagerduty", *arguments, **settings):
        return bridge("backfill", source, *(arguments or MARCH), **(vendor.api | settings))

    return run


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_what_was_read_is_counted_on_standard_output(backfill):
    """One line with the outcomes, and exit code 0."""
    result = backfill()
    assert (result.exit_code, result.stdout) == (0, "1 read, 1 new\n")


def test_an_unknown_source_is_bad_usage(backfill, vendor):
    """The sources that there are, are named."""
    result = backfill("nobody")
    assert (result.exit_code, vendor.asked("/incidents")) == (2, [])
    assert "is none of pagerduty, opsgenie, jsm, jira" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing option '--since'"),
        (("--since", "yesterday"), "--since"),
        (("--since", ""), "--since"),
        (("--since", "2026-01-01"), "Write it as 2026-01-01T00:00:00Z."),
        (("--since", "0"), "Write it as 2026-01-01T00:00:00Z."),
        (("--since", "2026-03-01T00:00:00Z", "--until", "soon"), "--until"),
        (("--since", "2026-04-01T00:00:00Z", "--until", "2026-03-01T00:00:00Z"), "not before the end"),
        (("--since", "2026-04-01T00:00:00Z", "--until", "2026-04-01T00:00:00Z"), "not before the end"),
        (("--since", "2099-01-01T00:00:00Z"), "not before the end"),
    ],
)
def test_times_that_make_no_window_are_bad_usage(bridge, vendor, folder, arguments, words):
    """A moment that cannot be read, and a window that is empty or all in the future, are told before anything is read."""
    result = bridge("backfill", "pagerduty", *arguments, **vendor.api)
    assert (result.exit_code, vendor.asked("/incidents")) == (2, [])
    assert words in result.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("pagerduty", "set PAGERDUTY_API_TOKEN."),
        ("opsgenie", "set OPSGENIE_API_KEY."),
        ("jsm", "set JSM_API_TOKEN, JSM_EMAIL and JSM_CLOUD_ID."),
        ("jira", "set JSM_API_TOKEN, JSM_EMAIL and JSM_CLOUD_ID."),
    ],
)
def test_without_access_the_variable_is_named(backfill, source, words):
    """A source whose API cannot be read says what to set, with exit code 1."""
    result = backfill(source, PAGERDUTY_API_TOKEN="")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{source} cannot be read: {words}" in result.stderr


def test_a_further_source_is_told_its_own_key(backfill, folder):
    """A source of bridge.toml has a token of its own, and its key is named."""
    write(folder, "[sources.eu]\nvendor = 'pagerduty'\nsecrets_env = 'EU_SECRETS'")
    result = backfill("eu")
    assert (result.exit_code, "set api_token_env in [sources.eu]" in result.stderr) == (1, True)


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_refused_token_is_told_without_being_shown(backfill, dry):
    """Exit code 1, the variable is named, and neither the token nor a traceback is to be seen."""
    wrong = "wrong-token-0123456789"
    result = backfill("pagerduty", *MARCH, *dry, PAGERDUTY_API_TOKEN=wrong, LOG_LEVEL="DEBUG")
    assert result.exit_code == 1
    assert "PagerDuty refuses the token (401" in result.stderr
    assert "set PAGERDUTY_API_TOKEN to one that may read this" in result.stderr
    assert ": set PAGERDUTY_API_URL" in result.stderr
    assert (wrong in result.output, "Traceback" in result.output) == (False, False)


def test_without_a_database_the_command_that_makes_one_is_named(bridge, vendor, folder):
    """Nothing is read for a database that cannot take it."""
    result = bridge("backfill", "pagerduty", *MARCH, **vendor.api)
    assert (result.exit_code, vendor.asked("/incidents")) == (1, [])
    assert "dx-bridge db upgrade" in result.stderr


def test_an_interrupted_run_says_that_it_continues(backfill, vendor):
    """What was read is kept; the same command tells where it goes on, and reads the rest alone."""
    vendor.put(LIVES, fail=[{"path": "/incidents", "status": 402, "after": 2}])
    result = backfill()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "What was read is kept; the same command goes on from there." in result.stderr
    vendor.patch(fail=[])
    before = len(vendor.asked("/incidents"))
    result = backfill()
    assert result.exit_code == 0
    continued = re.search(r"An earlier run is continued after (\S+)\.\n", result.stderr).group(1)
    assert continued == "2026-03-15T00:00:00Z"
    assert len(vendor.asked("/incidents")) - before == 3
    assert re.fullmatch(r"1\d\d read, 1\d\d new\n", result.stdout)


def test_a_run_that_ended_is_not_continued(backfill, vendor):
    """The next one begins at the beginning, and says nothing of an earlier one."""
    for _ in range(2):
        result = backfill()
        assert "continued" not in result.stderr
    assert len(vendor.asked("/incidents")) == 2 * 5  # week by week


def test_another_window_is_not_continued(backfill, vendor):
    """An interrupted run belongs to the times that it was given."""
    vendor.put(LIVES, fail=[{"path": "/incidents", "status": 402, "after": 2}])
    backfill()
    vendor.patch(fail=[])
    result = backfill("pagerduty", "--since", "2026-03-01T00:00:00Z", "--until", "2026-04-02T00:00:00Z")
    assert "continued" not in result.stderr
    assert result.stdout.startswith("250 read")


def test_without_a_terminal_lines_tell_how_far_it_is(backfill, vendor, monkeypatch):
    """Now and then a line on standard error says how far in time reading has come, and what was found."""
    monkeypatch.setattr(module, "_EVERY_SECONDS", 0.0)
    vendor.put(LIVES)
    result = backfill()
    lines = re.findall(
        r"^up to 2026-03-\d\dT\d\d:\d\d:\d\dZ: (\d+) read, (\d+) new$", result.stderr, re.MULTILINE
    )
    assert len(lines) >= 5
    assert lines[-1] == ("250", "250")
    assert result.stdout == "250 read, 250 new\n"


def test_without_a_terminal_a_short_run_is_quiet(backfill):
    """No bar and no line where there is nothing to wait for."""
    assert "up to" not in backfill().stderr


def test_on_a_terminal_standard_output_has_no_bar(vendor, folder):
    """The bar is for standard error; what goes into a pipe or a file is the result."""
    receive()
    shown = on_terminal(folder, "backfill", "pagerduty", *MARCH, **vendor.api)
    assert shown == "1 read, 1 new\n"


def test_nobody_will_deliver_without_a_pipeline(backfill):
    """Where no pipeline has beaten lately, the commands that start one are named."""
    result = backfill()
    assert (result.exit_code, HINT in result.stderr) == (0, True)


def test_with_a_pipeline_there_is_no_hint(backfill):
    """A pipeline that is alive needs no word."""
    engine = connect("sqlite:///bridge.db")
    with engine.begin() as connection:
        sender.beat(connection, "here", time.time_ns())
    engine.dispose()
    assert HINT not in backfill().stderr


def test_a_dry_run_gives_no_hint_and_leaves_no_cursor(backfill, vendor):
    """It shows what would be new, and the run after it begins at the beginning."""
    result = backfill("pagerduty", *MARCH, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.startswith("+ Q1  ")
    assert last_line(result.stdout) == (
        "1 would be new in DX, 0 different, 0 taken out. Nothing was written."
    )
    assert (HINT in result.stderr, "continued" in backfill().stderr) == (False, False)


def test_a_dry_run_shows_what_would_be_different(backfill, vendor):
    """An incident that is held and differs is shown key by key, with what DX has and would have."""
    told = life("Q1", SINCE, (600, "resolved"))
    receive(told.webhooks()[0])
    result = backfill("pagerduty", *MARCH, "--dry-run")
    assert result.stdout.splitlines()[0].startswith("~ Q1  ")
    assert "    resolved_at: nothing -> 2026-03-01T00:10:00Z" in result.stdout
    assert last_line(result.stdout).startswith("0 would be new in DX, 1 different")


def test_a_dry_run_that_changes_nothing_says_so(backfill, vendor):
    """What is held already is not shown."""
    receive(*life("Q1", SINCE, (600, "resolved")).webhooks())
    result = backfill("pagerduty", *MARCH, "--dry-run")
    assert (result.exit_code, result.stdout) == (
        0,
        "0 would be new in DX, 0 different, 0 taken out. Nothing was written.\n",
    )


def test_a_dry_run_obeys_the_policy(backfill, vendor, folder):
    """An incident that the rule leaves out would not be new in DX."""
    write(folder, "[incidents]\ninclude = 'priority == \"P5\"'")
    result = backfill("pagerduty", *MARCH, "--dry-run")
    assert "0 would be new in DX" in result.stdout


def test_the_vendor_is_asked_in_utc(backfill, vendor):
    """What the vendor is asked always names its zone: without one it would take the account's."""
    result = backfill("pagerduty", "--since", "2026-03-01T01:00:00+01:00", "--until", "2026-04-01T00:00:00Z")
    assert result.stdout == "1 read, 1 new\n"
    first, *others = vendor.asked("/incidents")
    assert "since=2026-03-01T00%3A00%3A00Z" in first
    assert all(re.search(r"since=[^&]*%3A00Z", query) for query in others)
