"""The reader of Jira Service Management Operations' REST API, over real sockets."""

from itertools import pairwise

import pytest

from app.vendors.reading import VendorError
from mappers import jsm as mapper
from mappers.observation import Service
from tests.vendors.shared import BASIC, CLOUD, flat, ms, ns, resumed, spread, vendor_of

BEGIN, END = "2025-03-01T08:00:00Z", "2025-03-02T08:00:00Z"
SINCE, UNTIL = ns(BEGIN), ns(END)
PATH = f"/jsm/ops/api/{CLOUD}"


def alert(number, created, **more):
    told = {"id": f"a{number}", "tinyId": str(number), "alias": f"alias_{number}", "message": "Slow"}
    times = {"createdAt": created, "updatedAt": created + 60_000}
    return told | times | {"status": "closed", "entity": "db", "tags": [], "extraProperties": {}} | more


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
    return vendor.reader("jsm", PATH, BASIC)


def key(record):
    return record["alert"]["id"]


def crowded(vendor, count=330, **settings):
    alerts = [alert(n, at) for n, at in enumerate(spread(count, BEGIN))]
    vendor.world.put({"alerts": alerts, "settings": settings})
    return {f"a{n}" for n in range(count)}


def test_history_is_complete_and_exact(vendor, reader):
    """Hundreds of alerts, many of one millisecond, come once each, oldest first."""
    wanted = crowded(vendor)
    records = flat(reader.history(SINCE, UNTIL))
    assert len(records) == len(wanted)
    assert {key(record) for record in records} == wanted
    created = [ns(record["alert"]["createdAt"]) for record in records]
    assert created == sorted(created)


def test_history_goes_on_after_any_of_its_cursors(vendor, reader):
    """Whatever page was the last, the rest comes, and nothing is lost."""
    wanted = crowded(vendor, 240)
    assert set(resumed(lambda cursor: reader.history(SINCE, UNTIL, cursor), key)) == wanted


def test_history_begins_and_ends_to_the_millisecond(vendor, reader):
    """What was created at the beginning belongs to it, what was created at the end does not."""
    times = (ms(BEGIN) - 1, ms(BEGIN), ms(END) - 1, ms(END))
    vendor.world.put({"alerts": [alert(n, at) for n, at in enumerate(times)]})
    assert [key(record) for record in flat(reader.history(SINCE, UNTIL))] == ["a1", "a2"]


def test_a_record_has_its_extra_properties_and_its_teams_names(vendor, reader):
    """Only a single alert shows the former, and only the list of teams the latter."""
    told = alert(1, ms(BEGIN), extraProperties={"service": "Shop"}, responders=[{"type": "team", "id": "T1"}])
    vendor.world.put({"alerts": [told], "teams": [{"id": f"T{n}", "name": f"Team {n}"} for n in (1, 2)]})
    (record,) = flat(reader.history(SINCE, UNTIL))
    assert record["teams"] == {"T1": "Team 1"}
    seen = mapper.from_api(record)
    assert (seen.fields["services"], seen.fields["teams"]) == ((Service(name="Shop"),), ("Team 1",))


def test_teams_that_may_not_be_read_have_no_names(vendor, reader):
    """The alerts come all the same."""
    told = alert(1, ms(BEGIN), responders=[{"type": "team", "id": "T1"}])
    vendor.world.put({"alerts": [told], "settings": {"fail": [{"path": f"{PATH}/v1/teams", "status": 403}]}})
    assert [record["teams"] for record in flat(reader.history(SINCE, UNTIL))] == [{}]


def test_a_run_reads_what_was_updated_since_a_minute_before_the_cursor(vendor, reader):
    """Its last page has the cursor of the next run, which is the time of the first answer."""
    old = ms("2025-03-01T07:00:00Z")
    vendor.world.put(
        {
            "alerts": [
                alert("old", old, updatedAt="2025-03-01T08:03:59.999Z"),
                alert("updated", old, updatedAt="2025-03-01T08:04:00Z"),
            ]
        }
    )
    pages = list(reader.changed("2025-03-01T08:05:00.000Z"))
    assert [key(record) for record in flat(pages)] == ["aupdated"]
    assert ns(pages[-1].cursor) == pages[-1].upto == min(page.upto for page in pages)


def test_a_run_reads_many_changes_once_each(vendor, reader):
    """Pages overlap, and what they share comes once."""
    wanted = crowded(vendor)
    got = [key(record) for record in flat(reader.changed(BEGIN))]
    assert sorted(got) == sorted(wanted)


def test_the_first_run_only_gives_a_cursor(vendor, reader):
    """It asks one cheap question."""
    crowded(vendor, 3)
    (page,) = reader.changed()
    assert (list(page.records), len(vendor.asked())) == ([], 1)
    assert ns(page.cursor) == page.upto


def test_one_alert_is_read_by_its_id_and_no_incident(vendor, reader):
    """An incident that alerts speak of is known to Jira only."""
    vendor.world.put({"alerts": [alert(1, ms(BEGIN))]})
    assert reader.record("a1", "alert")["alert"]["entity"] == "db"
    assert reader.record("a2", "alert") is None
    assert reader.record("a1", "incident") is None


def test_trouble_and_limits_in_between_lose_nothing(vendor, reader):
    """Refused and failed calls are made again when the vendor says, or later and later."""
    fail = [{"path": f"{PATH}/v1/alerts", "status": 502, "html": True, "times": 2, "after": 5}]
    wanted = crowded(vendor, 60, rate=25, fail=fail)
    assert {key(record) for record in flat(reader.history(SINCE, UNTIL))} == wanted
    statuses = [each["status"] for each in vendor.world.shown()["requests"]["log"]]
    after_refusals = [after for before, after in pairwise(statuses) if before == 429]
    assert after_refusals == [200, 200]


def test_a_wrong_token_is_one_problem_and_stops_a_run(vendor, reader):
    """The text names the variable to set."""
    assert list(reader.problems()) == []
    stranger = vendor.reader("jsm", PATH, "d3Jvbmc6d3Jvbmc=")
    (problem,) = stranger.problems()
    assert "JSM_API_TOKEN" in problem
    with pytest.raises(VendorError, match="JSM_API_TOKEN"):
        list(stranger.history(SINCE, UNTIL))
