"""/healthz and /readyz: whether the process lives, and whether it can durably accept a webhook."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.http.web import Site, change, pagerduty


def ready(site: Site) -> tuple[int, str]:
    response: TestResponse = site.client.get("/readyz")
    assert response.is_json
    return response.status_code, response.get_json()["status"]


def test_alive(site: Site) -> None:
    """A process that lives says so."""
    response = site.client.get("/healthz")
    assert response.status_code == 200
    assert response.is_json


def test_alive_without_a_database(environment: pytest.MonkeyPatch, build: Callable[..., Site]) -> None:
    """A process without its database still lives: restarting it would mend nothing."""
    environment.setenv("DATABASE_URL", "sqlite:////nonexistent/folder/bridge.db")
    assert build().client.get("/healthz").status_code == 200


def test_ready(site: Site) -> None:
    """With a migrated, writable database the process is ready."""
    assert ready(site) == (200, "ready")


def test_readiness_and_acceptance_agree(site: Site) -> None:
    """A process that says it is ready accepts a webhook, and is still ready after it."""
    assert ready(site)[0] == 200
    assert site.post("pagerduty", pagerduty("01ABC")).status_code == 202
    assert ready(site)[0] == 200


def test_no_file(build: Callable[..., Site]) -> None:
    """Without its database file the process is not ready."""
    assert ready(build()) == (503, "not_ready")


def test_asking_makes_no_file(build: Callable[..., Site], tmp_path: Path) -> None:
    """Asking for readiness does not make a database file, which would be readable for everybody."""
    ready(build())
    assert not (tmp_path / "bridge.db").exists()


def test_empty_file(build: Callable[..., Site], tmp_path: Path) -> None:
    """With an empty database file the process is not ready, however often it is asked."""
    (tmp_path / "bridge.db").touch()
    site = build()
    assert [ready(site), ready(site)] == [(503, "not_ready")] * 2


def test_older_schema(site: Site) -> None:
    """With a database of another version the process is not ready."""
    change(site.path, "UPDATE alembic_version SET version_num = '0000'")
    assert ready(site) == (503, "not_ready")


def test_not_a_database(build: Callable[..., Site], tmp_path: Path) -> None:
    """With a file that is no database the process is not ready."""
    (tmp_path / "bridge.db").write_bytes(b"something else entirely " * 500)
    assert ready(build()) == (503, "not_ready")


def test_file_removed(site: Site) -> None:
    """When the database file is removed under it, a process that was ready no longer is."""
    assert ready(site)[0] == 200
    for path in site.path.parent.glob("bridge.db*"):
        path.unlink()
    assert ready(site) == (503, "not_ready")


def test_read_only(build: Callable[..., Site], read_only: Path) -> None:
    """With a database that cannot be written the process is not ready."""
    assert ready(build()) == (503, "not_ready")


def test_locked(build: Callable[..., Site], lock: sqlite3.Connection) -> None:
    """While the database is locked the process is not ready; afterwards it is."""
    site = build()
    assert ready(site) == (503, "not_ready")
    lock.rollback()
    assert ready(site) == (200, "ready")


def test_silent_pipeline_does_not_matter(site: Site) -> None:
    """A pipeline that never gave a sign of life is told, and does not change the status."""
    response = site.client.get("/readyz")
    assert (response.status_code, response.get_json()["pipeline"]) == (200, "silent")


@pytest.mark.parametrize("state", ["probing", "held"])
def test_sender_does_not_matter(site: Site, state: str) -> None:
    """A sender that is held or probing is told, and does not change the status."""
    change(site.path, "UPDATE sender SET state = ?, reason = 'invalid_auth'", state)
    response = site.client.get("/readyz")
    assert (response.status_code, response.get_json()["sender"]) == (200, state)


def test_pause_does_not_matter(paused: Site) -> None:
    """A sender that an operator has paused is told, and does not change the status."""
    response = paused.client.get("/readyz")
    assert (response.status_code, response.get_json()["sender"]) == (200, "paused")


def test_health_is_public_and_says_little(build: Callable[..., Site], database: Path) -> None:
    """What the public routes say of a failing database names no file, statement or address."""
    database.write_bytes(b"something else entirely " * 500)
    site = build()
    said = b"".join(site.client.get(path).data for path in ("/healthz", "/readyz", "/healthz/pipeline"))
    assert not any(
        word in said.lower() for word in (b"sqlite", b"bridge.db", b"select", str(database).encode())
    )
