"""deploy/systemd: the unit as systemd reads it, and what its scripts do."""

import configparser
import os
import re
import shutil
import stat
import subprocess
import sys

import pytest

from app.settings import read_settings
from app.supervise import STOP_SECONDS
from tests.deploy.platforms import DEPLOY, ROOT

FOLDER = DEPLOY / "systemd"
UNIT = FOLDER / "dx-incident-bridge.service"
HOME = "/opt/dx-incident-bridge"
README = (FOLDER / "README.md").read_text("utf-8")


@pytest.fixture
def analyze(tmp_path):
    """Return a function that runs systemd-analyze on the unit, whose checkout is this one."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the unit was not verified (apt-get install systemd)")
    text = UNIT.read_text("utf-8").replace(f"{HOME}/.venv/bin/python", sys.executable)
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace(HOME, str(ROOT)))

    def run(*arguments):
        return subprocess.run(
            ["systemd-analyze", *arguments, unit], capture_output=True, text=True, check=False
        )

    return run


def service():
    """Return the unit's section of the service; of repeated keys the last."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(UNIT.read_text("utf-8"))
    return parser["Service"]


def test_systemd_finds_no_fault(analyze):
    """`systemd-analyze verify` knows every key and value of the unit and warns of nothing."""
    verified = analyze("verify", "--man=no")
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_unit_is_held_tightly(analyze):
    """The measure of exposure that systemd itself takes, from 0 to 10, stays below 2."""
    told = analyze("security", "--offline=true", "--threshold=20")
    assert told.returncode == 0, told.stdout


def test_the_unit_gives_the_bridge_its_time():
    """It kills no sooner than the supervisor itself would, and tells the parent alone."""
    assert float(service()["TimeoutStopSec"]) >= STOP_SECONDS + 5
    assert service()["KillMode"] == "mixed"


def test_the_database_is_in_the_only_folder_that_may_be_written(tmp_path, monkeypatch):
    """The settings to start from are accepted once filled in, and put SQLite into the state folder."""
    for name in [name for name in os.environ if re.match(r"(DX|DATABASE|TRUSTED|BRIDGE|PORT)", name)]:
        monkeypatch.delenv(name)
    filled = (FOLDER / "settings.env").read_text("utf-8")
    filled = filled.replace("DX_API_TOKEN=", "DX_API_TOKEN=dx-token-0123456789")
    (tmp_path / ".env").write_text(filled)
    monkeypatch.chdir(tmp_path)
    settings, problems = read_settings()
    assert problems == []
    assert settings.database_url == f"sqlite:////var/lib/{service()['StateDirectory']}/bridge.db"
    assert (settings.trusted_proxies, settings.dx_base_url) == (1, "https://yourinstance.getdx.net")


@pytest.fixture
def install(tmp_path):
    """Return a function that runs a copy of `install` into a folder, without network: pip only says what it was told."""
    copy, stubs, into = tmp_path / "checkout", tmp_path / "stubs", tmp_path / "into"
    shutil.copytree(FOLDER, copy / "deploy" / "systemd")
    shutil.copy(ROOT / "requirements.txt", copy)
    stubs.mkdir()
    pip = f'#!/bin/sh\\necho "$@" >> {tmp_path}/pip\\n'
    (stubs / "python3").write_text(
        f'#!/bin/sh\nmkdir -p "$3/bin"\nprintf \'{pip}\' > "$3/bin/pip"\nchmod +x "$3/bin/pip"\n'
    )
    (stubs / "python3").chmod(0o755)

    def run(**environment):
        path = {"PATH": f"{stubs}:{os.environ['PATH']}"}
        return subprocess.run(
            [copy / "deploy" / "systemd" / "install"],
            env=path | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    run.into = into
    return run


def test_install_puts_everything_where_the_unit_looks(install, tmp_path):
    """The unit, the command and the settings are in place, the settings for nobody else, the packages by hash."""
    ran = install(DESTDIR=str(install.into))
    assert (ran.returncode, ran.stderr) == (0, "")
    settings = install.into / service()["WorkingDirectory"].lstrip("/") / ".env"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert (install.into / "etc/systemd/system" / UNIT.name).read_bytes() == UNIT.read_bytes()
    assert os.access(install.into / "usr/local/bin/dx-bridge", os.X_OK)
    assert "--require-hashes" in (tmp_path / "pip").read_text()


def test_install_keeps_the_settings_of_an_upgrade(install):
    """A second run renews everything but what the operator has filled in."""
    install(DESTDIR=str(install.into))
    settings = install.into / "etc/dx-incident-bridge/.env"
    settings.write_text("DX_API_TOKEN=filled-in-0123456789\n")
    (install.into / "etc/systemd/system" / UNIT.name).write_text("old")
    assert install(DESTDIR=str(install.into)).returncode == 0
    assert settings.read_text() == "DX_API_TOKEN=filled-in-0123456789\n"
    assert (install.into / "etc/systemd/system" / UNIT.name).read_bytes() == UNIT.read_bytes()


def test_install_refuses_a_checkout_that_the_unit_would_not_find(install):
    """Elsewhere than in its one place it changes nothing and names that place."""
    ran = install()
    assert ran.returncode == 1
    assert f"the unit looks for it in {HOME}" in ran.stderr


def test_command_and_unit_run_the_same(tmp_path):
    """`dx-bridge` takes the service's user, folder, program and import path."""
    command = (FOLDER / "dx-bridge").read_text("utf-8")
    program = service()["ExecStart"].removesuffix(" serve")
    assert f'{program} "$@"' in command
    assert f"cd {service()['WorkingDirectory']}\n" in command
    assert f"runuser -u {service()['User']} -- env {service()['Environment']} " in command


def test_the_backup_command_copies_a_live_database(tmp_path, sqlite_url):
    """The guide's one line, on a database that is open, gives a copy with the same tables and in WAL mode."""
    line = next(line for line in README.splitlines() if "sqlite3.connect" in line)
    code = re.search(r"python3 -c '(.*)'", line)[1].replace("/var/lib/dx-incident-bridge", str(tmp_path))
    subprocess.run([sys.executable, "-c", code], check=True)
    tables = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(*c.execute('pragma journal_mode'), sorted(c.execute('select name from sqlite_master')))"
    told = [
        subprocess.run(
            [sys.executable, "-c", tables, tmp_path / name], capture_output=True, check=True
        ).stdout
        for name in ("bridge.db", "backup.db")
    ]
    assert told[0] == told[1]
    assert told[0].startswith(b"('wal',)")
    assert b"events" in told[0]
