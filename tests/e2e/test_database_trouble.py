import os
import sqlite3
import subprocess

import pytest
from alembic import command

from app.store import migrate
from app.store.engine import connect
from tests.e2e.load import Load
from tests.harness import Bridge, wait_until
from tests.postgres import running_server

SETTINGS = {"DX_TIMEOUT": "2", "DX_OUTLIVE": "1", "WEB_CONCURRENCY": "1"}
WITHOUT_OVERRIDE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="not run: mounting and dropping rights take root")


@pytest.fixture
def make_bridge(sandbox):
    """Return a function that makes a bridge in a folder; all are killed at the end."""
    bridges = []

    def make(folder, **settings):
        bridges.append(Bridge(folder, sandbox.url, **SETTINGS, **settings))
        return bridges[-1]

    yield make
    for bridge in bridges:
        bridge.kill()


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def assert_exact(load, bridge, sandbox):
    wait_until(bridge.is_settled, 90, f"delivery: {bridge.log()}")
    assert load.differences(sandbox) == []


def post_until_refused(bridge, bodies):
    """Post webhooks until one is refused; return the refusal."""
    for source, body in bodies:
        response = bridge.post(source, body)
        if not response.ok:
            return response
    return None


@as_root
def test_a_full_disk_refuses_and_goes_on_by_itself(make_bridge, small_disk, sandbox, tmp_path):
    """On a full disk webhooks get 503 with Retry-After; once there is space, all goes on and nothing is lost."""
    bridge = make_bridge(tmp_path, DATABASE_URL=f"sqlite:///{small_disk}/bridge.db").start().wait_ready()
    load = Load(40, seed=21)
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(b"x" * 30_000_000)
    refusal = post_until_refused(bridge, load.webhooks * 5)
    assert (refusal.status_code, refusal.json()["error"]) == (503, "no_commit")
    assert int(refusal.headers["Retry-After"]) > 0
    assert "free space on the disk" in bridge.log()
    (small_disk / "filler").unlink()
    load.post(bridge)
    assert_exact(load, bridge, sandbox)


@as_root
def test_a_read_only_file_refuses_and_goes_on_by_itself(make_bridge, sandbox, tmp_path):
    """With a file that it may not write the bridge answers 503, says what to do, and recovers when it may."""
    bridge = make_bridge(tmp_path)
    bridge.wrapper = WITHOUT_OVERRIDE
    bridge.start().wait_ready()
    load = Load(10, seed=22)
    file = tmp_path / "bridge.db"
    file.chmod(0o400)
    for child in bridge.processes()[1:]:
        child.kill()
    wait_until(lambda: bridge.post(*load.webhooks[0]).status_code == 503, what="a refusal")
    refusal = bridge.post(*load.webhooks[0])
    assert (refusal.status_code, "Retry-After" in refusal.headers) == (503, True)
    wait_until(lambda: "make the database file and its folder writable" in bridge.log())
    file.chmod(0o600)
    load.post(bridge)
    assert_exact(load, bridge, sandbox)


