import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from app.sandbox import create_sandbox, running

TOKEN = "sandbox-token-0123456789"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty working folder, with nothing of the bridge in the environment."""
    for name in [*os.environ]:
        if name.startswith(("DX_", "PAGERDUTY_", "OPSGENIE_", "JSM_", "BRIDGE_", "DATABASE_URL", "PORT")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Path(tmp_path)


@pytest.fixture
def bridge(folder, monkeypatch):
    """Return a function that runs a `dx-bridge` command, with settings as keywords."""

    def run(*arguments, stdin=None, **settings):
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            return CliRunner().invoke(main, list(arguments), input=stdin)

    return run


@pytest.fixture
def sandbox_url():
    """Return the address of a running sandbox that knows TOKEN."""
    with running(create_sandbox(TOKEN)) as url:
        yield url
