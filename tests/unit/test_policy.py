"""What DX should hold for an incident, and what is sent so that it does."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.config import read_config
from app.document import Document, request, timestamp
from app.policy import METADATA as ALL_METADATA
from app.policy import Policy, SourcePolicy, document, slug
from app.view import Incident
from mappers import MAPPERS
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


def mapped(policy: Policy, fields: dict[str, Value] | None = None, **parts: Any) -> dict[str, Any]:
    """Return the values of the document under this policy."""
    return document("pagerduty", "PGR0VU2", incident(fields, **parts), None, policy).values


API = Service("PF9KMXH", "API Service")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"PF9KMXH": ("payments",)}, ["payments"]),
        ({"API Service": ("gateway",)}, ["gateway"]),
        ({"PF9KMXH": ("payments",), "API Service": ("gateway",)}, ["payments"]),
        ({"API Service": ("gateway", "edge")}, ["gateway", "edge"]),
        ({"PF9KMXH": ("edge", "edge")}, ["edge"]),
        ({"api-service": ("other",), "pf9kmxh": ("other",)}, ["api-service"]),
        ({"PF9KMXH": ()}, []),
        ({}, ["api-service"]),
    ],
)
def test_a_service_is_mapped_by_its_id_then_by_its_name(
    table: dict[str, tuple[str, ...]], expected: list[str]
) -> None:
    """The id wins over the name, one service may be several in DX or none, and nothing else is a key."""
    sent = mapped(Policy(services=table), {"services": (API,)}).get("services", [])
    assert sent == [{"identifier": each, "name": "API Service"} for each in expected]


@pytest.mark.parametrize(
    ("unmapped", "service", "expected"),
    [
        ("slug", Service("P1", "API Service"), ("api-service",)),
        ("slug", Service("P1", "日本"), ("P1",)),
        ("slug", Service("P1"), ("P1",)),
        ("slug", Service(None, "日本"), ("日本",)),
        ("id", Service("P1", "API Service"), ("P1",)),
        ("id", Service(None, "API Service"), ("api-service",)),
        ("id", Service(None, "日本"), ("日本",)),
        ("omit", Service("P1", "API Service"), ()),
        ("slug", Service(), ()),
        ("id", Service("", ""), ()),
    ],
)
def test_a_service_that_is_not_mapped_is_as_the_policy_says(
    unmapped: Any, service: Service, expected: tuple[str, ...]
) -> None:
    """Its slug, its id, or nothing; what is missing of the one is taken from the other."""
    assert Policy(unmapped=unmapped).identifiers(service) == expected


@pytest.mark.parametrize("unmapped", ["slug", "id", "omit"])
def test_a_mapped_service_does_not_mind_the_others(unmapped: Any) -> None:
    """What is mapped is mapped, whatever becomes of what is not."""
    policy = Policy(unmapped=unmapped, services={"P1": ("payments",)})
    sent = mapped(policy, {"services": (Service("P1"), Service("P2"))})["services"]
    assert sent[0] == {"identifier": "payments"}
    assert len(sent) == (1 if unmapped == "omit" else 2)


def test_two_services_of_one_identifier_are_one() -> None:
    """An identifier is sent once, with the name of the service that came first."""
    policy = Policy(services={"P1": ("edge", "api"), "P2": ("api", "db")})
    given = (Service("P1", "One"), Service("P2", "Two"))
    assert mapped(policy, {"services": given})["services"] == [
        {"identifier": "edge", "name": "One"},
        {"identifier": "api", "name": "One"},
        {"identifier": "db", "name": "Two"},
    ]


def test_services_that_are_all_left_out_are_unknown() -> None:
    """Where no service is left the key is left out, and erased where it was sent before."""
    policy = Policy(unmapped="omit")
    made = document("pagerduty", "Q1", incident({"services": (API,)}), None, policy)
    assert ("services" in made.values, request(made, frozenset({"services"}))["services"]) == (False, [])


@pytest.mark.parametrize(
    ("priority", "sent"),
    [("SEV-1", "p1"), ("SEV-2", "SEV-2"), ("sev-1", "sev-1"), ("SEV-9", None), (None, None)],
)
def test_a_priority_is_renamed_passed_on_or_left_out(priority: str | None, sent: str | None) -> None:
    """A listed priority is DX's, an unlisted one the vendor's, an empty one is left out."""
    fields: dict[str, Value] = {} if priority is None else {"priority": priority}
    assert mapped(Policy(priorities={"SEV-1": "p1", "SEV-9": ""}), fields).get("priority") == sent


@pytest.mark.parametrize(
    ("chosen", "rename", "told"),
    [
        (("urgency", "number"), {}, {"urgency": "high", "number": 42}),
        (("urgency",), {"urgency": "pd_urgency"}, {"pd_urgency": "high"}),
        (
            ("urgency", "kind"),
            {"urgency": "kind", "kind": "urgency"},
            {"kind": "high", "urgency": "incident"},
        ),
        (("urgency",), {"number": "urgency"}, {"urgency": "high"}),
        (("merged_into",), {}, None),
        ((), {}, None),
    ],
)
def test_metadata_is_chosen_and_renamed(
    chosen: tuple[str, ...], rename: dict[str, str], told: dict[str, object] | None
) -> None:
    """Only the chosen keys are sent, by their new names; where none of them is known the key is left out."""
    assert mapped(Policy(metadata=chosen, rename=rename), METADATA).get("metadata") == told


@pytest.mark.parametrize(
    ("source", "sources", "reference"),
    [
        ("pagerduty", {}, "Q1"),
        ("opsgenie", {}, "Q1"),
        ("jsm", {}, "Q1"),
        ("jira", {}, "jira-Q1"),
        ("eu", {"eu": SourcePolicy("pagerduty", "eu-")}, "eu-Q1"),
        ("eu", {"eu": SourcePolicy("jira", "eu-")}, "eu-jira-Q1"),
        ("eu", {"eu": SourcePolicy("opsgenie")}, "Q1"),
        ("jira", {"jira": SourcePolicy("jira", "a:")}, "a:jira-Q1"),
        ("pagerduty", {"eu": SourcePolicy("pagerduty", "eu-")}, "Q1"),
        ("gone", {}, "Q1"),
    ],
)
def test_a_reference_begins_with_its_sources_prefix(
    source: str, sources: dict[str, SourcePolicy], reference: str
) -> None:
    """A source's own prefix comes before the vendor's, and concerns that source alone."""
    assert document(source, "Q1", incident(), None, Policy(sources=sources)).reference_id == reference


def test_two_sources_of_one_vendor_are_told_apart() -> None:
    """The same vendor id from two sources is two incidents, and the metadata says whose each is."""
    policy = Policy(sources={"eu": SourcePolicy("pagerduty", "eu-")})
    made = [document(source, "Q1", incident(), None, policy) for source in ("pagerduty", "eu")]
    assert [(each.reference_id, each.values["metadata"]["source"]) for each in made] == [  # type: ignore[index]
        ("Q1", "pagerduty"),
        ("eu-Q1", "eu"),
    ]


@pytest.mark.parametrize("name", [*MAPPERS, "eu", "gone"])
def test_a_policy_knows_its_own_sources_and_the_built_in_ones(name: str) -> None:
    """A built-in source is known without being named; another one only where it is."""
    own = SourcePolicy("jira", "eu-")
    found = Policy(sources={"eu": own}).source(name)
    assert found == {"eu": own, "gone": None}.get(name, SourcePolicy(name))


def test_what_nobody_knows_of_is_told_by_its_metadata_alone() -> None:
    """Of an incident that only Associated alerts have named, no field is told, not even under a policy."""
    fields: dict[str, Value] = {"name": "Disk full", "priority": "P1", "source_url": "https://example.com"}
    made = document("opsgenie", "A", incident(fields, known=False), PAGE, Policy(priorities={"P1": "p1"}))
    assert [*made.values] == ["metadata"]


KEY = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True) | st.text(max_size=4)
FILE = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.lists(st.sampled_from(ALL_METADATA), unique=True),
        "rename": st.dictionaries(st.sampled_from(ALL_METADATA), KEY, max_size=4),
    },
)


@given(FILE, st.sets(st.sampled_from(sorted(METADATA))), st.booleans())
def test_no_policy_makes_metadata_that_dx_refuses(table: dict[str, Any], known: set[str], more: bool) -> None:
    """Every policy that is read sends only keys that DX takes, one for each chosen key that is known."""
    config, _ = read_config({"incidents": table})
    parts: dict[str, Any] = {
        "acknowledged_at": START,
        "merged": True,
        "merged_into": "Q2",
        "approximate": True,
    }
    fields = {key: METADATA[key] for key in known}
    told = mapped(config.policy, fields, **(parts if more else {})).get("metadata", {})
    every = {"source", "kind", *known, *(("acknowledged_at", "merged_into", "approximate") if more else ())}
    assert [key for key in told if not re.fullmatch("[A-Za-z0-9_-]+", key)] == []
    assert len(told) == len(every & {*config.policy.metadata})
