"""Coming in and going out, with scripts and without."""

import pytest
from playwright.sync_api import Page, expect

from app.secret import Secret
from app.web.dashboard.signin import one_time_link
from tests.browser.scene import Scene
from tests.browser.window import Windows, sign_in
from tests.harness import ADMIN_TOKEN


@pytest.fixture(params=["with scripts", "without scripts"])
def stranger(request: pytest.FixtureRequest, windows: Windows) -> Page:
    """A window, not signed in."""
    return windows.open(java_script_enabled=request.param == "with scripts")


def test_signing_in_leads_to_where_one_wanted_to_go(stranger: Page) -> None:
    """Every page asks for the token first, and is shown after it; the token's field has the focus."""
    stranger.goto("/incidents?state=parked")
    field = stranger.get_by_label("Admin token")
    expect(field).to_be_focused()
    expect(stranger.get_by_role("navigation")).to_have_count(0)
    field.fill(ADMIN_TOKEN)
    field.press("Enter")
    expect(stranger.get_by_role("heading", name="Incidents")).to_be_visible()
    expect(stranger.get_by_label("State")).to_have_value("parked")


def test_a_wrong_token_and_then_the_right_one(stranger: Page) -> None:
    """A wrong token is told in words that a screen reader speaks; the next try goes where the first wanted to."""
    stranger.goto("/services")
    for token in ("not-the-token-0123456789", ADMIN_TOKEN):
        stranger.get_by_label("Admin token").fill(token)
        stranger.get_by_role("button", name="Sign in").click()
        if token != ADMIN_TOKEN:
            expect(stranger.get_by_role("alert")).to_have_text("That is not the token.")
    expect(stranger.get_by_role("heading", name="Services")).to_be_visible()


def test_signing_out(stranger: Page) -> None:
    """After signing out, the pages ask for the token again, in the history as well."""
    sign_in(stranger)
    stranger.goto("/parked")
    stranger.get_by_role("button", name="Sign out").click()
    expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()
    stranger.go_back()
    expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_link_that_works_once(stranger: Page, scene: Scene) -> None:
    """A one-time link opens the overview; a second time it asks for the token."""
    link = one_time_link(scene.url, Secret(ADMIN_TOKEN))
    stranger.goto(link)
    expect(stranger.get_by_role("heading", name="Overview")).to_be_attached()
    stranger.context.clear_cookies()
    stranger.goto(link)
    expect(stranger.get_by_role("alert")).to_contain_text("This link was used, or is too old")
