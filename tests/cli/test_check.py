import requests

from tests.cli.conftest import TOKEN

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
