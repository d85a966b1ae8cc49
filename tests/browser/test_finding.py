"""Looking for incidents, and what the pages say about one: why it is in DX or not, and how it came to look so."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scene import A_NAME_LIKE_THAT, EU_SECRET, LEFT_OUT, LONG, OVERRIDDEN, PARKED, WORDS, Scene
from tests.harness import ADMIN_TOKEN, DX_TOKEN, SECRETS


def references(page: Page) -> list[str]:
    """Return the references on the page, in its order."""
    return page.get_by_role("rowheader").get_by_role("link").all_inner_texts()


def search(page: Page, **given: str) -> None:
    """Fill in the form above the list."""
    page.goto("/incidents")
    form = page.get_by_role("search", name="Incidents")
    form.get_by_label("Reference or name").fill(given.get("query", ""))
    form.get_by_label("State").select_option(given.get("state", "any"))
    form.get_by_label("Source").select_option(given.get("source", "any"))
    form.get_by_role("button", name="Show").click()
    page.wait_for_url("**/incidents?**")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"query": PARKED}, PARKED),
        ({"query": "QACMEPARK"}, PARKED),
        ({"query": A_NAME_LIKE_THAT[12:40].upper()}, "QACMELONGNAME"),
        ({"query": "QACME", "state": "left out"}, OVERRIDDEN),
        ({"state": "overridden"}, OVERRIDDEN),
        ({"state": "left out", "source": "opsgenie"}, LEFT_OUT),
        ({"state": "parked"}, PARKED),
        ({"query": "4f1c2a7e", "state": "open"}, LONG),
    ],
    ids=str,
)
def test_an_incident_is_found(any_page: Page, given: dict[str, str], found: str) -> None:
    """By its reference's beginning, a part of its name in any case, its state, its source, or all of them."""
    search(any_page, **given)
    assert found in references(any_page)
    assert "QACMEDAY010" not in references(any_page)
    for label, value in (("State", given.get("state", "any")), ("Source", given.get("source", "any"))):
        chosen = any_page.get_by_label(label).locator("option:checked")
        expect(chosen).to_have_text(value)


def test_nothing_is_found(any_page: Page) -> None:
    """A search without a result says so, and leads back."""
    search(any_page, query="<nothing & nobody>")
    expect(any_page.get_by_text("There is none like that.")).to_be_visible()
    expect(any_page.get_by_label("Reference or name")).to_have_value("<nothing & nobody>")
    any_page.get_by_role("link", name="Show all").click()
    expect(any_page.get_by_role("rowheader")).not_to_have_count(0)


def test_pages_of_a_search(any_page: Page) -> None:
    """Fifty are on a page; the next one keeps the search, goes on where the first ended, and is the last."""
    search(any_page, query="QACMEDAY", state="resolved")
    first = references(any_page)
    any_page.get_by_role("link", name="Older ones").click()
    expect(any_page).to_have_url(re.compile("before="))
    second = references(any_page)
    assert (len(first), len(second)) == (50, 10)
    assert first + second == [f"QACMEDAY{number:03}" for number in reversed(range(60))]
    expect(any_page.get_by_role("link", name="Older ones")).to_have_count(0)


def test_the_timeline_of_an_incident(any_page: Page) -> None:
    """Each event with what it changed, each call with its answer and duration, in order; the raw event on demand."""
    any_page.goto("/incidents/Q2ACMELIFE0001")
    line = any_page.get_by_role("region", name="Timeline").locator("ol > li").all_inner_texts()
    told = [" ".join(each.split()) for each in line]
    kinds = [re.search(r"incident\.\w+|incidents\.upsert: \w+", each).group() for each in told]
    events = ["triggered", "acknowledged", "escalated", "priority_updated", "resolved"]
    assert [each.partition(".")[2] for each in kinds if each.startswith("incident.")] == events
    assert set(kinds) - {f"incident.{each}" for each in events} == {"incidents.upsert: confirmed"}
    assert "name → Checkout answers 503" in told[0]
    assert re.search(r"resolved_at → 2026-03-02T10:02:47Z", told[kinds.index("incident.resolved")])
    assert re.search(r"HTTP 200, ok, \d+ ms", told[-1])
    expect(any_page.get_by_role("region", name="What DX holds")).to_contain_text("The same, confirmed")
    any_page.get_by_role("link", name="incident.resolved").click()
    body = any_page.get_by_role("region", name="The event's body")
    expect(body).to_contain_text('"event_type": "incident.resolved"')


