"""The pages keep themselves up to date, and leave alone what somebody is doing there; the clock is the test's."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import EU_SECRET, Scene, pagerduty
from tests.browser.window import Windows
from tests.harness import wait_until


@pytest.fixture
def page(page: Page) -> Page:
    """A window whose clock runs when the test says so."""
    page.clock.install()
    return page


def later(page: Page) -> None:
    """Let half a minute pass, and the page look again."""
    with page.expect_response(lambda response: response.request.resource_type == "fetch"):
        page.clock.run_for(30_000)


def test_what_somebody_is_doing_stays(page: Page, scene: Scene) -> None:
    """While new events show up, typed text, focus, cursor, open details and scroll stay as they are."""
    scene.tell("pagerduty", pagerduty("QACMEREFRESH", priority={"summary": "P1"}))
    scene.settle()
    page.set_viewport_size({"width": 700, "height": 500})
    page.goto("/incidents/QACMEREFRESH")
    page.get_by_text("As it was confirmed").click()
    page.get_by_text("Correct its times").click()
    started, resolved = page.get_by_label("Started (UTC)"), page.get_by_label("Resolved (UTC)")
    started.fill("2026-03-01 09:5")
    resolved.press_sequentially("2026-03-01")
    resolved.press("Home")
    scrolled = page.evaluate("window.scrollTo(0, 400); window.scrollY")
    scene.tell(
        "pagerduty", pagerduty("QACMEREFRESH", "acknowledged", 5), pagerduty("QACMEREFRESH", "resolved", 9)
    )
    scene.settle()
    later(page)
    expect(page.get_by_role("listitem").filter(has_text="incident.resolved")).to_be_visible()
    assert page.evaluate("window.scrollY") == scrolled > 0
    expect(started).to_have_value("2026-03-01 09:5")
    expect(resolved).to_be_focused()
    page.keyboard.type("> ")
    expect(resolved).to_have_value("> 2026-03-01")
    expect(page.locator("details[open]")).to_have_count(2)


def test_focus_stays_on_the_incident_and_not_on_its_place(page: Page, scene: Scene) -> None:
    """A new incident at the top of the list moves the others down, and the focus with them."""
    scene.tell("pagerduty", pagerduty("QACMEFOCUS01"), pagerduty("QACMEFOCUS02"))
    scene.settle()
    page.goto("/incidents")
    focused = page.get_by_role("link", name="QACMEFOCUS01")
    focused.focus()
    scene.tell("pagerduty", pagerduty("QACMEFOCUS03"))
    scene.settle()
    later(page)
    expect(page.get_by_role("link", name="QACMEFOCUS03")).to_be_visible()
    expect(focused).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("QACMEFOCUS01")


def test_a_selection_stays(page: Page) -> None:
    """Text that somebody has selected, to copy it, is selected still."""
    page.goto("/incidents/QACMEDAY002")
    page.get_by_role("heading", level=1).select_text()
    selected = page.evaluate("getSelection().toString()")
    later(page)
    assert page.evaluate("getSelection().toString()") == selected != ""


def test_set_up_waits_for_the_first_event(page: Page, scene: Scene) -> None:
    """The page shows the address to paste, and turns from waiting to received without a hand on it."""
    page.goto("/setup")
    eu = page.get_by_role("region", name="PagerDuty (pagerduty-eu)")
    expect(eu.get_by_label("Address of the webhook")).to_have_value(f"{scene.url}/webhooks/pagerduty-eu")
    expect(eu.get_by_role("status")).to_have_text("waiting for the first event …")
    assert scene.tell_as("pagerduty-eu", EU_SECRET, pagerduty("QACMEEU")) == 202
    later(page)
    expect(eu.get_by_role("status")).to_have_text("received")
    expect(page.get_by_role("region", name="JSM Operations").get_by_role("status")).to_have_text("not set up")


def test_refused_signatures_show_up(page: Page, scene: Scene) -> None:
    """Webhooks with a wrong signature are counted on the overview, and set-up names the secret to compare."""
    page.goto("/")
    source = (
        page.get_by_role("region", name="Table of sources")
        .get_by_role("row")
        .filter(has_text="pagerduty")
        .first
    )
    wait_until(
        lambda: page.reload() and source.get_by_role("cell").last.inner_text() == "3", what="the count"
    )
    page.goto("/setup")
    told = page.get_by_role("region", name="PagerDuty", exact=True).get_by_text("3 webhooks were refused")
    expect(told).to_contain_text("PAGERDUTY_WEBHOOK_SECRETS")


def test_a_bridge_that_does_not_answer_is_told(page: Page, windows: Windows) -> None:
    """The page says since when it is out of date, and goes on by itself."""
    page.goto("/")
    live = page.locator("#live")
    page.route("**/*", lambda route: route.abort())
    page.clock.run_for(30_000)
    expect(live).to_have_attribute(
        "data-stale", re.compile(r"The bridge does not answer; this is how it was at \d")
    )
    page.unroute("**/*")
    windows.problems.clear()
    later(page)
    expect(live).not_to_have_attribute("data-stale", re.compile("."))


def test_the_end_of_a_session_leads_to_sign_in(page: Page) -> None:
    """A page whose session is over does not pretend to be current."""
    page.goto("/parked")
    page.context.clear_cookies()
    page.clock.run_for(30_000)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_what_an_act_did_stays_in_sight(page: Page, scene: Scene) -> None:
    """The page's answer to an act outlives its refreshes."""
    page.goto("/incidents/QACMEDAY003")
    page.get_by_role("button", name="Send again").click()
    scene.settle()
    later(page)
    expect(page.get_by_text("It will be sent again.")).to_be_visible()
