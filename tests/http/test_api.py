"""/api/v1: incidents as they are told, and what operators do about them."""

import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from app.store.browse import STATES
from tests.http.incidents import NAMES, RIGHT, URL, Operated, operated
from tests.http.web import opsgenie, refusal

ALL_BUT_LEFT = "QDUE QMOVED QOPEN QPARKED QRESOLVED"
"""All but what DX is not to hold, and does not."""
ODD = [
    "a/b",
    "/a",
    "a//b",
    "a/",
    "a?b=c",
    "a#b",
    "100%",
    "%2F",
    "a%2Fb",
    "..a",
    "../a",
    ".",
    "a;b",
    "a+b",
    "a/redeliver",
    "a/override",
    "caf\u00e9",
    "\u4e2d\U0001f600",
    "<script>",
    '"',
    "'",
    "\u2028",
    "x" * 255,
]


Copy = Callable[[Path], str]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def copied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Copy:
    """What makes a copy of a database with incidents in every state, for a folder, and returns its URL."""
    folder = tmp_path_factory.mktemp("filled")
    if request.param == "sqlite":
        path = Path(shutil.copy(migrated, folder / "bridge.db"))
        fill(folder, f"sqlite:///{path}")
        return lambda to: f"sqlite:///{shutil.copy(path, to / 'bridge.db')}"
    server = request.getfixturevalue("postgres_server")
    url = server.create_database(request.getfixturevalue("migrated_template"))
    fill(folder, url)
    return lambda _: server.create_database(make_url(url).database)


def fill(folder: Path, url: str) -> None:
    with operated(folder, url) as bridge:
        bridge.fill()


