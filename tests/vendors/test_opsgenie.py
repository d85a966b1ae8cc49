"""The reader of Opsgenie's REST API, over real sockets."""

import itertools
from email.utils import formatdate

import pytest

from app.incident import observe
from app.vendors import lists
from app.vendors.opsgenie import wait
from app.vendors.reading import VendorError
from app.view import view
from mappers import opsgenie as mapper
from mappers.observation import Ignored, Service
from tests.vendors.shared import MILLISECOND, flat, ms, ns, resumed, spread, vendor_of

BEGIN, END = "2025-03-01T08:00:00Z", "2025-03-02T08:00:00Z"
SINCE, UNTIL = ns(BEGIN), ns(END)
CURSOR = "2025-03-01T08:05:00.000Z"
INCIDENT = "b7d4e2f0-5a31-4c89-9e76-1f0a8c3d2b54"


def incident(number, created, **more):
    told = {
        "id": f"i{number}",
        "tinyId": str(number),
        "message": "Down",
        "status": "resolved",
        "priority": "P1",
    }
    times = {"createdAt": created, "updatedAt": created + 60_000, "impactStartDate": created}
    return told | times | {"impactedServices": [], "responders": [], "tags": []} | more


def alert(number, created, **more):
    told = {"id": f"a{number}", "tinyId": str(number), "alias": f"alias_{number}", "message": "Slow"}
    times = {"createdAt": created, "updatedAt": created + 60_000, "report": {"closeTime": 60_000}}
    return told | times | {"status": "closed", "details": {}, "entity": "db", "tags": []} | more


@pytest.fixture(scope="module")
def sandbox():
    with vendor_of("opsgenie", "OPSGENIE_API_KEY") as vendor:
        yield vendor


@pytest.fixture
def vendor(sandbox):
    """The vendor, empty, with a reader's waiting forgotten."""
    sandbox.world.put({})
    sandbox.patience.waited.clear()
    return sandbox


def key(record):
    return record["incident"]["id"] if "incident" in record else record["alert"]["id"]


def crowded(vendor, count=330, **more):
    times = spread(count, BEGIN)
    vendor.world.put(
        {
            "incidents": [incident(n, at) for n, at in enumerate(times)],
            "alerts": [alert(n, at) for n, at in enumerate(times)],
        }
        | more
    )
    return {f"{kind}{n}" for kind in "ia" for n in range(count)}


def test_history_is_complete_and_exact(vendor):
    """Hundreds of incidents and alerts, many of one millisecond, come once each, oldest first."""
    wanted = crowded(vendor)
    records = flat(vendor.reader("opsgenie").history(SINCE, UNTIL))
    assert len(records) == len(wanted)
    assert {key(record) for record in records} == wanted
    for kind in ("incident", "alert"):
        created = [record[kind]["createdAt"] for record in records if kind in record]
        assert [ns(at) for at in created] == sorted(ns(at) for at in created)


def test_history_goes_on_after_any_of_its_cursors(vendor):
    """Whatever page was the last, the rest comes, and nothing is lost."""
    wanted = crowded(vendor, 240)
    reader = vendor.reader("opsgenie")
    assert set(resumed(lambda cursor: reader.history(SINCE, UNTIL, cursor), key)) == wanted
    last = [
        key(record)
        for record in flat(reader.history(SINCE, UNTIL, "2025-03-02T00:00:00.000Z 2025-03-01T08:01:00.000Z"))
    ]
    assert last == [f"a{n}" for n, at in enumerate(spread(240, BEGIN)) if at > ms("2025-03-01T08:01:00Z")]


def test_history_begins_and_ends_to_the_millisecond(vendor):
    """What was created at the beginning belongs to it, what was created at the end does not."""
    times = (ms(BEGIN) - 1, ms(BEGIN), ms(BEGIN) + 1, ms(END) - 1, ms(END))
    world = {"incidents": [incident(n, at) for n, at in enumerate(times)]}
    vendor.world.put(world | {"alerts": [alert(n, at) for n, at in enumerate(times)]})
    reader = vendor.reader("opsgenie")
    got = [key(record) for record in flat(reader.history(SINCE, UNTIL))]
    assert got == ["i1", "i2", "i3", "a1", "a2", "a3"]
    later = [key(record) for record in flat(reader.history(SINCE + 1, UNTIL + 1))]
    assert later == ["i2", "i3", "i4", "a2", "a3", "a4"]


