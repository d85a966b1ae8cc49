"""The reader of Jira's REST API, over real sockets."""

import time

import pytest

from app.clock import Clock
from app.vendors import jira
from app.vendors.client import Answer
from app.vendors.reading import VendorError
from mappers import jira as mapper
from tests.vendors.shared import BASIC, CLOUD, flat, ms, ns, resumed, spread, vendor_of

BEGIN, END = "2025-03-01T08:00:00Z", "2025-03-02T08:00:00Z"
SINCE, UNTIL = ns(BEGIN), ns(END)
PATH, SITE = f"/ex/jira/{CLOUD}", "https://acme.atlassian.net"
SEARCH = f"{PATH}/rest/api/3/search/jql"


def issue(number, created, kind="[System] Incident", **more):
    status = {"name": "Completed", "statusCategory": {"key": "done"}}
    told = {"issuetype": {"name": kind}, "summary": "Down", "status": status, "labels": []}
    times = {"created": created, "updated": created + 60_000, "resolutiondate": created + 60_000}
    return {
        "id": str(number),
        "key": f"OPS-{number}",
        "self": f"https://api.atlassian.com{PATH}/rest/api/3/issue/{number}",
        "expand": "changelog",
        "fields": told | times | more,
    }


@pytest.fixture(scope="module")
def sandbox():
    with vendor_of("atlassian", "JSM_API_TOKEN") as vendor:
        yield vendor


@pytest.fixture
def vendor(sandbox):
    """The vendor, empty, with a reader's waiting forgotten."""
    sandbox.world.put({})
    sandbox.patience.waited.clear()
    return sandbox


@pytest.fixture
def reader(vendor):
    return vendor.reader("jira", PATH, BASIC, app_url=SITE)


def key(record):
    return int(record["issue"]["id"])


def crowded(vendor, count=330, **settings):
    issues = [issue(1000 + n, at) for n, at in enumerate(spread(count, BEGIN))]
    vendor.world.put({"issues": issues, "settings": settings})
    return set(range(1000, 1000 + count))


def test_history_is_complete_and_exact(vendor, reader):
    """Hundreds of issues, many of one millisecond, come once each, oldest first."""
    wanted = crowded(vendor)
    records = flat(reader.history(SINCE, UNTIL))
    assert len(records) == len(wanted)
    assert {key(record) for record in records} == wanted
    created = [mapper.from_api(record).created_at for record in records]
    assert created == sorted(created)


def test_history_goes_on_after_any_of_its_cursors(vendor, reader):
    """Whatever page was the last, the rest comes, and nothing is lost."""
    wanted = crowded(vendor)
    assert set(resumed(lambda cursor: reader.history(SINCE, UNTIL, cursor), key)) == wanted


def test_history_begins_and_ends_to_the_millisecond(vendor, reader):
    """The question is asked in minutes, and what comes is chosen exactly."""
    times = (ms(BEGIN) - 1, ms(BEGIN), ms(END) - 1, ms(END))
    vendor.world.put({"issues": [issue(n, at) for n, at in enumerate(times)]})
    assert [key(record) for record in flat(reader.history(SINCE, UNTIL))] == [1, 2]