@pytest.fixture(scope="module")
def seen(copied: Copy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A bridge with incidents in every state, for all tests that change nothing."""
    folder = tmp_path_factory.mktemp("seen")
    with operated(folder, copied(folder)) as bridge:
        yield bridge


@pytest.fixture
def filled(copied: Copy, tmp_path: Path) -> Iterator[Operated]:
    """A bridge of the test's own with incidents in every state."""
    with operated(tmp_path, copied(tmp_path)) as bridge:
        yield bridge


@pytest.fixture(scope="module")
def odd(copied: Copy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A bridge with incidents of odd references, all at once."""
    folder = tmp_path_factory.mktemp("odd")
    with operated(folder, copied(folder)) as bridge:
        for reference in ("a", "b", *ODD):
            bridge.receive(reference)
        yield bridge


def references(answer: dict) -> list[str]:
    return [each["reference_id"] for each in answer["incidents"]]


def acts(filled: Operated) -> list[tuple[str, str, str]]:
    """Return who did what about what, the first first."""
    with filled.world.engine.connect() as connection:
        return [
            tuple(row) for row in connection.execute(text('SELECT "by", act, about FROM acts ORDER BY id'))
        ]


def test_incidents_come_the_newest_first(seen: Operated) -> None:
    """The list begins with the incident that came last, and ends with the one that came first."""
    answer = seen.get("/incidents")
    expected = ["QDUE", "QRESOLVED", "QMOVED", "QGONE", "QLEFT", "QOPEN", "QPARKED"]
    assert (references(answer), answer["next_cursor"]) == (expected, None)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("open", {"QDUE", "QMOVED", "QOPEN", "QPARKED"}),
        ("resolved", {"QRESOLVED"}),
        ("due", {"QDUE"}),
        ("parked", {"QPARKED"}),
        ("left_out", {"QGONE", "QLEFT"}),
        ("overridden", {"QGONE", "QLEFT", "QMOVED"}),
    ],
)
def test_incidents_of_a_state(seen: Operated, state: str, expected: set[str]) -> None:
    """The filter by state finds exactly the incidents that name this state among theirs."""
    every = seen.get("/incidents")["incidents"]
    assert set(references(seen.get("/incidents", state=state))) == expected
    assert {each["reference_id"] for each in every if state in each["states"]} == expected
    assert state in STATES


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "QRES"}, ["QRESOLVED"]),
        ({"q": "QRESOLVED"}, ["QRESOLVED"]),
        ({"q": "mail IS"}, ["QRESOLVED"]),
        ({"q": "100%"}, []),
        ({"q": "is", "state": "resolved"}, ["QRESOLVED"]),
        ({"source": "pagerduty", "state": "parked"}, ["QPARKED"]),
        ({"source": "opsgenie"}, []),
        ({"source": "nosuch"}, []),
        ({"state": "parked", "source": "", "q": "", "limit": "", "cursor": ""}, ["QPARKED"]),
    ],
    ids=lambda each: ascii(each)[:60],
)
def test_incidents_found(seen: Operated, query: dict[str, str], expected: list[str]) -> None:
    """References are found from their beginning, names from anywhere, and all that is given has to hold."""
    assert references(seen.get("/incidents", **query)) == expected


def test_pages(seen: Operated) -> None:
    """Page after page shows each incident once, and the last has no cursor."""
    shown, query = [], {"limit": "2"}
    while True:
        answer = seen.get("/incidents", **query)
        assert len(answer["incidents"]) <= 2
        shown += references(answer)
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    assert (len(shown), set(shown)) == (7, set(NAMES))


def test_pages_while_incidents_arrive(filled: Operated) -> None:
    """What arrives between two pages neither repeats nor hides an incident on the second."""
    first = filled.get("/incidents", limit="3")
    filled.receive("QNEW")
    second = filled.get("/incidents", limit="200", cursor=first["next_cursor"])
    assert [*references(first), *references(second)] == [
        "QDUE",
        "QRESOLVED",
        "QMOVED",
        "QGONE",
        "QLEFT",
        "QOPEN",
        "QPARKED",
    ]


def test_a_full_last_page_has_no_cursor(seen: Operated) -> None:
    """A page that holds just all that there is does not promise another."""
    assert seen.get("/incidents", limit="7")["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "closed"}, "state"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "1_0"}, "limit"),
        ({"limit": "9" * 30}, "limit"),
        ({"limit": "\u0663"}, "limit"),
        ({"limit": ["1", "2"]}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "caf\u00e9"}, "cursor"),
        ({"cursor": "YmVmb3JlIDA"}, "cursor"),
        ({"cursor": "YmVmb3JlIDk5OTk5OTk5OTk5OTk5OTk5OTk"}, "cursor"),
        ({"q": "a\0b"}, "q"),
        ({"q": "a" * 201}, "q"),
        ({"source": "\0"}, "source"),
        ({"sate": "open"}, "sate"),
    ],
    ids=lambda each: ascii(each)[:60],
)
def test_a_wrong_query(seen: Operated, query: dict, field: str) -> None:
    """A query that means nothing is refused with 422, naming the parameter."""
    answer = seen.ask("GET", "/incidents", query_string=query)
    assert refusal(answer) == (422, "invalid")
    assert field in answer.get_json()["message"]


def test_an_unknown_parameter_is_told_with_the_nearest(seen: Operated) -> None:
    """A mistyped parameter is answered with the one that was meant."""
    answer = seen.ask("GET", "/incidents?sate=open")
    assert answer.get_json()["message"] == "'sate' is not known here; did you mean state."


def test_one_incident(seen: Operated) -> None:
    """An incident comes with what DX should hold, what it holds, and who says so."""
    told = seen.get("/incidents/QMOVED")
    assert told["desired"] == told["delivered"]
    assert told["desired"]["started_at"] == "2026-01-02T03:00:00Z"
    assert (told["action"], told["reason"], told["parked"], told["destination"]) == (
        "upsert",
        None,
        None,
        URL,
    )
    assert (told["started_at"], told["resolved_at"]) == ("2026-01-02T03:00:00.000Z", None)
    assert told["override"] == {
        "included": None,
        "started_at": "2026-01-02T03:00:00.000Z",
        "resolved_at": None,
        "at": told["acts"][0]["at"],
        "by": "command line",
    }


def test_the_history_of_an_incident(seen: Operated) -> None:
    """Calls, events and acts come with their times, the newest first, and events without bodies."""
    told = seen.get("/incidents/QGONE")
    assert [(each["method"], each["meaning"]) for each in told["calls"]] == [
        ("incidents.delete", "confirmed"),
        ("incidents.upsert", "confirmed"),
    ]
    [event] = told["events"]
    assert event.keys() == {"id", "key", "source", "received_at", "outcome", "reason"}
    assert (event["key"], event["source"], event["outcome"]) == ("E4", "pagerduty", "upsert")
    assert [(each["by"], each["act"]) for each in told["acts"]] == [("command line", "override")]


def test_an_incident_that_dx_no_longer_holds(seen: Operated) -> None:
    """Of a deleted incident the body of the deletion is desired, and nothing delivered."""
    told = seen.get("/incidents/QGONE")
    assert (told["action"], told["reason"]) == ("delete", "an operator excluded it")
    assert (told["desired"], told["delivered"]) == ({"reference_id": "QGONE"}, None)


def test_a_parked_incident(seen: Operated) -> None:
    """A parked incident tells DX's words."""
    told = seen.get("/incidents/QPARKED")
    assert (told["parked"], told["delivered"]) == ("invalid_arguments: started_at is wrong", None)


def test_times_have_milliseconds(filled: Operated) -> None:
    """Times are UTC, cut to milliseconds."""
    filled.receive("QFINE", created_at="2026-01-02T04:04:05.678999+01:00")
    assert filled.get("/incidents/QFINE")["started_at"] == "2026-01-02T03:04:05.678Z"


@pytest.mark.parametrize("reference", ODD, ids=lambda each: ascii(each)[:60])
def test_an_odd_reference(odd: Operated, reference: str) -> None:
    """Whatever a vendor's id holds, its incident is found, redelivered, corrected and not taken for another."""
    path = f"/incidents/{quote(reference, safe='')}"
    assert odd.get(path)["reference_id"] == reference
    assert odd.ask("POST", f"{path}/redeliver").status_code == 202
    assert odd.ask("PUT", f"{path}/override", json={"included": False}).status_code == 202
    assert odd.get(path)["override"]["included"] is False
    assert odd.ask("DELETE", f"{path}/override").status_code == 202
    assert [act for _, act, about in acts(odd) if about == reference] == [
        "redeliver",
        "override",
        "clear override",
    ]
    assert acts(odd)[-1][2] == reference


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/incidents/QNONE"),
        ("POST", "/incidents/QNONE/redeliver"),
        ("PUT", "/incidents/QNONE/override"),
        ("DELETE", "/incidents/QNONE/override"),
        ("POST", "/redeliver"),
        ("POST", "/events/1/refold"),
        ("POST", "/events/999999999999999999/refold"),
        ("POST", f"/events/{'9' * 5000}/refold"),
        ("POST", "/events/-1/refold"),
        ("POST", "/events/x/refold"),
        ("GET", "/incidents/%00"),
        ("GET", "/incidents/%ff"),
        ("GET", "/incidents/%ed%a0%80"),
        ("GET", f"/incidents/{'x' * 3000}"),
        ("GET", "/nosuch"),
        ("POST", "/sender/stop"),
    ],
)
def test_unknown_things(seen: Operated, method: str, path: str) -> None:
    """What is not there is answered 404 in a bounded answer, and no act is recorded."""
    before = acts(seen)
    body = {"references": ["QNONE"]} if path == "/redeliver" else {}
    answer = seen.ask(method, path, json=None if method == "GET" else body)
    assert refusal(answer)[0] == 404
    assert len(answer.data) < 500
    assert acts(seen) == before