def test_a_page_tells_how_far_it_has_come(vendor):
    """Its cursor holds the kind and the time to the millisecond."""
    vendor.world.put({"incidents": [incident(1, ms(BEGIN) + 7)], "alerts": [alert(1, ms(BEGIN) + 1_250)]})
    pages = list(vendor.reader("opsgenie").history(SINCE, UNTIL))
    assert [page.cursor for page in pages] == [
        "2025-03-01T08:00:00.007Z 2025-03-01T08:00:00.000Z",
        "2025-03-01T08:00:00.007Z 2025-03-01T08:00:01.250Z",
    ]
    assert [page.upto - SINCE for page in pages] == [7 * MILLISECOND, 1_250 * MILLISECOND]


def test_an_alert_comes_whole(vendor):
    """Lists show neither details nor entity, so each alert is read by itself."""
    vendor.world.put({"alerts": [alert(1, ms(BEGIN), details={"service": "Shop"})]})
    (record,) = flat(vendor.reader("opsgenie").history(SINCE, UNTIL))
    seen = mapper.from_api(record)
    assert (seen.fields["services"], seen.fields["entity"]) == ((Service(name="Shop"),), "db")


def test_an_alert_of_an_incident_is_not_read_where_its_alias_tells(vendor):
    """Where only the details tell, it is read, and says nothing."""
    vendor.world.put(
        {
            "alerts": [
                alert(1, ms(BEGIN), alias=f"{INCIDENT}_{INCIDENT}"),
                alert(2, ms(BEGIN), details={"incident-id": INCIDENT, "incident-alert-type": "Owner"}),
            ]
        }
    )
    (record,) = flat(vendor.reader("opsgenie").history(SINCE, UNTIL))
    assert isinstance(mapper.from_api(record), Ignored)
    assert "/v2/alerts/a1" not in [path for path, _ in vendor.asked()]


def test_an_alert_deleted_while_reading_is_left_out(vendor):
    """It was listed, and is gone when it is asked for."""
    vendor.world.put({"alerts": [alert(1, ms(BEGIN)), alert(2, ms(BEGIN))]})
    vendor.world.patch({"settings": {"fail": [{"path": "/v2/alerts/a1", "status": 404}]}})
    assert [key(each) for each in flat(vendor.reader("opsgenie").history(SINCE, UNTIL))] == ["a2"]


def test_a_record_names_its_services_and_teams_and_no_others(vendor):
    """Names are read once for all records; what the vendor does not know has none."""
    named = incident(1, ms(BEGIN), impactedServices=["S1", "S3"], ownerTeam="T1")
    named["responders"] = [{"type": "team", "id": "T2"}, {"type": "user", "id": "U1"}]
    responding = alert(1, ms(BEGIN), responders=[{"type": "team", "id": "T2"}], ownerTeamId="T1")
    vendor.world.put(
        {
            "incidents": [named, named | {"id": "i2"}],
            "alerts": [responding],
            "services": [{"id": f"S{n}", "name": f"Service {n}"} for n in (1, 2)],
            "teams": [{"id": f"T{n}", "name": f"Team {n}"} for n in (1, 2, 3)],
        }
    )
    first, second, third = flat(vendor.reader("opsgenie").history(SINCE, UNTIL))
    teams = {"T1": "Team 1", "T2": "Team 2"}
    assert first["services"] == second["services"] == {"S1": "Service 1"}
    assert first["teams"] == second["teams"] == third["teams"] == teams
    lists_read = [path for path, _ in vendor.asked() if path in ("/v1/services", "/v2/teams")]
    assert sorted(lists_read) == ["/v1/services", "/v2/teams"]


def test_names_are_read_past_the_first_page(vendor):
    """An account may have more services than one answer holds."""
    services = [{"id": f"S{n:03}", "name": f"Service {n}"} for n in range(230)]
    vendor.world.put(
        {"incidents": [incident(1, ms(BEGIN), impactedServices=["S000", "S229"])], "services": services}
    )
    (record,) = flat(vendor.reader("opsgenie").history(SINCE, UNTIL))
    assert record["services"] == {"S000": "Service 0", "S229": "Service 229"}
    assert [path for path, _ in vendor.asked() if "services" in path] == ["/v1/services"] * 3


def test_a_service_made_after_the_names_were_read_is_read_by_itself(vendor):
    """Otherwise it would have no name until the next run."""
    vendor.world.put({"incidents": [incident(1, ms(BEGIN))], "services": [{"id": "S1", "name": "One"}]})
    reader = vendor.reader("opsgenie")
    vendor.world.patch({"incidents": [incident(1, ms(BEGIN), impactedServices=["S1"])]})
    assert reader.record("i1", "incident")["services"] == {"S1": "One"}
    vendor.world.patch({"services": [{"id": "S2", "name": "Two"}]})
    vendor.world.patch({"incidents": [incident(1, ms(BEGIN), impactedServices=["S2"])]})
    assert reader.record("i1", "incident")["services"] == {"S2": "Two"}


