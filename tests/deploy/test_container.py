"""The image without an engine: its own files, environment and commands, on a tree that cannot be written to.

Packages are those of this interpreter, but only the locked ones; pip's part of the build is left out.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import closing
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import pytest
import requests

from tests.deploy import dockerfile
from tests.deploy.platforms import ROOT
from tests.harness import ADMIN_TOKEN, DX_TOKEN, SECRETS, free_port, wait_until
from tests.supply.lock import RUNTIME, pinned

_PYTHON = Path(sys.base_prefix) / "bin" / "python3"
"""This interpreter without this environment's packages, and so without the project's own installation."""
_NOBODY = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs"]
_READS_ALL = [f"--{caps}=-all,+dac_read_search" for caps in ("inh-caps", "ambient-caps", "bounding-set")]


@cache
def as_nobody() -> list[str]:
    """Return what makes a command that of a user without a name, who may write nowhere.

    That user may read this interpreter wherever it is, or where that is not granted, everything as before.
    """
    for prefix in ([*_NOBODY, *_READS_ALL], _NOBODY):
        tried = [*prefix, _PYTHON, "-c", ""]
        if os.geteuid() == 0 and which(prefix[0]) and not subprocess.call(tried, stderr=subprocess.DEVNULL):
            return prefix
    return []


def _locked_packages(folder: Path) -> Path:
    """Make a folder with the packages of requirements.txt and no other."""
    folder.mkdir()
    for name in pinned(RUNTIME):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            (folder / top).symlink_to(found.locate_file(top))
    return folder


class Container:
    """The image's tree below `folder`, and two folders that are mounted."""

    def __init__(self, folder: Path) -> None:
        self.image = dockerfile.read()
        self.root = dockerfile.copied(self.image, folder / "root")
        self.mounted = [folder / "data", folder / "tmp"]
        self.environment = {
            **self.image.environment(),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_locked_packages(folder / "packages")),
            "PORT": str(free_port()),
            "TMPDIR": str(self.mounted[1]),
            "DATABASE_URL": f"sqlite:///{self.mounted[0]}/bridge.db",
            "DX_BASE_URL": "http://127.0.0.1:9",
            "DX_API_TOKEN": DX_TOKEN,
            "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
            **dict(SECRETS.values()),
        }
        self._build()

    def _build(self) -> None:
        """Do what the build does with a checkout that is its owner's only, then take every right to write away."""
        self._change_modes(lambda mode: mode & 0o700)
        path = f"{_PYTHON.parent}:{os.environ['PATH']}"
        for name, line in self.image.stages["build"]:
            if name == "RUN" and not line.startswith("pip install"):
                subprocess.run(["sh", "-c", line], cwd=self.root, env={"PATH": path}, check=True)
        self._change_modes(lambda mode: mode & 0o555)
        for folder in self.mounted:
            folder.mkdir()
            if as_nobody():
                os.chown(folder, 10001, 10001)

    def _change_modes(self, change: Callable[[int], int]) -> None:
        for path in [self.root, *self.root.rglob("*")]:
            path.chmod(change(path.stat().st_mode))

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a command as the image's user."""
        assert command[0] == "python"
        return subprocess.Popen(
            [*as_nobody(), _PYTHON, *command[1:]],
            env=self.environment,
            cwd=self.root,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *words: str) -> tuple[int, str]:
        """Run a `python -m app` command to its end; return its exit code and what it said."""
        return self._ended(self.start(["python", "-m", "app", *words]))

    def is_healthy(self) -> bool:
        """Tell whether the image's health check succeeds."""
        return self._ended(self.start(self.image.health_check()))[0] == 0

    def files(self) -> dict[str, int]:
        """Return the image's files and when each was written."""
        return {str(path.relative_to(self.root)): path.stat().st_mtime_ns for path in self.root.rglob("*")}

    @staticmethod
    def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
        said, _ = process.communicate(timeout=60)
        return process.returncode, said


@pytest.fixture
def container():
    """Return a container that has not started, in a folder that every user may enter."""
    with TemporaryDirectory(prefix="dx-bridge-container-") as folder:
        Path(folder).chmod(0o755)
        yield Container(Path(folder))


@pytest.fixture
def served(container):
    """Return a container that serves, and its process."""
    process = container.start(container.image.command())
    yield container, process
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=60)  # its children hold the pipe until they have ended, too


def test_the_image_holds_the_program_and_nothing_else(container):
    """Every package of the project is there; tests, settings and databases are not."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert [name for name in packages if not (container.root / name.replace(".", "/")).is_dir()] == []
    assert {path.name for path in container.root.iterdir()} - {"bridge.toml"} == {
        "app",
        "mappers",
        "requirements.txt",
    }
    assert (container.root / "app" / "web" / "dashboard" / "templates").is_dir()


def test_a_container_serves_and_ends_in_order(served):
    """The health check turns good, SIGTERM ends it with 0, and nothing but what is mounted was written."""
    container, process = served
    before = container.files()
    wait_until(container.is_healthy, 30, "the health check")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert container.files() == before
    assert (container.mounted[0] / "bridge.db").exists()
    assert list(container.mounted[1].iterdir()) == []


def test_a_container_that_does_not_serve_is_not_healthy(container):
    """The health check fails while nothing answers."""
    assert not container.is_healthy()


def test_the_release_step_migrates(container):
    """`db upgrade` works in the image, twice, and leaves nothing to be found by `check`."""
    for _ in range(2):
        code, said = container.run("db", "upgrade")
        assert (code, said.startswith("The database is at schema")) == (0, True), said
    assert "the database" not in container.run("check")[1]


def test_an_older_version_can_be_rolled_back_to(container):
    """`db upgrade` of an older version leaves a newer schema as it is and succeeds: a roll-back runs it, too."""
    container.run("db", "upgrade")
    with closing(sqlite3.connect(container.mounted[0] / "bridge.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    code, said = container.run("db", "upgrade")
    assert code == 0, said


def test_the_program_knows_its_version(container):
    """Without an installation, as from a checkout, `--version` answers all the same."""
    assert container.run("--version")[0] == 0


def test_the_api_is_described(served):
    """Without an installation the API's description is served as well."""
    container, _ = served
    wait_until(container.is_healthy, 30, "the health check")
    url = f"http://127.0.0.1:{container.environment['PORT']}/api/v1/openapi.json"
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    assert requests.get(url, headers=headers, timeout=10).status_code == 200


def test_a_container_without_a_database_says_so(container):
    """With neither PostgreSQL nor a volume the start is refused, naming the setting."""
    del container.environment["DATABASE_URL"]
    code, said = container.run("db", "upgrade")
    assert code == 1
    assert "check DATABASE_URL" in said