def test_history_up_to_now_has_the_latest_issue(vendor, reader):
    """There is no end to ask for then."""
    now = time.time_ns()
    vendor.world.put({"issues": [issue(1, now // 10**6 - 5_000), issue(2, now // 10**6 - 1_000)]})
    assert [key(record) for record in flat(reader.history(now - 10 * 10**9, now))] == [1, 2]


def test_only_issues_that_may_be_incidents_are_asked_for(vendor, reader):
    """Which of the types count is the policy's business."""
    kinds = ("[System] Incident", "Incident", "Task")
    vendor.world.put({"issues": [issue(n, ms(BEGIN), kind) for n, kind in enumerate(kinds)]})
    assert sorted(key(record) for record in flat(reader.history(SINCE, UNTIL))) == [0, 1]


@pytest.mark.parametrize("kind", ["[System] Incident", "Incident"])
def test_a_site_with_one_of_the_types_only_is_asked_for_that(vendor, reader, kind):
    """Jira refuses a search by a type that it does not have."""
    vendor.world.put({"issues": [issue(1, ms(BEGIN), kind)], "settings": {"issue_types": [kind, "Task"]}})
    assert [key(record) for record in flat(reader.history(SINCE, UNTIL))] == [1]
    assert list(reader.problems()) == []


def test_a_site_with_none_of_the_types_is_a_problem(vendor, reader):
    """It is told in Jira's words."""
    vendor.world.put({"settings": {"issue_types": ["Task"]}})
    (problem,) = reader.problems()
    assert "does not exist" in problem
    with pytest.raises(VendorError, match="does not exist"):
        list(reader.history(SINCE, UNTIL))


@pytest.mark.parametrize("offset", [-7_200, 7_200])
def test_a_clock_that_differs_from_the_vendors_changes_nothing(vendor, offset):
    """Minutes are counted by the vendor's clock, which its answers tell."""
    now = time.time_ns() + offset * 10**9
    vendor.world.put(
        {
            "issues": [issue(n, now // 10**6 - n * 60_000) for n in (1, 30, 90)],
            "settings": {"clock_offset": offset},
        }
    )
    reader = vendor.reader("jira", PATH, BASIC)
    got = [key(record) for record in flat(reader.history(now - 45 * 60 * 10**9, now))]
    assert got == [30, 1]
    changed = flat(reader.changed(str(now // 10**6 - 30 * 60_000)))
    assert sorted(key(record) for record in changed) == [1, 30]


def test_a_record_holds_the_issue_and_its_site(vendor, reader):
    """What the search adds for its own purposes is not kept; the page is on the site."""
    vendor.world.put({"issues": [issue(7, ms(BEGIN))]})
    (record,) = flat(reader.history(SINCE, UNTIL))
    assert set(record) == {"read_at", "issue", "site"}
    assert set(record["issue"]) == {"id", "key", "self", "fields"}
    seen = mapper.from_api(record)
    assert seen.fields["source_url"] == f"{SITE}/browse/OPS-7"
    assert (seen.resolves, seen.created_at) == (True, SINCE)
    assert reader.record("7", "incident")["issue"] == record["issue"]


def test_a_site_that_is_not_known_is_blank(vendor):
    """The record then has no page."""
    vendor.world.put({"issues": [issue(7, ms(BEGIN))]})
    record = vendor.reader("jira", PATH, BASIC).record("7", "incident")
    assert record["site"] == ""
    assert "source_url" not in mapper.from_api(record).fields


def test_an_issue_that_is_gone_is_none(reader):
    """So is one that the account may not see, and an odd id leads nowhere else."""
    assert [reader.record(each, "incident") for each in ("7", "../search/jql", "7?fields=*all")] == [None] * 3


def test_a_run_reads_what_was_updated_since_a_minute_before_the_cursor(vendor, reader):
    """Its last page has the cursor of the next run, which is the time of the first answer."""
    old = ms("2025-03-01T07:00:00Z")
    times = ("2025-03-01T08:03:59.999Z", "2025-03-01T08:04:00Z", "2025-03-01T09:00:00Z")
    vendor.world.put({"issues": [issue(n, old, updated=at) for n, at in enumerate(times)]})
    pages = list(reader.changed("2025-03-01T08:05:00.000Z"))
    assert [key(record) for record in flat(pages)] == [2, 1]
    assert ns(pages[-1].cursor) == pages[-1].upto == min(page.upto for page in pages)


def test_an_issue_updated_while_changes_are_read_hides_no_other(vendor, reader):
    """It comes to the front, and moves none out of sight."""
    vendor.world.put({"issues": [issue(n, ms(BEGIN) + n) for n in range(1, 251)]})
    pages = iter(reader.changed(BEGIN))
    first = next(pages)
    vendor.world.patch({"issues": [{"id": "5", "fields": {"updated": "2025-03-01T10:00:00Z"}}]})
    got = [key(record) for record in [*first.records, *flat(pages)]]
    assert len(got) == len(set(got))
    assert set(range(1, 251)) - set(got) <= {5}


def test_the_first_run_only_gives_a_cursor(vendor, reader):
    """It asks one cheap question."""
    crowded(vendor, 3)
    (page,) = reader.changed()
    assert (list(page.records), len(vendor.asked())) == ([], 1)
    assert ns(page.cursor) == page.upto


def test_trouble_and_limits_in_between_lose_nothing(vendor, reader):
    """Refused and failed calls are made again when the vendor says, or later and later."""
    fail = [{"path": SEARCH, "status": 503, "html": True, "times": 2, "after": 2}]
    wanted = crowded(vendor, rate=3, fail=fail)
    assert {key(record) for record in flat(reader.history(SINCE, UNTIL))} == wanted
    assert vendor.world.shown()["requests"]["refused"] == 1
    assert max(vendor.patience.waited) <= 60


def test_a_wrong_token_is_one_problem_and_stops_a_run(vendor, reader):
    """The text names the variable to set."""
    assert list(reader.problems()) == []
    stranger = vendor.reader("jira", PATH, "d3Jvbmc6d3Jvbmc=")
    (problem,) = stranger.problems()
    assert "JSM_API_TOKEN" in problem
    with pytest.raises(VendorError, match="JSM_API_TOKEN"):
        list(stranger.history(SINCE, UNTIL))


class Stuck:
    """A client to which every page comes with the same token."""

    def get(self, path, params=None):
        return Answer({"issues": [], "nextPageToken": "same", "isLast": False}, Clock().wall())

    def now(self):
        return Clock().wall()


def test_a_search_that_does_not_get_on_is_given_up():
    """Otherwise it would go on for ever."""
    with pytest.raises(VendorError, match="again and again"):
        list(jira.Jira(Stuck(), ["Incident"]).history(SINCE, UNTIL))