def test_names_that_may_not_be_read_are_none(vendor):
    """The key may lack the right to read teams; the incident comes all the same, and each is asked for once."""
    vendor.world.put(
        {
            "incidents": [incident(n, ms(BEGIN), ownerTeam="T1") for n in range(3)],
            "teams": [{"id": "T1", "name": "Team"}],
            "settings": {"fail": [{"path": "/v2/teams", "status": 403}]},
        }
    )
    records = flat(vendor.reader("opsgenie").history(SINCE, UNTIL))
    assert [record["teams"] for record in records] == [{}, {}, {}]
    assert len([path for path, _ in vendor.asked() if path.startswith("/v2/teams")]) == 1


def test_without_incidents_in_the_plan_alerts_are_read(vendor):
    """It is told as a problem, and nothing fails."""
    vendor.world.put({"alerts": [alert(1, ms(BEGIN))], "settings": {"incident_api": False}})
    reader = vendor.reader("opsgenie")
    assert [key(each) for each in flat(reader.history(SINCE, UNTIL))] == ["a1"]
    assert [key(each) for each in flat(reader.changed(BEGIN))] == ["a1"]
    (problem,) = reader.problems()
    assert "gives alerts, but no incidents" in problem


def test_a_passing_trouble_of_incidents_is_not_taken_for_a_plan_without(vendor):
    """Whatever fails for a while is asked for again; nothing is left out."""
    fail = [{"path": "/v1/incidents", "status": 500, "times": 3}]
    fail += [{"path": "/v2/alerts", "status": 502, "html": True, "times": 2, "after": 1}]
    wanted = crowded(vendor, 120, settings={"fail": fail})
    records = flat(vendor.reader("opsgenie").history(SINCE, UNTIL))
    assert {key(record) for record in records} == wanted
    assert len(vendor.patience.waited) == 5


def test_incidents_that_cannot_be_read_for_now_stop_the_reading(vendor):
    """To go on with alerts alone would leave them out for good."""
    vendor.world.put({"settings": {"fail": [{"path": "/v1/incidents", "status": 500}]}})
    vendor.patience.set()
    try:
        with pytest.raises(VendorError, match="try again later"):
            list(vendor.reader("opsgenie").history(SINCE, UNTIL))
    finally:
        vendor.patience.clear()


def test_a_connection_that_breaks_off_is_made_again(vendor):
    """Nothing is left out for it."""
    vendor.world.put({"incidents": [incident(1, ms(BEGIN))]})
    vendor.world.patch({"settings": {"fail": [{"path": "/v1/incidents", "cut": True, "times": 2}]}})
    assert [key(each) for each in flat(vendor.reader("opsgenie").history(SINCE, UNTIL))] == ["i1"]


def test_the_rate_limit_is_honoured(vendor):
    """A refused call is made again only when the vendor takes calls again; no other is made meanwhile."""
    wanted = crowded(vendor, 60, settings={"rate": 20})
    records = flat(vendor.reader("opsgenie").history(SINCE, UNTIL))
    assert {key(record) for record in records} == wanted
    told = vendor.world.shown()["requests"]
    assert told["refused"] == len(vendor.patience.waited) == 3
    assert set(vendor.patience.waited) == {60.0}
    assert told["peak_minute"] <= 21


@pytest.mark.parametrize(
    ("headers", "status", "seconds"),
    [
        ({}, 200, None),
        ({"X-RateLimit-State": "OK", "Retry-After": "9"}, 200, None),
        ({"Retry-After": "7", "X-RateLimit-Period-In-Sec": "60"}, 429, 7.0),
        ({"X-RateLimit-Period-In-Sec": "60"}, 429, 60.0),
        ({"X-RateLimit-Period-In-Sec": "soon"}, 429, None),
        ({"Retry-After": formatdate(0, usegmt=True), "X-RateLimit-Period-In-Sec": "60"}, 429, 0.0),
        ({}, 429, None),
    ],
)
def test_how_long_to_wait(headers, status, seconds):
    """`Retry-After` goes before the limit's period; without either the client has its own."""
    assert wait(headers, status) == seconds


def test_the_first_run_only_gives_a_cursor(vendor):
    """It asks one cheap question, and its cursor is the vendor's time."""
    vendor.world.put({"incidents": [incident(1, ms(BEGIN))], "settings": {"clock_offset": 86_400}})
    (page,) = vendor.reader("opsgenie").changed()
    assert (list(page.records), [path for path, _ in vendor.asked()]) == ([], ["/v2/alerts"])
    assert ns(page.cursor) == page.upto
    assert 86_390 * 10**9 < page.upto - vendor.world.now() * MILLISECOND + 86_400 * 10**9 <= 86_400 * 10**9


