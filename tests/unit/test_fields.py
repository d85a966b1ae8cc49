"""Reading vendors' JSON: times of any unit, loose texts and numbers, and what is wrong said in one sentence."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import fields

from mappers import MAPPERS, jsm, opsgenie, pagerduty, recognise
from mappers.fields import SECOND, HttpUrl, Identifier, Instant, Number, Text, VendorSchema, load
from mappers.observation import Observation, Service, Unmappable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = 1_704_067_200  # 2024-01-01T00:00:00Z
KEYS = [*pagerduty.IncidentData().fields, *opsgenie.Alert().fields]
FIRST, LAST = 946_684_800, 4_102_444_799  # 2000-01-01T00:00:00Z, 2099-12-31T23:59:59Z

zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=zones)  # noqa: DTZ001
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


class Inner(VendorSchema):
    """A nested object."""

    at = Instant()
    id = Identifier(required=True)


class Everything(VendorSchema):
    """One field of each kind."""

    at = Instant()
    id = Identifier()
    text = Text()
    number = Number()
    url = HttpUrl()
    inner = fields.Nested(Inner)
    each = fields.List(fields.Nested(Inner))


def read(key: str, value: Any) -> Any:
    """Read one value as the field of that name; "absent" where it counts as not given."""
    return load(Everything(), {key: value}).get(key, "absent")


def problem(body: Any) -> str:
    """Return the sentence that says what is wrong with a body."""
    with pytest.raises(Unmappable) as raised:
        load(Everything(), body)
    return str(raised.value)


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        (START, START * SECOND),
        (str(START), START * SECOND),
        (START * 1000 + 7, START * SECOND + 7_000_000),
        (str(START * 1000 + 7), START * SECOND + 7_000_000),
        (START * 10**6 + 7, START * SECOND + 7000),
        (START * SECOND + 7, START * SECOND + 7),
        (str(START * SECOND + 7), START * SECOND + 7),
        (1704067200.25, START * SECOND + SECOND // 4),
        (1704067200123.0, START * SECOND + 123_000_000),
        ("1704067200.123456789", START * SECOND + 123_456_789),
        ("01704067200", START * SECOND),
        ("2024-01-01T00:00:00Z", START * SECOND),
        ("2024-01-01T00:00:00.1Z", START * SECOND + 100_000_000),
        ("2024-01-01T00:00:00.123456789Z", START * SECOND + 123_456_789),
        ("2024-01-01T00:00:00.9999999999Z", START * SECOND + 999_999_999),
        ("2024-01-01T01:00:00+01:00", START * SECOND),
        ("2024-01-01T01:00:00.714+0100", START * SECOND + 714_000_000),
        ("2023-12-31T18:30:00-05:30", START * SECOND),
        ("2024-01-01T00:00:00-00:00", START * SECOND),
        ("2024-02-29T00:00:00Z", (START + 59 * 86400) * SECOND),
        (FIRST, FIRST * SECOND),
        ("2000-01-01T00:00:00Z", FIRST * SECOND),
        ("2099-12-31T23:59:59.999999999Z", (LAST + 1) * SECOND - 1),
        (None, None),
        ("", None),
        (0, None),
        (1.7040672e18, START * SECOND),
        ("2024-01-01t00:00:00z", START * SECOND),
    ],
)
def test_a_time_is_read_to_the_nanosecond(value: object, nanoseconds: int | None) -> None:
    """An epoch of any unit, also as a text, and ISO-8601 with a zone are exact; null and "" are no time."""
    assert read("at", value) == nanoseconds


NO_EPOCH = [-1, True, False, 1.5, float("nan"), float("inf"), "1e-9", "٢٠٢٤", "1" * 21, f"{START}\n"]
TOO_EARLY = [FIRST - 1, "1999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00+23:59"]
TOO_LATE = [LAST + 1, "2100-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"]
NO_ISO = ["now", "2024-01-01", "2024-01-01T00:00:00.Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00Z\n"]
NO_ZONE = ["2024-01-01T00:00:00", "2024-01-01T00:00:00+25:00", "2024-01-01T00:00:00+1"]
NO_DAY = ["2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-01T24:01:00Z"]


@pytest.mark.parametrize("value", [*NO_EPOCH, *TOO_EARLY, *TOO_LATE, *NO_ISO, *NO_ZONE, *NO_DAY, [], {}])
def test_what_is_no_time_is_refused(value: object) -> None:
    """A time without a zone, an impossible one and one outside of 2000 to 2099 are wrong, not guessed."""
    assert problem({"at": value}).startswith("at: Not a time")


@settings(deadline=None)
@given(st.integers(FIRST, LAST), st.sampled_from([1, 10**3, 10**6, 10**9]), st.sampled_from([int, str]))
def test_an_epochs_unit_shows_in_its_magnitude(
    second: int, unit: int, write: Callable[[int], object]
) -> None:
    """Seconds, milli-, micro- and nanoseconds of one moment are the same time, as numbers and as texts."""
    assert read("at", write(second * unit)) == second * SECOND


@settings(deadline=None)
@given(moments)
def test_an_iso_time_is_what_datetime_reads(moment: datetime) -> None:
    """In any zone and to the microsecond, ISO-8601 gives the moment that `datetime` gives."""
    assert read("at", moment.isoformat()) == (moment - EPOCH) // timedelta(microseconds=1) * 1000


@settings(deadline=None)
@given(moments, st.integers(0, SECOND - 1), st.text("0123456789", max_size=8))
def test_nanoseconds_survive_and_more_is_cut(moment: datetime, nanosecond: int, more: str) -> None:
    """Nine digits of a fraction are kept as they are; the tenth does not round the ninth."""
    text = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{nanosecond:09}{more}Z"
    assert read("at", text) == (moment - EPOCH) // timedelta(seconds=1) * SECOND + nanosecond


TEXTS = [("Disk full", "Disk full"), (" padded ", " padded "), (7, "7"), (1.5, "1.5"), ("é\n", "é\n")]
CLEARED = [("", None), (" \t\n", None), (None, None)]


@pytest.mark.parametrize(("value", "text"), [*TEXTS, *CLEARED])
def test_a_text_is_kept_as_it_came(value: object, text: str | None) -> None:
    """A number becomes its digits; null and blank are cleared."""
    assert read("text", value) == text


@pytest.mark.parametrize("value", [True, False, [], {}, ["Disk full"]])
def test_what_is_no_text_is_refused(value: object) -> None:
    """A boolean, a list and an object are not texts."""
    assert problem({"text": value}) == "text: Not a valid string."


NUMBERS = [(0, 0), (42, 42), ("42", 42), ("0042", 42), (10**18 - 1, 10**18 - 1), (None, None)]
NO_NUMBERS = [True, False, -1, 1.5, "", "x", "4 2", "٤", 10**18, [], {}, [1]]


@pytest.mark.parametrize(("value", "number"), [*NUMBERS, *((value, "absent") for value in NO_NUMBERS)])
def test_a_number_is_whole_or_not_given(value: object, number: object) -> None:
    """Digits count, as a number or a text; anything else says nothing, and null clears."""
    assert read("number", value) == number


@pytest.mark.parametrize("url", ["https://example.org/?b#c", "http://a.org", "HTTPS://EXAMPLE.ORG/é", None])
def test_an_http_url_is_taken(url: str | None) -> None:
    """Both http and https are taken, in any case, as they are; null clears."""
    assert read("url", url) == url


OTHER_SCHEMES = ["javascript:alert(1)", "data:text/html,x", "ftp://example.org", "jav\tascript:https://x"]
NOT_ABSOLUTE = ["", "//example.org", "/incidents/1", "https://", "https:example.org", " https://example.org"]
BROKEN = ["https://example.org/ x", "https://example.org\n", 7, True, [], {"url": "https://example.org"}]


@pytest.mark.parametrize("value", [*OTHER_SCHEMES, *NOT_ABSOLUTE, *BROKEN])
def test_any_other_url_is_not_given(value: object) -> None:
    """A page may link to it: any other scheme says nothing at all."""
    assert read("url", value) == "absent"


@pytest.mark.parametrize("value", ["P", "PGR0VU2", "a" * 255, "1f9b-1700000000000", "ünïcode", "a/b?c"])
def test_an_id_is_kept_as_it_is(value: str) -> None:
    """1 to 255 printable characters identify an incident; their form is the vendor's business."""
    assert read("id", value) == value


