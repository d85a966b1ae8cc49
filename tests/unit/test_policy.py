"""What DX should hold for an incident, and what is sent so that it does."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.document import Document, request, timestamp
from app.policy import document, slug
from app.view import Incident
from mappers.fields import SECOND
from mappers.observation import Service, Value

START = 1_704_108_153 * SECOND  # 2024-01-01T11:22:33Z
STARTED = "2024-01-01T11:22:33Z"
PAGE = "https://app.opsgenie.com/alert/detail/A/details"


def incident(fields: dict[str, Value] | None = None, **parts: Any) -> Incident:
    """Make an open incident of which nothing but the start is known, apart from what is given."""
    known: dict[str, Any] = {
        "kind": "incident",
        "started_at": START,
        "resolved_at": None,
        "fields": fields or {},
        "acknowledged_at": None,
        "merged": False,
        "merged_into": None,
        "deleted": False,
        "approximate": False,
        "known": True,
    }
    return Incident(**(known | parts))


def values(fields: dict[str, Value] | None = None, **parts: Any) -> dict[str, Any]:
    """Return the values of the document for such an incident."""
    return document("pagerduty", "PGR0VU2", incident(fields, **parts), None).values


def services(*given: Service | str) -> object:
    """Return the services of the document for an incident with these; None where it has none."""
    return values({"services": given}).get("services")  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("API Service", "api-service"),
        ("api-service", "api-service"),
        ("  API -- Service!  ", "api-service"),
        ("API_Service/v2.1", "api-service-v2-1"),
        ("Zürich Café", "zurich-cafe"),
        ("e\u0301tage", "etage"),
        ("ﬁnance №5", "finance-no5"),
        ("Ⅷ ²", "viii-2"),
        ("API 日本 Service", "api-service"),
        ("API\u00a0Service\n", "api-service"),
        ("日本語", ""),
        ("🔥", ""),
        ("---", ""),
        ("", ""),
    ],
)
def test_a_slug_is_plain(name: str, expected: str) -> None:
    """NFKD, ASCII, lower case, one dash for a run of anything else, trimmed."""
    assert slug(name) == expected


@settings(deadline=None)
@given(st.text(st.characters()))
def test_a_slug_has_no_other_characters(name: str) -> None:
    """Whatever the name, its slug is words of a-z and 0-9 with single dashes between them."""
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug(name))


@settings(deadline=None)
@given(st.text())
def test_the_slug_of_a_slug_is_itself(name: str) -> None:
    """An identifier that is mapped again stays the same."""
    assert slug(slug(name)) == slug(name)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (START, STARTED),
        (START + 1, STARTED),
        (START + SECOND - 1, STARTED),
        (START + SECOND, "2024-01-01T11:22:34Z"),
        (4_102_444_800 * SECOND - 1, "2099-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_cut_to_seconds(instant: int, text: str) -> None:
    """Times are UTC with `Z`, whole seconds, never rounded up."""
    assert timestamp(instant) == text


@settings(deadline=None)
@given(st.integers(946_684_800 * SECOND, 4_102_444_800 * SECOND - 1))
def test_no_time_moves_by_a_second(instant: int) -> None:
    """What is written is the second that the instant lies in."""
    written = datetime.strptime(timestamp(instant), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 0 <= instant - int(written.timestamp()) * SECOND < SECOND


@pytest.mark.parametrize(
    ("resolved_at", "text"), [(None, None), (START + SECOND - 1, STARTED), (0, "1970-01-01T00:00:00Z")]
)
def test_a_document_has_its_reference_and_times(resolved_at: int | None, text: str | None) -> None:
    """The vendor's id, the start and the end are always there; an open incident has no end."""
    made = document("pagerduty", "PGR0VU2", incident(resolved_at=resolved_at), None)
    assert (made.reference_id, made.started_at, made.resolved_at) == ("PGR0VU2", STARTED, text)


@pytest.mark.parametrize("key", ["name", "priority", "source_url"])
def test_a_field_is_there_where_it_is_known(key: str) -> None:
    """A known field is passed on as it is."""
    assert values({key: "as given"})[key] == "as given"


def test_of_an_unknown_incident_nothing_but_its_origin_is_told() -> None:
    """What is not known is left out, so that DX keeps what it has."""
    assert values() == {"metadata": {"source": "pagerduty", "kind": "incident"}}


