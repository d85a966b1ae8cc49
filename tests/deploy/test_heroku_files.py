"""Heroku's files against the code and against what Heroku accepts in them."""

import json
import os
import re

import pytest

from app import factory, pipeline
from app.cli import main
from app.errors import SettingsError
from app.settings import load_settings
from app.supervise import STOP_SECONDS
from tests.deploy.platforms import DEPLOY, ROOT, settings

MANIFEST = json.loads((ROOT / "app.json").read_text("utf-8"))
GUIDE = (DEPLOY / "heroku.md").read_text("utf-8")
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text("utf-8").splitlines())
KNOWN = {
    "name": str,
    "description": str,
    "keywords": list,
    "success_url": str,
    "buildpacks": list,
    "formation": dict,
    "addons": list,
    "scripts": dict,
    "env": dict,
}
"""https://devcenter.heroku.com/articles/app-json-schema, of which no more is used"""
PLAN = 20
"""Connections of essential-0: https://devcenter.heroku.com/articles/heroku-postgres-plans"""


@pytest.fixture
def filled(monkeypatch, tmp_path):
    """Set the environment that the button makes when only what is required is filled in."""
    for name in [name for name in os.environ if name in settings()]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name, about in MANIFEST["env"].items():
        monkeypatch.setenv(name, about.get("value", "s" * 64 if "generator" in about else ""))
    monkeypatch.setenv("DX_BASE_URL", "https://acme.getdx.net")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@db.example.com:5432/d")
    monkeypatch.setenv("DYNO", "web.1")
    return monkeypatch


def test_the_procfile_runs_from_the_checkout():
    """Each process is a command of `python -m app`, and the shell leaves its place to it, so it gets the signals."""
    for command in PROCFILE.values():
        words = command.split()
        assert words[:4] == ["exec", "python", "-m", "app"]
        assert words[4] in main.list_commands(None)
    assert list(PROCFILE) == ["release", "web", "worker"]


def test_the_manifest_has_the_form_that_heroku_reads():
    """Every key is one of Heroku's, with the kind of value that it has there."""
    assert {name: type(value) for name, value in MANIFEST.items()} == KNOWN
    assert set(MANIFEST["formation"]) <= set(PROCFILE)
    assert all(set(each) == {"quantity", "size"} for each in MANIFEST["formation"].values())
    assert MANIFEST["addons"] == [{"plan": "heroku-postgresql:essential-0"}]
    for about in MANIFEST["env"].values():
        assert set(about) <= {"description", "value", "required", "generator"}
        assert about["description"]
        assert ("generator" in about) + ("value" in about) + ("required" in about) == 1
        assert isinstance(about.get("value", ""), str)


def test_what_the_button_asks_for_is_read_and_what_is_optional_may_be_left_out(filled):
    """With nothing but what is required the settings hold; each variable is one that the code reads."""
    assert set(MANIFEST["env"]) <= settings()
    loaded = load_settings()
    assert loaded.trusted_proxies == 1
    assert loaded.admin_token
    assert loaded.metrics_token


@pytest.mark.parametrize("name", [name for name, about in MANIFEST["env"].items() if "required" in about])
def test_the_forms_field_is_checked_at_the_release(filled, name):
    """What was filled in wrongly is named before the first dyno starts."""
    filled.setenv(name, "oops")
    with pytest.raises(SettingsError, match=name):
        load_settings()


def test_a_finding_of_the_check_does_not_undo_the_set_up():
    """The check runs after the first deploy, and the set-up stands whatever it finds."""
    assert MANIFEST["scripts"] == {"postdeploy": "python -m app check || true"}


def test_the_button_and_the_guide_keep_within_the_plans_connections():
    """Two generations of one dyno fit; the guide's table is what the code takes."""
    workers = int(MANIFEST["env"]["WEB_CONCURRENCY"]["value"])
    work = pipeline.CONNECTIONS + 1
    web = factory.CONNECTIONS * workers + work
    assert 2 * web <= PLAN
    found = [int(number) for number in re.findall(r"^\| `web=.*\| (\d+) \|$", GUIDE, re.MULTILINE)]
    assert found == [web, web + work, 2 * web]
    assert f"WEB_CONCURRENCY={workers} " in GUIDE
    assert f"at most {factory.CONNECTIONS} connections, a pipeline {work}," in GUIDE


def test_python_is_one_that_the_project_is_for():
    """The version is named as Heroku wants it, without a patch, and `requires-python` allows it."""
    version = (ROOT / ".python-version").read_text("utf-8").strip()
    assert re.fullmatch(r"3\.\d+", version)
    least = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text("utf-8"))[1]
    assert int(version.partition(".")[2]) >= int(least)


def test_a_dyno_ends_within_herokus_time():
    """Heroku kills after 30 s."""
    assert STOP_SECONDS < 30
