"""When the database cannot commit, the vendor is told to come back, and nothing is acknowledged."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.http.web import Site, change, pagerduty, refusal

NO_COMMIT = (503, "no_commit")


def test_locked(build: Callable[..., Site], lock: sqlite3.Connection) -> None:
    """A database that another process keeps locked is answered 503 with the time to come back."""
    response = build().post("pagerduty", pagerduty("01ABC"))
    assert refusal(response) == NO_COMMIT
    assert int(response.headers["Retry-After"]) > 0


def test_same_event_after_the_lock(build: Callable[..., Site], lock: sqlite3.Connection) -> None:
    """What was refused for the database's sake is accepted as new when it comes again."""
    site = build()
    site.post("pagerduty", pagerduty("01ABC"))
    lock.rollback()
    assert site.post("pagerduty", pagerduty("01ABC")).status_code == 202


def test_missing_file(build: Callable[..., Site]) -> None:
    """A database file that does not exist is answered 503."""
    assert refusal(build().post("pagerduty", pagerduty("01ABC"))) == NO_COMMIT


def test_missing_folder(environment: pytest.MonkeyPatch, build: Callable[..., Site], tmp_path: Path) -> None:
    """A database in a folder that does not exist is answered 503."""
    environment.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/gone/bridge.db")
    assert refusal(build().post("pagerduty", pagerduty("01ABC"))) == NO_COMMIT


def test_not_a_database(build: Callable[..., Site], tmp_path: Path) -> None:
    """A file that is no database is answered 503."""
    (tmp_path / "bridge.db").write_bytes(b"something else entirely " * 500)
    assert refusal(build().post("pagerduty", pagerduty("01ABC"))) == NO_COMMIT


def test_not_migrated(build: Callable[..., Site], tmp_path: Path) -> None:
    """A database without its tables is answered 503."""
    change(tmp_path / "bridge.db", "CREATE TABLE other (id INTEGER)")
    assert refusal(build().post("pagerduty", pagerduty("01ABC"))) == NO_COMMIT


def test_read_only(build: Callable[..., Site], read_only: Path) -> None:
    """A database that cannot be written is answered 503."""
    site = build()
    assert refusal(site.post("pagerduty", pagerduty("01ABC"))) == NO_COMMIT
    assert site.stored() == []


def test_full_disk(site: Site) -> None:
    """A database that cannot grow is answered 503."""
    engine = site.app.extensions["receiver"].intake.engine
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count = 1"))
    large = pagerduty("01ABC", title="x" * 100_000)
    assert refusal(site.post("pagerduty", large)) == NO_COMMIT
    assert site.stored() == []


def test_failing_commit(site: Site) -> None:
    """An insert that succeeds and a commit that fails are answered 503: only a commit counts."""
    change(site.path, "CREATE TABLE one (id INTEGER PRIMARY KEY)")
    change(site.path, "CREATE TABLE two (id REFERENCES one (id) DEFERRABLE INITIALLY DEFERRED)")
    change(site.path, "CREATE TRIGGER t AFTER INSERT ON events BEGIN INSERT INTO two VALUES (1); END")
    assert refusal(site.post("pagerduty", pagerduty("01ABC"))) == NO_COMMIT
    assert site.stored() == []


def test_removed_while_running(site: Site) -> None:
    """A database file removed under a running process is answered 503: nobody will read that event again."""
    site.post("pagerduty", pagerduty("01ABC"))
    for path in site.path.parent.glob("bridge.db*"):
        path.unlink()
    assert refusal(site.post("pagerduty", pagerduty("01ABD"))) == NO_COMMIT