def test_a_locked_file_refuses_and_goes_on_by_itself(make_bridge, sandbox, tmp_path):
    """While another program holds the file, webhooks get 503 within the vendor's 5 s; then all goes on."""
    bridge = make_bridge(tmp_path).start().wait_ready()
    load = Load(10, seed=23)
    holder = sqlite3.connect(tmp_path / "bridge.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    refusal = bridge.post(*load.webhooks[0])
    assert (refusal.status_code, "Retry-After" in refusal.headers) == (503, True)
    assert refusal.elapsed.total_seconds() < 5
    assert "another program holds the database" in bridge.log()
    holder.execute("ROLLBACK")
    holder.close()
    load.post(bridge)
    assert_exact(load, bridge, sandbox)


def test_a_damaged_file_is_told_and_left_as_it_is(make_bridge, tmp_path):
    """A damaged file stops the start at once with the commands of its recovery, and is not touched."""
    bridge = make_bridge(tmp_path)
    assert bridge.run("db", "upgrade").returncode == 0
    file = tmp_path / "bridge.db"
    damaged = file.read_bytes()[:100] + b"\x5a" * (file.stat().st_size - 100)
    file.write_bytes(damaged)
    told = bridge.run("serve")
    assert told.returncode == 1
    assert ".recover" in told.stderr
    assert file.read_bytes() == damaged


def test_a_file_damaged_under_way_refuses(make_bridge, tmp_path):
    """When the file is damaged while the bridge runs, webhooks get 503 and the log has the commands."""
    bridge = make_bridge(tmp_path).start().wait_ready()
    bodies = Load(30, seed=24).webhooks
    assert bridge.post(*bodies[0]).ok
    for name in ("bridge.db", "bridge.db-wal"):
        file = tmp_path / name
        with file.open("r+b") as stream:
            stream.write(b"\x5a" * file.stat().st_size)
    for child in bridge.processes()[1:]:
        child.kill()
    wait_until(lambda: bridge.post(*bodies[1]).status_code == 503, what=f"a refusal: {bridge.log()}")
    wait_until(lambda: ".recover" in bridge.log(), what=f"the commands: {bridge.log()}")


def test_sqlite_on_a_disk_that_does_not_last_is_refused(make_bridge, tmp_path):
    """On a dyno the start is refused with the command that adds PostgreSQL, unless ALLOW_EPHEMERAL says so."""
    refused = make_bridge(tmp_path, DYNO="web.1").run("db", "upgrade")
    assert refused.returncode == 1
    assert "heroku addons:create heroku-postgresql" in refused.stderr
    assert make_bridge(tmp_path, DYNO="web.1", ALLOW_EPHEMERAL="1").run("db", "upgrade").returncode == 0


def test_postgresql_crashing_under_load_loses_nothing(make_bridge, sandbox, tmp_path):
    """PostgreSQL crashes, stays away, ends connections; the bridge is killed: DX ends exact, nobody needed."""
    with running_server() as server:
        bridge = make_bridge(tmp_path, DATABASE_URL=server.create_database(), DX_CONCURRENCY="8").start()
        bridge.wait_ready()
        sandbox.faults({"delay": [0, 0.1]})
        load = Load(120, seed=25)
        with load.being_posted(bridge) as done:
            for turn in range(4):
                done.wait(1)
                server.end_backends()
                done.wait(0.5)
                server.stop()
                done.wait(0.5 + turn)
                if turn % 2:
                    bridge.kill()
                    bridge.start()
                server.start()
        assert_exact(load, bridge, sandbox)
        bridge.kill()


def migrate_to(revision, url):
    engine = connect(url)
    with engine.begin() as connection:
        command.upgrade(migrate._config(connection), revision)
    engine.dispose()


def test_an_older_schema_waits_for_the_release_step(make_bridge, postgres_server, tmp_path):
    """With an older PostgreSQL schema `serve` waits, and starts once `db upgrade` has run."""
    url = postgres_server.create_database()
    migrate_to("0001", url)
    bridge = make_bridge(tmp_path, DATABASE_URL=url).start()
    assert bridge.run("status").returncode == 1
    assert "dx-bridge db upgrade" in bridge.run("check").stdout
    assert bridge.run("db", "upgrade").returncode == 0
    bridge.wait_ready()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_several_that_start_at_once_migrate_once(make_bridge, postgres_server, tmp_path, database):
    """Four bridges that start at once on an empty database all come up: one of them migrates it."""
    url = f"sqlite:///{tmp_path}/one.db" if database == "sqlite" else postgres_server.create_database()
    bridges = []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        bridges.append(make_bridge(folder, DATABASE_URL=url).start())
    for bridge in bridges:
        bridge.wait_ready()
    assert [bridge.stats()["events"]["received"] for bridge in bridges] == [0] * 4
