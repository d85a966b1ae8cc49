"""Without a mouse, and for those who hear the page: order, focus, landmarks, names."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import PARKED
from tests.browser.test_looks import PAGES

FOCUSED = """() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    const { left, top, width, height } = document.activeElement.getBoundingClientRect();
    const name = document.activeElement.getAttribute("aria-label") || document.activeElement.innerText;
    return { name, left, top, size: width * height, outline: outlineStyle === "none" ? 0 : parseFloat(outlineWidth) };
}"""


def tab(page: Page) -> dict[str, float | str]:
    """Press Tab, and return what has the focus then."""
    page.keyboard.press("Tab")
    found: dict[str, float | str] = page.evaluate(FOCUSED)
    return found


def test_the_way_through_a_page(page: Page) -> None:
    """Tab goes from the skip link through the pages' names to the content, and where it is can always be seen."""
    page.goto("/parked")
    stops = [tab(page) for _ in range(16)]
    names = [str(each["name"]).strip() for each in stops]
    assert names[:3] == ["Skip to the content", "dx-incident-bridge", "Overview"]
    assert names[10:] == [
        "Configuration",
        "Sign out",
        "Send all again",
        "Parked incidents",
        PARKED,
        f"Send {PARKED} again",
    ]
    for each in stops:
        assert each["outline"] >= 2, f"{each['name']}: the focus is not seen"
        assert each["left"] >= 0, f"{each['name']} is off the page"
        assert each["size"] > 100, f"{each['name']} is too small to be seen"


def test_the_skip_link(page: Page) -> None:
    """It leads past the pages' names: the next stop is the first one of the content."""
    page.goto("/parked")
    tab(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    assert tab(page)["name"] == "Send all again"


def test_an_act_by_keyboard(page: Page) -> None:
    """Everything a mouse can do, keys can: opening, filling in, sending."""
    page.goto("/incidents/QACMEDAY004")
    page.get_by_text("Correct its times").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("never")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("never is no time")


@pytest.mark.parametrize("name", ["overview", "incident", "parked", "setup"])
def test_landmarks(page: Page, name: str) -> None:
    """One banner, one named navigation that tells the current page, one main part; every section has a name."""
    page.goto(PAGES[name])
    expect(page.get_by_role("banner")).to_have_count(1)
    pages = page.get_by_role("banner").get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("link")).to_have_count(9)
    if name != "incident":
        expect(pages.locator("[aria-current=page]")).to_have_text(
            {"setup": "Set-up"}.get(name, name.capitalize())
        )
    expect(
        page.get_by_role("main").locator(
            "section:not([aria-labelledby]), form:has(input:not([type=hidden])):not(:has(label))"
        )
    ).to_have_count(0)


def test_a_table_stays_a_table_on_a_phone(page: Page) -> None:
    """Where rows look like cards, a screen reader still hears rows, headers and cells."""
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"/incidents?q={PARKED}")
    table = page.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table.get_by_role("columnheader")).to_have_count(6)
    expect(table.get_by_role("row").last.get_by_role("cell")).to_have_count(5)
    expect(table.get_by_role("rowheader")).to_contain_text(PARKED)


def test_the_chart_can_be_read(page: Page) -> None:
    """The chart says what it shows, and its numbers are a table for those who do not see it."""
    page.goto("/")
    expect(page.get_by_role("img")).to_have_accessible_name(
        "Events received, calls delivered and calls refused in each of the last 24 hours; at most "
        + page.locator(".scale").inner_text().partition("at most ")[2].partition(" an")[0]
        + " an hour."
    )
    page.get_by_text("As numbers").click()
    expect(page.get_by_role("region", name="The last day as numbers").get_by_role("row")).to_have_count(25)
