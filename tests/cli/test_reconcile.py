"""`dx-bridge reconcile`: which sources, exit codes, what it says."""

import time

import pytest

from tests.cli.test_backfill import TOKEN, vendor
from tests.cli.test_plan_and_apply import receive, write
from tests.vendors.lives import HOUR, life

__all__ = ["vendor"]

SECRETS = {"PAGERDUTY_WEBHOOK_SECRETS": "pagerduty-secret-0123456789"}
BEGIN = int(time.time()) - 2 * HOUR
TOLD = life("Q1", BEGIN, (600, "resolved"))


@pytest.fixture
def reconcile(bridge, vendor, folder):
    """Return a function that runs the command; the vendor has an incident whose resolution did not arrive."""
    vendor.put([TOLD])
    receive(TOLD.webhooks()[0])

    def run(*arguments, **settings):
        return bridge("reconcile", *arguments, **(vendor.api | SECRETS | settings))

    return run


def test_what_was_read_is_counted_by_source(reconcile):
    """One line a source on standard output, and exit code 0."""
    result = reconcile()
    assert (result.exit_code, result.stdout) == (0, "pagerduty: 1 read, 1 different\n")


def test_an_unknown_source_is_bad_usage(reconcile):
    """The sources that there are, are named."""
    result = reconcile("nobody")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is none of pagerduty, opsgenie, jsm, jira" in result.stderr


def test_without_any_access_the_variables_are_named(reconcile):
    """Nobody can be asked: what to set is told, with exit code 1."""
    result = reconcile(PAGERDUTY_API_TOKEN="")
    assert result.exit_code == 1
    for name in ("PAGERDUTY_API_TOKEN", "OPSGENIE_API_KEY", "JSM_API_TOKEN"):
        assert name in result.stderr


def test_a_source_that_is_named_needs_its_own_access(reconcile):
    """Asked for by name, a source without access says which variable it lacks."""
    result = reconcile("opsgenie")
    assert (result.exit_code, "set OPSGENIE_API_KEY." in result.stderr) == (1, True)


def test_a_source_without_webhooks_is_asked_only_by_name(reconcile):
    """Without a signing secret the bridge is not meant to follow a source; by name it is read all the same."""
    assert reconcile(PAGERDUTY_WEBHOOK_SECRETS="").exit_code == 1
    result = reconcile("pagerduty", PAGERDUTY_WEBHOOK_SECRETS="")
    assert (result.exit_code, result.stdout) == (0, "pagerduty: 1 read, 1 different\n")


def test_a_refused_token_is_told_without_being_shown(reconcile):
    """Exit code 1, the variable is named, and the token is not to be seen."""
    wrong = "wrong-token-0123456789"
    result = reconcile(PAGERDUTY_API_TOKEN=wrong, LOG_LEVEL="DEBUG")
    assert result.exit_code == 1
    assert "pagerduty: PagerDuty refuses the token (401" in result.stderr
    assert "set PAGERDUTY_API_TOKEN to one that may read this" in result.stderr
    assert (wrong in result.output, "Traceback" in result.output) == (False, False)


def test_one_vendor_that_fails_does_not_keep_the_others_waiting(reconcile, vendor, folder):
    """Every source has its turn; the exit code tells that one failed."""
    write(
        folder,
        "[sources.a-eu]\nvendor = 'pagerduty'\nsecrets_env = 'EU_SECRETS'\napi_token_env = 'EU_TOKEN'\n"
        f"api_url = '{vendor.api['PAGERDUTY_API_URL']}'",
    )
    keys = {"EU_SECRETS": "eu-secret-0123456789", "EU_TOKEN": "wrong-token-0123456789"}
    result = reconcile("a-eu", "pagerduty", **keys)
    assert (result.exit_code, result.stdout) == (1, "pagerduty: 1 read, 1 different\n")
    assert "a-eu: PagerDuty refuses the token" in result.stderr
    assert "EU_TOKEN" in result.stderr
    assert ": set api_url in [sources.a-eu]" in result.stderr


@pytest.mark.parametrize(("hours", "read"), [("1", 1), ("1.9", 1), ("2.5", 0), ("0", 1)])
def test_how_long_open_is_doubtful_can_be_said(reconcile, hours, read):
    """An incident that began two hours ago is asked about from so many hours on."""
    result = reconcile("--open-for", hours)
    assert result.stdout.startswith(f"pagerduty: {read} read")


@pytest.mark.parametrize("hours", ["-1", "long"])
def test_no_number_of_hours_is_bad_usage(reconcile, vendor, hours):
    """Nothing is asked."""
    assert reconcile("--open-for", hours).exit_code == 2
    assert vendor.asked("/incidents/Q1") == []


def test_what_the_vendor_does_not_know_is_counted(reconcile, vendor):
    """An incident that is gone there is no error."""
    vendor.put([])
    result = reconcile()
    assert (result.exit_code, "0 read, 1 unknown there" in result.stdout) == (0, True)


def test_what_is_wrong_with_the_webhooks_is_told(reconcile):
    """The cause of a lost webhook is told beside its repair."""
    assert "pagerduty: no webhook subscription leads to" in reconcile().stderr


def test_without_a_database_the_command_that_makes_one_is_named(bridge, vendor, folder):
    """Nothing is read for a database that cannot take it."""
    result = bridge("reconcile", **(vendor.api | SECRETS))
    assert (result.exit_code, vendor.asked("/log_entries")) == (1, [])
    assert "dx-bridge db upgrade" in result.stderr


def test_a_token_is_in_no_question(reconcile, vendor):
    """The token goes into a header, never into an address."""
    reconcile()
    assert vendor.asked("/incidents/Q1")
    assert not any(
        TOKEN in query for query in (*vendor.asked("/incidents/Q1"), *vendor.asked("/log_entries"))
    )