def test_redeliver_one(filled: Operated) -> None:
    """A redelivered incident is due again, DX gets it, and the act is recorded as the API's."""
    answer = filled.ask("POST", "/incidents/QOPEN/redeliver")
    assert (answer.status_code, answer.get_json()["status"]) == (202, "accepted")
    assert "due" in filled.get("/incidents/QOPEN")["states"]
    filled.deliver()
    told = filled.get("/incidents/QOPEN")
    assert len(told["calls"]) == 2
    assert [(each["by"], each["act"]) for each in told["acts"]] == [("API", "redeliver")]


@pytest.mark.parametrize(
    ("body", "count", "due", "about"),
    [
        ({"references": ["QOPEN", "QPARKED", "QOPEN"]}, 2, "QDUE QOPEN QPARKED", ["QOPEN", "QPARKED"]),
        ({"parked": True}, 1, "QDUE QPARKED", ["parked=True"]),
        ({"parked": True, "source": "opsgenie"}, 0, "QDUE", ["parked=True source=opsgenie"]),
        ({"all": True}, 7, ALL_BUT_LEFT, ["all"]),
        ({"source": "pagerduty"}, 7, ALL_BUT_LEFT, ["source=pagerduty"]),
        ({"since": "2026-03-01T00:00:00+00:00"}, 7, ALL_BUT_LEFT, ["since=2026-03-01T00:00:00Z"]),
        ({"since": "2026-04-01T01:00:00+01:00"}, 0, "QDUE", ["since=2026-04-01T00:00:00Z"]),
    ],
    ids=lambda each: ascii(each)[:60],
)
def test_redeliver_a_selection(filled: Operated, body: dict, count: int, due: str, about: list[str]) -> None:
    """The selections are those of the command; each is recorded by what it selects."""
    before = len(acts(filled))
    answer = filled.ask("POST", "/redeliver", json=body)
    assert (answer.status_code, answer.get_json()["incidents"]) == (202, count)
    assert sorted(references(filled.get("/incidents", state="due"))) == due.split()
    assert acts(filled)[before:] == [("API", "redeliver", each) for each in about]