@pytest.mark.parametrize(
    ("reference", "badge", "why"),
    [
        (PARKED, "parked", f"DX refuses it: invalid_arguments: {WORDS}"),
        (LEFT_OUT, "left out", "Not in DX: include is false"),
        (OVERRIDDEN, "taken out", "Taken out of DX: an operator excluded it"),
    ],
)
def test_why_an_incident_is_not_in_dx(any_page: Page, reference: str, badge: str, why: str) -> None:
    """The incident's page says so in one sentence, in DX's words where DX refused it."""
    any_page.goto(f"/incidents/{reference}")
    expect(any_page.get_by_role("heading", level=1)).to_have_text(f"{reference} {badge}")
    expect(any_page.get_by_text(why)).to_be_visible()


def test_incidents_open_for_too_long(any_page: Page) -> None:
    """Those that are open for more than a day are listed, those that ended or are left out are not."""
    any_page.goto("/open")
    expect(any_page.get_by_role("heading", name="Open for more than 24 hours")).to_be_visible()
    found = references(any_page)
    assert {PARKED, LONG} <= set(found)
    assert not {LEFT_OUT, OVERRIDDEN, "QACMEDAY010", "Q2ACMELIFE0001"} & set(found)


def test_services_without_a_mapping_come_first(any_page: Page) -> None:
    """Each service has what it is in DX, and whether somebody has said so."""
    any_page.goto("/services")
    rows = any_page.get_by_role("region", name="Services").get_by_role("row").all_inner_texts()[1:]
    mapped = ["not mapped" not in each for each in rows]
    assert mapped == sorted(mapped)
    assert True in mapped
    assert False in mapped
    checkout = (
        any_page.get_by_role("row").filter(has=any_page.get_by_role("rowheader", name="Checkout API")).first
    )
    expect(checkout).to_contain_text("checkout")
    search_ = any_page.get_by_role("row").filter(
        has=any_page.get_by_role("rowheader", name="Order Search", exact=True)
    )
    expect(search_).to_contain_text("order-search")


def test_the_configuration_is_masked(any_page: Page, scene: Scene) -> None:
    """The policy in force and every setting are there, and no secret is."""
    any_page.goto("/configuration")
    expect(any_page.get_by_role("region", name="Policy in force")).to_contain_text(
        '"reference_prefix": "eu-"'
    )
    settings = any_page.get_by_role("region", name="Settings")
    expect(settings.get_by_role("row").filter(has_text="DX_BASE_URL")).to_contain_text(scene.sandbox.url)
    for masked in ("DX_API_TOKEN", "PAGERDUTY_WEBHOOK_SECRETS", "BRIDGE_ADMIN_TOKEN"):
        row = settings.get_by_role("row").filter(
            has=any_page.get_by_role("rowheader", name=masked, exact=True)
        )
        expect(row.get_by_role("cell")).to_have_text("•••")
    text = any_page.content()
    secrets = [ADMIN_TOKEN, DX_TOKEN, EU_SECRET, *(secret for _, secret in SECRETS.values())]
    assert [each for each in secrets if each in text] == []


def test_what_is_taken_out_should_not_be_in_dx(any_page: Page) -> None:
    """Beside what DX holds stands what it should hold: nothing, after an operator has taken the incident out."""
    any_page.goto(f"/incidents/{OVERRIDDEN}")
    for which in ("What DX should hold", "What DX holds"):
        expect(any_page.get_by_role("region", name=which)).to_contain_text("Nothing.")
