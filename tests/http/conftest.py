"""A migrated database, settings from the environment, the application on them, and real servers."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.clock import Clock
from app.store import engine
from app.store.migrate import upgrade
from tests.harness import ADMIN_TOKEN, SECRETS, Bridge
from tests.http.web import Site

METRICS_TOKEN = "metrics-token-0123456789"
NOWHERE = "http://127.0.0.1:9"
READ = (
    "DX_",
    "PAGERDUTY_",
    "OPSGENIE_",
    "JSM_",
    "JIRA_",
    "BRIDGE_",
    "DATABASE_",
    "METRICS_",
    "EVENT_",
    "SENTRY_",
    "OTEL_",
    "OPEN_TOO",
)
READ_TOO = ("PORT", "LOG_LEVEL", "REJECT_WITH", "WEB_CONCURRENCY", "START_PAUSED", "ALLOW_EPHEMERAL", "DYNO")


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every variable that settings are read from out of the environment."""
    for name in [name for name in os.environ if name.startswith(READ + READ_TOO)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file of the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "bridge.db"
    connected = engine.connect(f"sqlite:///{path}")
    upgrade(connected)
    connected.dispose()
    return path


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Path:
    """A migrated database file of the test's own."""
    return Path(shutil.copy(migrated, tmp_path / "bridge.db"))


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a bridge whose every source has its secret; a locked database gives up soon."""
    forget(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "_BUSY_MS", 20)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/bridge.db")
    monkeypatch.setenv("DX_BASE_URL", "https://example.getdx.net")
    monkeypatch.setenv("DX_API_TOKEN", "data-cloud-token-0123456789")
    for variable, secret in SECRETS.values():
        monkeypatch.setenv(variable, secret)
    return monkeypatch


@pytest.fixture
def build(environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Make the application once the environment is as the test wants it."""
    sites: list[Site] = []

    def _build(clock: Clock | None = None) -> Site:
        sites.append(Site(tmp_path / "bridge.db", clock))
        return sites[-1]

    yield _build
    for site in sites:
        site.close()


@pytest.fixture
def site(build: Callable[..., Site], database: Path) -> Site:
    """The application on a migrated database."""
    return build()


@pytest.fixture
def guarded(environment: pytest.MonkeyPatch, build: Callable[..., Site], database: Path) -> Site:
    """The application with a token on each of the operator's routes."""
    environment.setenv("METRICS_TOKEN", METRICS_TOKEN)
    environment.setenv("BRIDGE_ADMIN_TOKEN", ADMIN_TOKEN)
    return build()


@pytest.fixture
def paused(guarded: Site) -> Site:
    """The application after an operator has paused the sender."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    assert guarded.client.post("/api/v1/sender/pause", headers=headers).status_code == 202
    return guarded


@pytest.fixture
def lock(database: Path) -> Iterator[sqlite3.Connection]:
    """Another process that holds the database's write lock."""
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


@pytest.fixture
def read_only(database: Path) -> Path:
    """A database that even root cannot write: its header asks for a version of SQLite yet to come."""
    with database.open("r+b") as file:
        file.seek(18)  # "file format write version", https://www.sqlite.org/fileformat.html
        file.write(b"\x03")
    return database


@pytest.fixture(scope="session")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """A bridge as its users run it, without the pipeline: one worker of eight threads; `jsm` has no secret."""
    few = {"JSM_WEBHOOK_TOKENS": "", "WEB_CONCURRENCY": "1"}
    started = Bridge(tmp_path_factory.mktemp("bridge"), NOWHERE, **few).start("--web-only")
    try:
        yield started.wait_ready()
    finally:
        started.stop()


@pytest.fixture(scope="session")
def brisk(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Bridge]:
    """The same web workers, with 0.4 seconds for a body instead of ten."""
    served = Bridge(tmp_path_factory.mktemp("brisk"), NOWHERE)
    shutil.copy(migrated, served.folder)
    options = [
        "-c",
        "python:app.gunicorn_conf",
        "-b",
        f"127.0.0.1:{served.port}",
        "tests.http.brisk:create()",
    ]
    with (served.folder / "bridge.log").open("ab") as log:
        served.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options],
            env=served.environment,
            cwd=served.folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield served.wait_ready()
    finally:
        served.stop()