def test_a_run_reads_what_has_changed(vendor):
    """Incidents that are open or new, and alerts updated since a minute before the cursor; each once."""
    old, new = ms("2025-03-01T07:00:00Z"), ms("2025-03-01T08:04:30Z")
    vendor.world.put(
        {
            "incidents": [
                incident("old", old),
                incident("open", old, status="open"),
                incident("new", new),
                incident("new-open", new, status="open"),
            ],
            "alerts": [
                alert("old", old),
                alert("before", old, updatedAt="2025-03-01T08:03:59.999Z"),
                alert("updated", old, updatedAt="2025-03-01T08:04:00Z"),
                alert("spawned", new, alias=f"{INCIDENT}_{INCIDENT}"),
                alert("new", new),
            ],
        }
    )
    pages = list(vendor.reader("opsgenie").changed(CURSOR))
    got = [key(record) for record in flat(pages)]
    assert sorted(got) == ["anew", "aupdated", "inew", "inew-open", "iopen"]
    assert ns(pages[-1].cursor) == min(page.upto for page in pages)
    assert not pages[-1].records


def test_a_run_reads_all_that_has_changed_even_where_offsets_end(vendor, monkeypatch):
    """Beyond them it is asked for by the time of the last one."""
    monkeypatch.setattr(lists, "_FURTHEST", 300)
    crowded(vendor)
    got = [key(record) for record in flat(vendor.reader("opsgenie").changed("2025-03-01T08:00:00Z"))]
    assert sorted(got) == sorted(f"{kind}{n}" for kind in "ia" for n in range(330))
    assert (
        max(int(query.split("offset=")[1].split("&")[0]) for _, query in vendor.asked() if "offset=" in query)
        < 300
    )


def test_an_alert_deleted_while_changes_are_read_hides_no_other(vendor):
    """Those after it move up, so a page begins within the one before."""
    vendor.world.put({"alerts": [alert(n, ms(BEGIN) + n) for n in range(150)]})
    pages = vendor.reader("opsgenie").changed(BEGIN)
    first = list(itertools.islice((page for page in pages if page.records), 1))
    for number in range(140, 145):
        vendor.world.drop("alerts", f"a{number}")
    got = {key(record) for record in [*flat(first), *flat(pages)]}
    assert got == {f"a{n}" for n in range(150)}


def test_one_record_is_read_by_its_id(vendor):
    """None comes of an id that the vendor does not know, and an odd one leads nowhere else."""
    vendor.world.put({"incidents": [incident(1, ms(BEGIN))], "alerts": [alert(1, ms(BEGIN))]})
    reader = vendor.reader("opsgenie")
    assert reader.record("i1", "incident")["incident"]["message"] == "Down"
    assert reader.record("a1", "alert")["alert"]["entity"] == "db"
    for odd in ("a2", "a1/notes", "a1?identifierType=tiny", "../v1/services", "%2e"):
        assert reader.record(odd, "alert") is None
        assert reader.record(odd, "incident") is None


def test_a_reopened_incident_is_read_as_open(vendor):
    """It keeps the end of its impact."""
    told = incident(1, ms(BEGIN), status="open", impactEndDate=ms(BEGIN) + 5_000)
    vendor.world.put({"incidents": [told]})
    (record,) = flat(vendor.reader("opsgenie").changed(CURSOR))
    assert view(observe(mapper.from_api(record), 0)).resolved_at is None


def test_a_wrong_key_is_one_problem_and_stops_a_run(vendor):
    """The text names the variable to set and never the secret."""
    reader = vendor.reader("opsgenie", secret="another-secret-0123")
    (problem,) = reader.problems()
    assert "OPSGENIE_API_KEY" in problem
    assert "another-secret" not in problem
    with pytest.raises(VendorError, match="OPSGENIE_API_KEY"):
        list(reader.history(SINCE, UNTIL))
    with pytest.raises(VendorError, match="OPSGENIE_API_KEY"):
        list(reader.changed(CURSOR))


def test_a_good_key_has_no_problems(vendor):
    """Nothing is told."""
    assert list(vendor.reader("opsgenie").problems()) == []


def test_incidents_created_between_two_runs_are_read_although_the_alerts_had_begun(vendor):
    """A run that was interrupted among the alerts goes on with both, each from where it was."""
    begin = ms(BEGIN)
    vendor.world.put(
        {"incidents": [incident(1, begin + 5)], "alerts": [alert(1, begin + 5), alert(2, begin + 500)]}
    )
    reader = vendor.reader("opsgenie")
    cursor = [page.cursor for page in reader.history(SINCE, UNTIL)][-1]
    vendor.world.patch({"incidents": [incident(2, begin + 60_000)]})
    got = [key(each) for each in flat(reader.history(SINCE, UNTIL, cursor))]
    assert "i2" in got