@pytest.mark.parametrize(("own", "url"), [(None, PAGE), ("https://example.org/7", "https://example.org/7")])
def test_a_bodys_own_link_goes_first(own: str | None, url: str) -> None:
    """The page worked out from the id serves only where the vendor's bodies carry none."""
    fields: dict[str, Value] = {"source_url": own} if own else {"name": "Disk full"}
    assert document("opsgenie", "A", incident(fields), PAGE).values["source_url"] == url


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([Service("PF9KMXH", "API Service")], [{"identifier": "api-service", "name": "API Service"}]),
        ([Service(name="API Service")], [{"identifier": "api-service", "name": "API Service"}]),
        ([Service(id="PF9KMXH")], [{"identifier": "PF9KMXH"}]),
        ([Service("PF9KMXH", "日本語")], [{"identifier": "PF9KMXH", "name": "日本語"}]),
        ([Service(name="日本語")], [{"identifier": "日本語", "name": "日本語"}]),
        ([Service("PF9KMXH", "")], [{"identifier": "PF9KMXH"}]),
        ([Service("b"), Service("a")], [{"identifier": "b"}, {"identifier": "a"}]),
        ([Service("a"), Service("a")], [{"identifier": "a"}]),
        ([Service("1", "API"), Service("2", "Api")], [{"identifier": "api", "name": "API"}]),
        ([Service(), Service("a")], [{"identifier": "a"}]),
        ([Service()], None),
        ([], None),
        (["a text"], None),
    ],
)
def test_a_service_is_its_names_slug_or_its_id(given: list[Service | str], sent: object) -> None:
    """Each service has one identifier, each identifier comes once, and none at all leaves the key out."""
    assert services(*given) == sent


@pytest.mark.parametrize("value", ["API Service", 7])
def test_services_that_are_no_list_are_left_out(value: Value) -> None:
    """A text or number in the place of services says nothing."""
    assert "services" not in values({"services": value})


METADATA: dict[str, Value] = {
    "urgency": "high",
    "teams": ("Ops", "Edge"),
    "number": 42,
    "incident_type": "incident_default",
    "escalation_policy": "Default",
    "tags": ("eu",),
    "entity": "db-7",
    "alias": "disk",
}


@pytest.mark.parametrize("key", METADATA)
def test_metadata_has_what_is_known(key: str) -> None:
    """Each known field of the metadata is there as it is, beside source and kind, and no other."""
    told = values({key: METADATA[key]})["metadata"]
    assert told == {"source": "pagerduty", "kind": "incident", key: METADATA[key]}


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"acknowledged_at": START + SECOND - 1}, {"acknowledged_at": STARTED}),
        ({"acknowledged_at": 0}, {"acknowledged_at": "1970-01-01T00:00:00Z"}),
        ({"merged": True, "merged_into": "PT4KHLK"}, {"merged_into": "PT4KHLK"}),
        ({"merged": True}, {}),
        ({"approximate": True}, {"approximate": True}),
        ({"deleted": True}, {}),
    ],
)
def test_metadata_has_what_is_worked_out(parts: dict[str, Any], told: dict[str, object]) -> None:
    """Acknowledgement, merge target and approximation are told where they hold, and left out otherwise."""
    assert values(**parts)["metadata"] == {"source": "pagerduty", "kind": "incident", **told}


def test_metadata_names_the_source_and_the_kind() -> None:
    """The name of the source, and whether it is an alert or an incident, are always told."""
    made = document("opsgenie-eu", "A", incident(kind="alert"), None)
    assert made.values["metadata"] == {"source": "opsgenie-eu", "kind": "alert"}


def test_metadata_keys_are_those_that_dx_takes() -> None:
    """DX refuses any key that is not made of letters, digits, dashes and underscores."""
    told = values(METADATA, acknowledged_at=START, merged_into="P", merged=True, approximate=True)["metadata"]
    assert [key for key in told if not re.fullmatch("[A-Za-z0-9_-]+", key)] == []


@pytest.mark.parametrize("resolved_at", [None, STARTED])
def test_a_request_carries_the_whole_document(resolved_at: str | None) -> None:
    """Everything known is sent each time, and `resolved_at` even where it is null."""
    wanted = Document("PGR0VU2", STARTED, resolved_at, {"name": "Disk full"})
    times = {"started_at": STARTED, "resolved_at": resolved_at}
    assert request(wanted) == {"reference_id": "PGR0VU2", **times, "name": "Disk full"}


@pytest.mark.parametrize(
    ("ever_sent", "gone"),
    [
        (set(), {}),
        ({"reference_id", "started_at", "resolved_at", "name"}, {}),
        ({"priority"}, {"priority": None}),
        ({"services"}, {"services": []}),
        ({"metadata", "source_url"}, {"metadata": None, "source_url": None}),
    ],
)
def test_a_key_once_sent_is_erased(ever_sent: set[str], gone: dict[str, object]) -> None:
    """A key that DX was ever told and that has no value now is sent as null, services as []."""
    wanted = Document("PGR0VU2", STARTED, STARTED, {"name": "Disk full"})
    assert request(wanted, frozenset(ever_sent)) == {**request(wanted), **gone}
