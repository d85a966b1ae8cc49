"""The first page's one sentence and one colour, as the state of things changes; on a bridge of its own."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.scene import Scene, pagerduty, running_bridge
from tests.browser.window import Windows, sign_in
from tests.harness import ADMIN_TOKEN, wait_until

COLOURS = {"good": "rgb(26, 107, 60)", "warn": "rgb(122, 75, 0)", "bad": "rgb(163, 32, 29)"}


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A bridge that has received nothing yet."""
    with running_bridge(tmp_path_factory.mktemp("fresh"), WEB_CONCURRENCY="1") as running:
        yield running


@pytest.fixture
def page(windows: Windows, fresh: Scene) -> Page:
    """A window onto it, signed in."""
    page = windows.open(base_url=fresh.url, color_scheme="light")
    sign_in(page)
    return page


def says(page: Page, colour: str, sentence: str) -> None:
    """The overview comes to say this."""
    status = page.get_by_role("main").locator(".verdict")
    wait_until(lambda: page.goto("/") and sentence in status.inner_text(), what=sentence)
    expect(status).to_have_role("status")
    expect(status).to_have_css("color", COLOURS[colour])


def test_the_sentence_follows_what_happens(page: Page, fresh: Scene) -> None:
    """Ready, all right, paused, held for a bad token, DX down, one refused, all right again."""
    says(page, "good", "Everything is ready; no webhook has arrived yet.")
    fresh.tell("pagerduty", pagerduty("QACME1"))
    says(page, "good", "Everything is all right: DX knows all that we know.")
    page.get_by_role("button", name="Pause sending").click()
    says(page, "warn", "Sending is paused")
    page.get_by_role("button", name="Resume sending").click()
    fresh.sandbox.faults({"status": 503})
    fresh.tell("pagerduty", pagerduty("QACME2"))
    says(page, "warn", "DX does not answer")
    fresh.sandbox.faults({"error": "invalid_auth"})
    resume(fresh)
    says(page, "bad", "Nothing is sent:")
    fresh.refuse("QACME3")
    fresh.tell("pagerduty", pagerduty("QACME3"))
    resume(fresh)
    says(page, "warn", "DX refuses one incident; everything else is delivered.")
    page.get_by_role("link", name="What is parked").click()
    expect(page.get_by_role("row").filter(has_text="QACME3")).to_be_visible()
    fresh.accept("QACME3")
    page.get_by_role("button", name="Send QACME3 again").click()
    says(page, "good", "Everything is all right: DX knows all that we know.")


def resume(scene: Scene) -> None:
    """Let the sender probe at once, as an operator would."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    requests.post(f"{scene.url}/api/v1/sender/resume", headers=headers, timeout=10).raise_for_status()
