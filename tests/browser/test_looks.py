"""Every page, from phone to wide screen, light and dark: it fits, and everybody can use it.

`make screenshots` puts a picture of each into build/screenshots, to be looked at.
"""

import os

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.browser.scene import LEFT_OUT, LONG, OVERRIDDEN, PARKED
from tests.harness import ROOT

SHOTS = ROOT / "build" / "screenshots"
WIDTHS = (360, 768, 1440)
PAGES = {
    "overview": "/",
    "incidents": "/incidents",
    "incidents-none": "/incidents?q=nothing-like-that",
    "incident": "/incidents/Q2ACMELIFE0001",
    "incident-parked": f"/incidents/{PARKED}",
    "incident-left-out": f"/incidents/{LEFT_OUT}",
    "incident-overridden": f"/incidents/{OVERRIDDEN}",
    "incident-long-id": f"/incidents/{LONG}",
    "incident-long-name": "/incidents/QACMELONGNAME",
    "event": "/events/1",
    "parked": "/parked",
    "unmappable": "/unmappable",
    "open": "/open",
    "overrides": "/overrides",
    "services": "/services",
    "setup": "/setup",
    "configuration": "/configuration",
    "not-found": "/incidents/nobody-knows-it",
}


def look(page: Page, name: str) -> None:
    """Look at a page in every size and colour."""
    page.evaluate(AXE_SCRIPT)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            needed = page.evaluate("document.documentElement.scrollWidth")
            assert needed <= width, f"{name} at {width} scrolls sideways"
            if os.environ.get("SCREENSHOTS"):
                page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
        page.set_viewport_size({"width": WIDTHS[0 if scheme == "light" else -1], "height": 900})
        found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
        told = {each["id"]: [node["html"][:200] for node in each["nodes"]] for each in found}
        assert told == {}, f"{name}, {scheme}"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(page: Page, name: str) -> None:
    """No width scrolls sideways, axe finds nothing in light or dark, the landmarks are there, nothing is blocked."""
    page.goto(PAGES[name])
    for open_ in page.locator("details").all():
        open_.locator("summary").click()
    look(page, name)
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_the_overview_fits_one_screen(page: Page) -> None:
    """What matters of the first page, down to the sources, is seen without scrolling; the README shows it."""
    page.set_viewport_size({"width": 1200, "height": 880})
    page.goto("/")
    expect(page.get_by_role("main").get_by_role("link", name="opsgenie", exact=True)).to_be_in_viewport()
    if os.environ.get("SCREENSHOTS"):
        page.screenshot(path=ROOT / "docs" / "dashboard.png")