@pytest.mark.parametrize(
    "value", ["", " ", "a b", "a\n", "\x00", "a\x7f", "a" * 256, "a" * 255 + "\n", None, 7, True, [], {}]
)
def test_what_is_no_id_is_refused(value: object) -> None:
    """An id that is blank, too long, with white space or not a text is wrong."""
    assert problem({"id": value}).startswith("id: ")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"inner": {}}, "inner.id: Missing data for required field."),
        ({"inner": "x"}, "inner: Invalid input type."),
        ({"each": [{"id": "a"}, {}]}, "each.1.id: Missing data for required field."),
        ({"each": "x"}, "each: Not a valid list."),
        ({"text": [], "inner": {"id": 1}}, "text: Not a valid string.; inner.id: Not a valid string."),
        ([], "body: Invalid input type."),
    ],
)
def test_each_wrong_place_is_named(body: object, sentence: str) -> None:
    """One sentence names every wrong place by its path."""
    assert problem(body) == sentence


def test_unknown_keys_are_passed_over() -> None:
    """Vendors add keys at any time, in nested objects, too."""
    assert load(Everything(), {"x": 1, "inner": {"id": "a", "y": {}}}) == {"inner": {"id": "a"}}


@pytest.mark.parametrize("vendor", MAPPERS)
@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), anything), anything)
def test_no_value_makes_a_mapper_fail(vendor: str, said: dict[str, Any], other: object) -> None:
    """Whatever stands under the keys that are read, it is read, ignored or refused in words."""
    record = {"id": "A", "alertId": "A", "type": "incident", "message": "m", **said}
    body = {"action": other, "event": {"event_type": other, "data": record}, "alert": record}
    with suppress(Unmappable):
        assert MAPPERS[vendor].from_webhook(body) is not None