def test_redeliver_names_what_is_unknown(filled: Operated) -> None:
    """Of references some of which are unknown, the rest is sent, and those are named."""
    answer = filled.ask("POST", "/redeliver", json={"references": ["QOPEN", "QB", "QA"]})
    assert answer.get_json() == {"status": "accepted", "incidents": 1, "unknown_references": ["QA", "QB"]}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "references"),
        ({"all": False}, "all"),
        ({"all": 1}, "all"),
        ({"all": True, "parked": True}, "all"),
        ({"references": ["A"], "all": True}, "references"),
        ({"references": []}, "references"),
        ({"references": "QOPEN"}, "references"),
        ({"references": [1]}, "references.0"),
        ({"references": [""]}, "references.0"),
        ({"references": ["a\0"]}, "references.0"),
        ({"references": None}, "references"),
        ({"references": ["A"] * 1001}, "references"),
        ({"reference": ["A"]}, "references"),
        ({"parked": False}, "parked"),
        ({"parked": None}, "parked"),
        ({"since": "yesterday"}, "since"),
        ({"since": 1767322445}, "since"),
        ({"since": "2026-01-02T03:04:05"}, "since"),
        ({"since": ""}, "since"),
        ({"source": "nosuch"}, "source"),
        ({"source": ["pagerduty"]}, "source"),
        ({"parked": True, "sorce": "pagerduty"}, "source"),
    ],
    ids=lambda each: ascii(each)[:60],
)
def test_a_wrong_selection(seen: Operated, body: dict, named: str) -> None:
    """A selection that is none is refused with 422, naming the key, and nothing is recorded."""
    before = acts(seen)
    answer = seen.ask("POST", "/redeliver", json=body)
    assert refusal(answer) == (422, "invalid")
    assert named in answer.get_json()["message"]
    assert acts(seen) == before


def test_an_override_takes_the_place_of_the_last(filled: Operated) -> None:
    """PUT replaces the whole correction: what it does not name is as the vendor shows it again."""
    body = {"resolved_at": "2026-01-02T05:00:00+01:00"}
    assert filled.ask("PUT", "/incidents/QMOVED/override", json=body).status_code == 202
    told = filled.get("/incidents/QMOVED")
    assert (told["started_at"], told["resolved_at"]) == (
        "2026-01-02T03:04:05.000Z",
        "2026-01-02T04:00:00.000Z",
    )
    assert (told["override"]["started_at"], told["override"]["by"]) == (None, "API")
    assert told["desired"]["resolved_at"] == "2026-01-02T04:00:00Z"
    assert told["acts"][0] | {"at": ""} == {"at": "", "by": "API", "act": "override"}


def test_an_override_survives_later_events(filled: Operated) -> None:
    """An incident taken out stays out when its vendor speaks of it again."""
    assert filled.ask("PUT", "/incidents/QOPEN/override", json={"included": False}).status_code == 202
    filled.receive("QOPEN", status="resolved")
    assert filled.get("/incidents/QOPEN")["action"] == "delete"


