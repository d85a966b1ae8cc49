"""Every setting, command and route has its place in the documentation."""

import re
from pathlib import Path

import pytest

from app.cli import _COMMANDS
from app.factory import create_app
from app.settings import read_settings
from app.sources import default_sources

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DOCS = README + "".join(path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md")))
READ = re.findall(r'read\(\s*"([A-Z_]+)"', (ROOT / "app" / "settings.py").read_text("utf-8"))
SETTINGS = sorted({*READ, *(source.secrets_env for source in default_sources().values())})


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_in_the_readme(name):
    """The table of settings names each variable that is read."""
    assert f"`{name}`" in README


def test_the_settings_are_found():
    """The list above is not empty for some change of style in the code."""
    assert {"DX_BASE_URL", "PAGERDUTY_WEBHOOK_SECRETS", "LOG_LEVEL"} <= set(SETTINGS)


@pytest.mark.parametrize("name", _COMMANDS)
def test_a_command_is_in_the_readme(name):
    """The table of commands names each."""
    assert f"`dx-bridge {name}" in README or f"`{name}`" in README


def test_every_route_is_documented(sqlite_url, monkeypatch):
    """Each route of vendors, machines and the admin API is in the docs; the dashboard's pages are links."""
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    app = create_app(read_settings()[0])
    rules = {rule.rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("dashboard.")}
    assert [rule for rule in sorted(rules) if not _is_documented(rule)] == []


def _is_documented(rule):
    parts = re.split(r"<(?:[^:>]+:)?([^>]+)>", rule)
    pattern = "".join(r"[^`\s|]+" if number % 2 else re.escape(part) for number, part in enumerate(parts))
    return re.search(rf"[ `]{pattern}", DOCS) is not None
