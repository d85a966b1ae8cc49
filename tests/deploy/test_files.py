"""What the files of all platforms name, against the code: settings, commands, routes."""

import os
import re

import click
import pytest
from flask import Flask, request

from app.cli import main
from app.settings import read_settings
from app.web import proxy
from tests.deploy import platforms
from tests.deploy.platforms import OUR_READMES, ROOT, serves

PLATFORMS = {"docker", "kubernetes", "fly", "render"}
THEIRS = re.compile(r"POSTGRES_|TF_|AF_|CAP_|PYTHON|PAGERDUTY_TOKEN$|BRIDGE_(VERSION|ADDRESS)$")
"""Names that belong to a platform, or to compose.yaml itself."""

FORWARDED = {
    "kubernetes": "203.0.113.7",
    # https://fly.io/docs/networking/request-headers/: the app's own address comes last
    "fly": "203.0.113.7, 198.51.100.1",
    # seen by others there: the edge network's address and the balancer's come last
    "render": "203.0.113.7, 198.51.100.1, 10.0.0.1",
}
"""What each platform's proxies append to X-Forwarded-For."""


@pytest.mark.parametrize("path", platforms.texts())
def test_a_variable_is_read_by_the_code(path):
    """Whatever looks like a setting in a file of a platform is one, or is the platform's own."""
    named = set(re.findall(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b", platforms.texts()[path]))
    assert {name for name in named - platforms.settings() if not THEIRS.match(name)} == set()


def command_lines():
    """Return every command line of the bridge in a file of a platform."""
    for path, text in platforms.texts().items():
        flat = re.sub(r'["\[\],]+ ?', " ", text) if path.endswith((".yaml", "Dockerfile")) else text
        for line in re.findall(
            r"(?:python -m app|(?<=`)dx-bridge)((?: +[a-z-]+)+)", re.sub("  +", " ", flat)
        ):
            yield path, line.split()


def test_command_lines_are_found():
    """The pattern above finds those of each kind of file."""
    found = {(path, *words) for path, words in command_lines()}
    assert ("deploy/docker/compose.yaml", "db", "upgrade") in found
    assert ("deploy/kubernetes/deployment.yaml", "serve") in found
    assert ("Procfile", "serve") in found


@pytest.mark.parametrize(("path", "words"), list(command_lines()))
def test_a_command_line_is_known(path, words):
    """Each command, subcommand and option exists."""
    command, context = main, click.Context(main)
    rest = list(words)
    while isinstance(command, click.Group):
        command = command.get_command(context, rest.pop(0))
        assert command is not None, f"{path}: {words}"
    options = {name for each in command.params for name in each.opts}
    assert {word for word in rest if word.startswith("--")} <= options


@pytest.mark.parametrize("path", platforms.texts())
def test_a_route_is_served(path, routes):
    """Health, metrics, API and webhook paths in a file of a platform are routes of the bridge."""
    named = re.findall(r"/(?:healthz|readyz|metrics|webhooks|api/v1)(?:/[a-z]+)*\b", platforms.texts()[path])
    own = {each for each in named if not each.startswith("/webhooks") or each.count("/") > 1}
    assert {each for each in own if not serves(routes, each)} == set()


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_an_environment_is_accepted(platform, secrets, monkeypatch):
    """The bridge has no complaint about what a platform's files set, with what an operator fills in."""
    environment = platforms.environments(secrets)[platform]
    for name in [name for name in os.environ if name in platforms.settings()]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings, problems = read_settings()
    assert problems == []
    assert settings.database_url.startswith("postgresql://bridge:")
    assert settings.can_deliver
    assert settings.admin_token or platform == "render"
    assert settings.sources["pagerduty"].secrets


@pytest.mark.parametrize(("platform", "appended"), FORWARDED.items())
def test_the_client_is_known(platform, appended, secrets):
    """The trusted hops are those of the platform: neither a proxy nor what a client invents counts as the client."""
    app = Flask("told")
    app.add_url_rule("/", view_func=lambda: f"{request.remote_addr} {request.scheme}")
    proxy.init(app, int(platforms.environments(secrets)[platform]["TRUSTED_PROXIES"]))
    headers = {"X-Forwarded-For": f"192.0.2.66, {appended}", "X-Forwarded-Proto": "https"}
    assert app.test_client().get("/", headers=headers).text == "203.0.113.7 https"


def test_nobody_is_believed_without_a_proxy(secrets):
    """Compose alone has no proxy, so the headers count for nothing."""
    assert platforms.environments(secrets)["docker"]["TRUSTED_PROXIES"] == "0"


@pytest.mark.parametrize("readme", OUR_READMES, ids=lambda path: path.parent.name)
def test_a_readme_has_all_parts(readme):
    """Each tells how to check, upgrade and roll back, and names only files that exist."""
    text = readme.read_text("utf-8")
    for part in ("python -m app check", "/healthz/pipeline", "dashboard", "| upgrade |", "| roll back |"):
        assert part in text
    named = [path.rstrip(".") for path in re.findall(r"\bdeploy/[\w./-]+", text)]
    assert [path for path in named if not (ROOT / path).exists()] == []