@pytest.mark.parametrize(
    "act", [("DELETE", None), ("PUT", {}), ("PUT", dict.fromkeys(("included", "started_at")))]
)
def test_an_override_is_taken_back(filled: Operated, act: tuple[str, dict | None]) -> None:
    """DELETE takes a correction back, and so does PUT of one that corrects nothing."""
    method, body = act
    assert filled.ask(method, "/incidents/QMOVED/override", json=body).status_code == 202
    told = filled.get("/incidents/QMOVED")
    assert (told["override"], told["started_at"]) == (None, "2026-01-02T03:04:05.000Z")
    assert told["acts"][0]["act"] == "clear override"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"included": "yes"}, "included"),
        ({"included": 1}, "included"),
        ({"started_at": "2026-01-02"}, "started_at"),
        ({"started_at": "2026-01-02T03:04:05"}, "started_at"),
        ({"started_at": 1767322445}, "started_at"),
        ({"started_at": "1767322445"}, "started_at"),
        ({"started_at": "2026-02-30T00:00:00Z"}, "started_at"),
        ({"started_at": "1999-01-01T00:00:00Z"}, "started_at"),
        ({"started_at": "2099-01-01T00:00:00Z"}, "started_at"),
        ({"resolved_at": ""}, "resolved_at"),
        ({"resolved_at": {}}, "resolved_at"),
        ({"resolved_at": "2026-01-01T00:00:00Z"}, "before it starts"),
        ({"resolve_at": None}, "resolved_at"),
        ({"incl\u0000uded": True}, "included"),
        ({"x" * 1000: 1}, "known are included"),
    ],
    ids=lambda each: ascii(each)[:60],
)
def test_a_wrong_override(seen: Operated, body: dict, named: str) -> None:
    """A correction that cannot be is refused with 422, naming what is wrong, and nothing is recorded."""
    before = acts(seen)
    answer = seen.ask("PUT", "/incidents/QOPEN/override", json=body)
    assert refusal(answer) == (422, "invalid")
    assert named in answer.get_json()["message"]
    assert len(answer.data) < 500
    assert (acts(seen), seen.get("/incidents/QOPEN")["override"]) == (before, None)


BODIES = [
    (b"", 400),
    (b"{", 400),
    (b"[]", 400),
    (b"null", 400),
    (b'{"included": NaN}', 400),
    (b'{"included": "\\ud800"}', 400),
    (b"\xff", 400),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
    (b'{"a":"' + b"x" * 65_536 + b'"}', 413),
]


@pytest.mark.parametrize("path", ["/redeliver", "/incidents/QOPEN/override"])
@pytest.mark.parametrize(("body", "status"), BODIES, ids=lambda each: ascii(each)[:30])
def test_a_body_that_is_no_json_object(seen: Operated, path: str, body: bytes, status: int) -> None:
    """A body that is no JSON object, or over 64 KiB, is refused for that."""
    method = "POST" if path == "/redeliver" else "PUT"
    answer = seen.ask(method, path, data=body, content_type="application/json")
    assert refusal(answer)[0] == status


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "\u00ff"]
)
def test_another_content_type(seen: Operated, kind: str) -> None:
    """A body that does not call itself JSON is refused with 415."""
    answer = seen.ask("POST", "/redeliver", data=b'{"all": true}', content_type=kind)
    assert refusal(answer) == (415, "unsupported_type")


def test_a_large_body_of_unknown_length(filled: Operated) -> None:
    """A body over 64 KiB is refused where it does not tell its length, too, and nothing is done."""
    stream = BytesIO(b'{"all": true}' + b" " * 65_536)
    kind = {"Content-Type": "application/json", "Transfer-Encoding": "chunked", **RIGHT}
    assert refusal(filled.ask("POST", "/redeliver", kind, input_stream=stream)) == (413, "too_large")


def test_json_in_a_charset(filled: Operated) -> None:
    """A parameter of the content type does not matter."""
    kind = "application/json; charset=utf-8"
    assert filled.ask("POST", "/redeliver", data=b'{"all": true}', content_type=kind).status_code == 202


def test_refold(filled: Operated) -> None:
    """An event that led nowhere is folded again; the act is recorded."""
    with filled.world.engine.connect() as connection:
        [event_id] = connection.execute(text("SELECT id FROM events WHERE outcome = 'unmappable'")).scalars()
    assert filled.ask("POST", f"/events/{event_id}/refold").status_code == 202
    assert filled.get("/stats")["events"]["unfolded"] == 1
    assert acts(filled)[-1] == ("API", "refold", str(event_id))
    assert refusal(filled.ask("POST", f"/events/{event_id}/refold"))[0] == 404


