"""Every act of the dashboard, with scripts and without, and what DX holds after it."""

import re
from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import LEFT_OUT, WORDS, Scene, alert, pagerduty
from tests.harness import wait_until

_NUMBERS = count()


@pytest.fixture
def name() -> str:
    """A reference of the test's own."""
    return f"QACMEOWN{next(_NUMBERS):03}"


def told(page: Page, text: str) -> None:
    """The page confirms an act."""
    expect(page.get_by_role("main").get_by_role("status").filter(has_text=text)).to_be_visible()


def badge(page: Page, text: str) -> None:
    """The page comes to show an incident as this in DX, however it learns of it."""
    wait_until(lambda: page.reload() and text in page.get_by_role("heading", level=1).inner_text(), what=text)


def test_a_parked_incident_is_sent_again(any_page: Page, scene: Scene, name: str) -> None:
    """DX's words stand beside the incident; after the fault is gone, its button brings it into DX."""
    scene.refuse(name)
    scene.tell("pagerduty", pagerduty(name))
    scene.await_parked(name)
    any_page.goto("/parked")
    expect(any_page.get_by_role("row").filter(has_text=name)).to_contain_text(WORDS)
    scene.accept(name)
    any_page.get_by_role("button", name=f"Send {name} again").click()
    told(any_page, "It will be sent again.")
    wait_until(lambda: scene.held(name), what="delivery")
    badge(any_page, "in DX")
    expect(any_page.get_by_role("listitem").filter(has_text="operator")).to_contain_text("by dashboard")


def test_everything_parked_is_sent_again(any_page: Page, scene: Scene, name: str) -> None:
    """One button sends all; what DX takes by now leaves the page."""
    both = [f"{name}A", f"{name}B"]
    scene.refuse(*both)
    scene.tell("pagerduty", *map(pagerduty, both))
    for each in both:
        scene.await_parked(each)
    scene.accept(*both)
    any_page.goto("/parked")
    any_page.get_by_role("button", name="Send all again").click()
    expect(any_page.get_by_role("status")).to_contain_text(re.compile(r"[23] incidents will be sent again"))
    wait_until(lambda: all(map(scene.held, both)), what="delivery")
    wait_until(lambda: any_page.reload() and not any_page.get_by_text(name).count(), what="the rows' end")


@pytest.mark.parametrize("which", ["one", "all"])
def test_an_event_is_mapped_again(any_page: Page, scene: Scene, name: str, which: str) -> None:
    """What could not be read says why; once it can be read, its incident reaches DX."""
    good = pagerduty(name)
    event = scene.unmappable({"event": good["event"] | {"data": good["event"]["data"] | {"id": None}}})
    any_page.goto("/unmappable")
    expect(any_page.get_by_role("row").filter(has_text=f"Event {event}")).to_contain_text("event.data.id")
    scene.mend(event, good)
    button = f"Map event {event} again" if which == "one" else "Map all again"
    any_page.get_by_role("button", name=button).click()
    told(any_page, "will be mapped again.")
    wait_until(lambda: scene.held(name), what="delivery")
    wait_until(
        lambda: any_page.reload() and not any_page.get_by_text(f"Event {event}").count(), what="its end"
    )


def test_an_incident_is_taken_out_of_dx_and_in_again(any_page: Page, scene: Scene, name: str) -> None:
    """The incident leaves DX, comes back, and what the operator said is taken back."""
    scene.tell("pagerduty", pagerduty(name))
    scene.settle()
    any_page.goto(f"/incidents/{name}")
    any_page.get_by_role("button", name="Take out of DX").click()
    told(any_page, "Corrected.")
    wait_until(lambda: scene.held(name) is None, what="its deletion")
    badge(any_page, "taken out")
    expect(any_page.get_by_text("Taken out of DX: an operator excluded it")).to_be_visible()
    any_page.get_by_role("button", name="Take into DX").click()
    expect(any_page.get_by_text("Corrected by dashboard")).to_contain_text("kept in DX")
    wait_until(lambda: scene.held(name), what="its return")
    any_page.get_by_role("button", name="Take corrections back").click()
    told(any_page, "Corrected.")
    expect(any_page.get_by_text("Corrected by dashboard")).to_have_count(0)
    assert scene.held(name)