@pytest.mark.parametrize("odd", ["a,b", {"a": 1}, 7, [[]], True])
@pytest.mark.parametrize("key", ["tags", "responders", "message", "entity"])
def test_an_odd_side_remark_costs_no_resolution(key: str, odd: object) -> None:
    """What is neither id nor time may be as odd as it likes: a Close still closes."""
    seen = opsgenie.from_webhook({"action": "Close", "alert": {"alertId": "A", "alias": "a", key: odd}})
    assert isinstance(seen, Observation)
    assert seen.resolves


@pytest.mark.parametrize(
    ("details", "services"),
    [
        ({"service": ["a"]}, None),
        ({"service": {"a": 1}}, None),
        ({"service": 7}, (Service(name="7"),)),
    ],
)
def test_only_texts_name_services(details: object, services: object) -> None:
    """Lists and maps in the free details name no service."""
    seen = opsgenie.from_webhook({"alert": {"alertId": "A", "message": "m", "details": details}})
    assert isinstance(seen, Observation)
    assert seen.fields.get("services") == services


def test_teams_without_names_erase_none() -> None:
    """An event whose team responders carry no names says nothing of teams; one without any clears them."""
    unnamed = {"alertId": "A", "message": "m", "responders": [{"type": "team", "id": "T1"}]}
    seen = opsgenie.from_webhook({"alert": unnamed})
    cleared = opsgenie.from_webhook({"alert": {**unnamed, "responders": []}})
    assert isinstance(seen, Observation)
    assert isinstance(cleared, Observation)
    assert "teams" not in seen.fields
    assert cleared.fields["teams"] is None


@pytest.mark.parametrize("body", [{"alert": {"alertId": "A"}}, {"action": "Create"}, {}])
def test_jsm_claims_no_body(body: dict[str, Any]) -> None:
    """JSM's bodies are Opsgenie's, so a source has to be named for them."""
    assert not jsm.recognises(body)


PAGERDUTY = [({"event": {"data": 1}}, "pagerduty"), ({"messages": []}, "pagerduty")]
UNCLAIMED = [({"alert": "x"}, None), ({"event": {}}, None), ({}, None)]


@pytest.mark.parametrize(("body", "vendor"), [({"alert": {}}, "opsgenie"), *PAGERDUTY, *UNCLAIMED])
def test_a_vendor_is_recognised_by_its_body(body: dict[str, Any], vendor: str | None) -> None:
    """The envelope tells the vendor; what nobody claims has none."""
    assert recognise(body) == vendor


def test_a_refused_value_does_not_appear_in_a_validation_error() -> None:
    """The sentence names the place and not the value, which may be private."""
    assert "hunter2" not in problem({"at": "hunter2", "id": ["hunter2"], "text": {"hunter2": 1}})
