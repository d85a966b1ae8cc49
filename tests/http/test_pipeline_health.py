"""/healthz/pipeline: do incidents reach DX? For alerts, not for load balancers."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.clock import Clock
from tests.http.web import Site, change

SECOND = 1_000_000_000
NOW = 1_767_323_045 * SECOND


@pytest.fixture
def site(build: Callable[..., Site], database: Path) -> Site:
    """The application at a fixed time, with a pipeline that has just given a sign of life."""
    change(database, "INSERT INTO beats VALUES ('pipeline-1', ?)", NOW)
    return build(Clock(wall=lambda: NOW))


def status(site: Site) -> int:
    response = site.client.get("/healthz/pipeline")
    assert response.is_json
    return response.status_code


def test_running(site: Site) -> None:
    """With a pipeline that beats and a sender that runs, all is well."""
    assert status(site) == 200


@pytest.mark.parametrize(("age", "expected"), [(29, 200), (31, 503), (3600, 503)])
def test_silence(site: Site, age: int, expected: int) -> None:
    """A pipeline that has not beaten for 30 seconds counts as gone."""
    change(site.path, "UPDATE beats SET at = ?", NOW - age * SECOND)
    assert status(site) == expected


def test_never_beaten(site: Site) -> None:
    """A pipeline that was never there is gone."""
    change(site.path, "DELETE FROM beats")
    assert status(site) == 503


def test_one_of_several(site: Site) -> None:
    """One pipeline that beats is enough."""
    change(site.path, "INSERT INTO beats VALUES ('pipeline-2', ?)", NOW - 3600 * SECOND)
    assert status(site) == 200


def test_readiness_is_no_sign_of_life(site: Site) -> None:
    """What /readyz writes to prove that it can is not taken for a pipeline."""
    change(site.path, "DELETE FROM beats")
    assert site.client.get("/readyz").status_code == 200
    assert status(site) == 503


def test_beat_far_in_the_future(site: Site) -> None:
    """A beat that a jumping clock put far ahead does not pass for a sign of life for ever."""
    change(site.path, "UPDATE beats SET at = ?", NOW + 3600 * SECOND)
    assert status(site) == 503


@pytest.mark.parametrize("state", ["probing", "held"])
def test_sender_not_running(site: Site, state: str) -> None:
    """A sender that is held or probing is not running, and its state is told."""
    change(site.path, "UPDATE sender SET state = ?", state)
    assert status(site) == 503
    assert site.client.get("/healthz/pipeline").get_json()["sender"] == state


def test_sender_paused(paused: Site) -> None:
    """A sender that an operator has paused is not running."""
    change(paused.path, "INSERT INTO beats VALUES ('pipeline-1', ?)", time.time_ns())
    response = paused.client.get("/healthz/pipeline")
    assert (response.status_code, response.get_json()["sender"]) == (503, "paused")


def test_no_database(build: Callable[..., Site]) -> None:
    """Without a database nothing reaches DX."""
    assert status(build()) == 503


def test_without_dx(environment: pytest.MonkeyPatch, build: Callable[..., Site], database: Path) -> None:
    """A bridge that knows no DX reaches none, however well its pipeline is."""
    environment.delenv("DX_BASE_URL")
    assert build().client.get("/healthz/pipeline").json["sender"] == "held"