def test_what_the_policy_leaves_out_is_taken_in(any_page: Page, scene: Scene, name: str) -> None:
    """An operator takes one incident into DX although `include` is false for it."""
    scene.tell("opsgenie", alert(name, priority="P4"))
    scene.settle()
    any_page.goto(f"/incidents/{name}")
    expect(any_page.get_by_text("Not in DX: include is false")).to_be_visible()
    assert scene.held(name) is None
    any_page.get_by_role("button", name="Take into DX").click()
    told(any_page, "Corrected.")
    wait_until(lambda: scene.held(name), what="delivery")
    badge(any_page, "in DX")


def test_the_times_of_an_incident_are_corrected(any_page: Page, scene: Scene, name: str) -> None:
    """DX comes to hold the operator's times, read as UTC."""
    scene.tell("pagerduty", pagerduty(name))
    scene.settle()
    correct(any_page, name, "2026-03-01 09:55", "2026-03-01T10:30:15Z")
    told(any_page, "Corrected.")
    wanted = ("2026-03-01T09:55:00Z", "2026-03-01T10:30:15Z")
    wait_until(lambda: times(scene, name) == wanted, what="the correction in DX")
    any_page.goto("/overrides")
    row = any_page.get_by_role("region", name="Overrides").get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text("started 2026-03-01 09:55:00 resolved 2026-03-01 10:30:15")


@pytest.mark.parametrize(
    ("started", "resolved", "problem"),
    [
        ("yesterday", "", "yesterday is no time: write it as 2026-03-01 10:30."),
        ("2026-03-01 10:00", "2026-03-01 09:00", "It would end (2026-03-01T09:00:00Z) before it starts"),
        ("", "2099-01-01 00:00", "That time is yet to come: resolved_at."),
        ("", "", "Write a time."),
    ],
)
def test_impossible_times_change_nothing(
    page: Page, scene: Scene, started: str, resolved: str, problem: str
) -> None:
    """The page says what is wrong with a time, and DX holds what it held."""
    before = times(scene, "QACMEDAY001")
    correct(page, "QACMEDAY001", started, resolved)
    told(page, problem)
    assert scene.value("override", "QACMEDAY001") is None
    assert times(scene, "QACMEDAY001") == before


def test_sending_is_paused_and_goes_on(any_page: Page, scene: Scene, name: str) -> None:
    """Paused, incidents wait and are counted; resumed, they go at once."""
    any_page.goto("/")
    any_page.get_by_role("button", name="Pause sending").click()
    expect(any_page.get_by_text("Sending is paused (")).to_be_visible()
    scene.tell("pagerduty", pagerduty(name))
    wait_until(
        lambda: any_page.reload() and any_page.get_by_text("one incident waits").count(), what="the wait"
    )
    assert scene.held(name) is None
    any_page.get_by_role("button", name="Resume sending").click()
    told(any_page, "Sending goes on.")
    wait_until(lambda: scene.held(name), what="delivery")
    any_page.goto("/overrides")
    acts = any_page.get_by_role("region", name="Acts").get_by_role("row")
    expect(acts.nth(1)).to_contain_text("resume")
    expect(acts.nth(2)).to_contain_text("pause")


def test_a_form_of_another_session_does_nothing(page: Page, scene: Scene) -> None:
    """A page that was open while its session ended asks to be loaded again, and does not act."""
    page.goto(f"/incidents/{LEFT_OUT}")
    page.locator("input[name=csrf]").evaluate_all("all => all.forEach(each => { each.value = 'forged' })")
    page.get_by_role("button", name="Take into DX").click()
    expect(page.get_by_role("heading", name="Please repeat")).to_be_visible()
    assert scene.value("override", LEFT_OUT) is None


def correct(page: Page, name: str, started: str, resolved: str) -> None:
    """Fill in an incident's times, and send them."""
    page.goto(f"/incidents/{name}")
    page.get_by_text("Correct its times").click()
    page.get_by_label("Started (UTC)").fill(started)
    page.get_by_label("Resolved (UTC)").fill(resolved)
    page.get_by_role("button", name="Correct", exact=True).click()


def times(scene: Scene, name: str) -> tuple[str, str]:
    """Return when an incident starts and ends in DX."""
    held = scene.held(name) or {}
    return held["started_at"], held["resolved_at"]