def test_refold_of_an_event_that_led_to_an_incident(seen: Operated) -> None:
    """An event that led to an incident is not folded again."""
    event_id = seen.get("/incidents/QOPEN")["events"][0]["id"]
    assert refusal(seen.ask("POST", f"/events/{event_id}/refold"))[0] == 404


@pytest.mark.parametrize("act", ["pause", "resume"])
def test_sender_acts_are_recorded(filled: Operated, act: str) -> None:
    """Pause and resume are recorded as the API's."""
    assert filled.ask("POST", f"/sender/{act}").get_json() == {"status": "accepted"}
    assert acts(filled)[-1] == ("API", act, "")


@pytest.fixture
def doubled(filled: Operated) -> Operated:
    """A bridge in which two sources have an incident of one reference."""
    filled.receive("same")
    alert = {"alertId": "same", "message": "Database is slow", "createdAt": 1_767_323_045_000}
    filled.site.post("opsgenie", opsgenie(alert=alert))
    filled.fold()
    return filled


def test_one_of_two_incidents(doubled: Operated) -> None:
    """Where two sources have a reference, the newest is shown, or that of the source that is named."""
    assert doubled.get("/incidents/same")["source"] == "opsgenie"
    assert doubled.get("/incidents/same", source="pagerduty")["source"] == "pagerduty"
    assert refusal(doubled.ask("GET", "/incidents/same?source=jira"))[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_one_of_two_incidents_is_corrected(doubled: Operated, method: str) -> None:
    """A correction of one of two incidents has to name the source."""
    answer = doubled.ask(method, "/incidents/same/override", json={"included": False})
    assert refusal(answer) == (409, "ambiguous")
    assert "pagerduty, opsgenie" in answer.get_json()["message"]
    again = doubled.ask(method, "/incidents/same/override?source=pagerduty", json={"included": False})
    assert again.status_code == 202
    assert doubled.get("/incidents/same")["override"] is None


def test_an_incident_whose_events_could_not_be_folded(filled: Operated) -> None:
    """An incident without a state is told as it is, and cannot be corrected."""
    with filled.world.engine.begin() as connection:
        connection.execute(text("UPDATE incidents SET state = NULL, desired = NULL, started_at = NULL"))
    told = filled.get("/incidents/QDUE")
    assert (told["desired"], told["name"], told["started_at"]) == (None, None, None)
    answer = filled.ask("PUT", "/incidents/QDUE/override", json={"included": False})
    assert refusal(answer) == (404, "unknown")
    assert filled.ask("POST", "/incidents/QDUE/redeliver").status_code == 202


def test_a_policy_of_a_newer_version(filled: Operated) -> None:
    """Where the policy in force cannot be read, a correction is refused for now, saying what to do."""
    with filled.world.engine.begin() as connection:
        connection.execute(text("UPDATE policies SET document = '{\"new\": {}}'"))
    answer = filled.ask("PUT", "/incidents/QOPEN/override", json={"included": False})
    assert refusal(answer) == (503, "policy_unreadable")
    assert "dx-bridge apply" in answer.get_json()["message"]
    assert int(answer.headers["Retry-After"]) > 0


def test_history_is_bounded(filled: Operated) -> None:
    """Of a long history the newest two hundred events are told."""
    filled.receive("QLONG")
    with filled.world.engine.begin() as connection:
        latest = "SELECT max(id) FROM incidents"
        identifier = connection.execute(text(latest)).scalar_one()
        for number in range(250):
            values = {"key": f"X{number}", "id": identifier, "body": b"{}"}
            connection.execute(
                text(
                    "INSERT INTO events (source, key, received_at, body, folded, incident_id) "
                    "VALUES ('pagerduty', :key, 1, :body, true, :id)"
                ),
                values,
            )
    told = filled.get("/incidents/QLONG")["events"]
    assert (len(told), told[0]["key"], told[-1]["key"]) == (200, "X249", "X50")


def test_an_override_that_cannot_be_recorded(filled: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """A correction that fails is not recorded either: both are one transaction."""
    before = acts(filled)

    def fail(*_: object) -> None:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr("app.store.incidents.override", fail)
    answer = filled.ask("PUT", "/incidents/QOPEN/override", json={"included": False})
    assert refusal(answer) == (503, "database")
    assert acts(filled) == before
