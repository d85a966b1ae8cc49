"""Whether DX should hold an incident: every case against the contract's sentences, said in another way."""

from dataclasses import replace
from itertools import chain, combinations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.decide import NEW, Override, Standing, Wanted, decide
from app.document import request
from app.policy import ISSUE_TYPES, RETRACTABLE, Policy, SourcePolicy
from app.rules import Rule, compile_rule
from app.view import Incident
from mappers.fields import SECOND
from mappers.observation import Service, Value

START = 1_704_108_153 * SECOND  # 2024-01-01T11:22:33Z
BLANK = Incident("incident", START, None, {}, None, False, None, False, False, True)
TRUE, FALSE = compile_rule('status != ""'), compile_rule('status == ""')
FAILS = compile_rule('metadata["nothing"] == "a"')


def judged(policy: Policy, shown: Incident = BLANK, source: str = "pagerduty", **standing: Any) -> Wanted:
    """Return what is to be done about an incident of this source."""
    return decide(policy, (source, "Q1"), shown, None, Standing(**standing))


def included(rule: str, shown: Incident = BLANK, source: str = "pagerduty", **parts: Any) -> bool:
    """Tell whether a rule includes an incident that DX does not hold."""
    return judged(Policy(include=compile_rule(rule), **parts), shown, source).action == "upsert"


RULES: dict[str, Rule | None] = {"none": None, "true": TRUE, "false": FALSE, "fails": FAILS}
ISSUES = {"Incident": True, "[system] INCIDENT": True, "Bug": False, "": False, None: False}
RETRACT = [frozenset(each) for each in chain(*(combinations(RETRACTABLE, size) for size in range(4)))]
OVERRIDES = (None, True, False)


def should(
    *, included: bool | None, facts: set[str], retract: frozenset[str], ruled_in: bool, in_dx: bool
) -> str:
    """Say what the contract says: an operator goes first; then what `retract` names; inclusion is sticky."""
    if included is None:
        named = (facts | (set() if ruled_in else {"excluded"})) & retract
        wanted, taken_out = ruled_in and not named, bool(named)
    else:
        wanted, taken_out = included, not included
    return "upsert" if wanted or (in_dx and not taken_out) else "delete" if in_dx else "none"


@pytest.mark.parametrize("in_dx", [False, True])
@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize(("general", "own"), [*product(RULES, RULES)])
def test_every_case_is_as_the_contract_says(
    general: str, own: str, override: bool | None, in_dx: bool
) -> None:
    """Rules, merged, deleted, retraction, an operator's word and what DX holds decide together."""
    for merged, deleted, retract in product((False, True), (False, True), RETRACT):
        policy = Policy(
            include=RULES[general],
            retract=retract,
            sources={"pagerduty": SourcePolicy("pagerduty", include=RULES[own])},
        )
        facts = {name for name, holds in (("merged", merged), ("deleted", deleted)) if holds}
        expected = should(
            included=override,
            facts=facts,
            retract=retract,
            ruled_in="false" not in (general, own),
            in_dx=in_dx,
        )
        shown = replace(BLANK, merged=merged, deleted=deleted)
        made = judged(policy, shown, override=Override(override), in_dx=in_dx)
        assert (facts, retract, made.action) == (facts, retract, expected)


@pytest.mark.parametrize("in_dx", [False, True])
@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize(("issue_type", "counts"), ISSUES.items())
def test_only_the_issue_types_that_count_are_incidents(
    issue_type: str | None, counts: bool, override: bool | None, in_dx: bool
) -> None:
    """An issue of another type, or of none, is left out like by a rule; letter case does not matter."""
    fields: dict[str, Value] = {} if issue_type is None else {"incident_type": issue_type}
    for retract, (name, rule) in product(RETRACT, RULES.items()):
        expected = should(
            included=override, facts=set(), retract=retract, ruled_in=counts and name != "false", in_dx=in_dx
        )
        shown = replace(BLANK, fields=fields)
        policy = Policy(include=rule, retract=retract)
        made = judged(policy, shown, "jira", override=Override(override), in_dx=in_dx)
        assert (retract, name, made.action) == (retract, name, expected)


@pytest.mark.parametrize(
    ("types", "counted"), [(ISSUE_TYPES, {"Incident"}), (("bug",), {"Bug"}), ((), set())]
)
def test_each_source_has_issue_types_of_its_own(types: tuple[str, ...], counted: set[str]) -> None:
    """Which types count is said for one source, and for Jira's alone."""
    policy = Policy(sources={"jira-eu": SourcePolicy("jira", issue_types=types)})
    shown = {kind: replace(BLANK, fields={"incident_type": kind}) for kind in ("Incident", "Bug")}
    found = {kind for kind, each in shown.items() if judged(policy, each, "jira-eu").action == "upsert"}
    others = [
        judged(policy, shown["Bug"], source).action for source in ("pagerduty", "jsm", "opsgenie", "jira")
    ]
    assert (found, others) == (counted, ["upsert", "upsert", "upsert", "none"])


@pytest.mark.parametrize(
    ("policy", "shown", "standing", "reason"),
    [
        (Policy(), BLANK, {}, ""),
        (Policy(include=FALSE), BLANK, {}, "include is false"),
        (Policy(include=FALSE), BLANK, {"in_dx": True}, "include is false"),
        (Policy(), BLANK, {"override": Override(included=False)}, "an operator excluded it"),
        (Policy(retract=frozenset({"merged"})), replace(BLANK, merged=True), {}, "merged"),
        (Policy(retract=frozenset({"deleted"})), replace(BLANK, deleted=True), {"in_dx": True}, "deleted"),
        (
            Policy(sources={"pagerduty": SourcePolicy("pagerduty", include=FALSE)}),
            BLANK,
            {},
            "[sources.pagerduty] include is false",
        ),
    ],
)
def test_the_reason_says_what_left_it_out(
    policy: Policy, shown: Incident, standing: dict[str, Any], reason: str
) -> None:
    """Whatever is left out, taken out, or kept although it is excluded, has a reason; the rest has none."""
    assert judged(policy, shown, **standing).reason == reason


def test_the_reason_names_the_issue_type() -> None:
    """An issue that does not count is left out with its type."""
    made = judged(Policy(), replace(BLANK, fields={"incident_type": "Bug"}), "jira")
    assert made.reason == 'issue type "Bug" does not count'


@pytest.mark.parametrize(
    ("general", "own", "told"),
    [
        (TRUE, TRUE, ""),
        (FAILS, None, "include failed and counts as true: lookup operation failed: 'nothing'"),
        (
            None,
            FAILS,
            "[sources.pagerduty] include failed and counts as true: lookup operation failed: 'nothing'",
        ),
    ],
)
def test_a_rule_that_fails_is_told(general: Rule | None, own: Rule | None, told: str) -> None:
    """Which rule failed on an incident, and how, is known although the incident is included."""
    policy = Policy(include=general, sources={"pagerduty": SourcePolicy("pagerduty", include=own)})
    made = judged(policy)
    assert (made.action, made.failed, made.reason) == ("upsert", told, told)


def test_each_of_two_rules_that_fail_is_told() -> None:
    """The general rule's failure does not hide the source's."""
    policy = Policy(include=FAILS, sources={"pagerduty": SourcePolicy("pagerduty", include=FAILS)})
    assert judged(policy).failed.count("failed and counts as true") == 2


@pytest.mark.parametrize("in_dx", [False, True])
def test_a_rule_that_fails_is_told_of_an_excluded_incident(in_dx: bool) -> None:
    """A failing rule is reported even where another rule leaves the incident out."""
    policy = Policy(include=FAILS, sources={"pagerduty": SourcePolicy("pagerduty", include=FALSE)})
    assert "include failed" in judged(policy, in_dx=in_dx).failed


FIELDS: dict[str, Value] = {
    "name": "Disk full",
    "priority": "SEV-1",
    "urgency": "high",
    "incident_type": "major_incident",
    "services": (Service("P1", "API Service"), Service(id="P2"), Service(name="Edge")),
    "teams": ("Ops", "Edge"),
    "tags": ("eu",),
}
EU = {"pagerduty-eu": SourcePolicy("pagerduty", "eu-")}
MAPPED = {
    "priorities": {"SEV-1": "p1"},
    "services": {"P1": ("payments",), "Edge": ("edge-gateway",)},
    "metadata": ("kind",),
    "rename": {"kind": "type"},
    "sources": EU,
}


@pytest.mark.parametrize(
    "rule",
    [
        'source == "pagerduty-eu"',
        'vendor == "pagerduty"',
        'kind == "incident"',
        'incident_type == "major_incident"',
        'reference_id == "eu-Q1"',
        'name == "Disk full"',
        'priority == "SEV-1"',
        'urgency == "high"',
        'status == "open"',
        'services == ["API Service", "Edge"]',
        'service_ids == ["P1", "P2"]',
        'teams == ["Ops", "Edge"]',
        'tags == ["eu"]',
        'metadata["urgency"] == "high" and metadata["source"] == "pagerduty-eu" and metadata["kind"] == "incident"',
        "not merged and not deleted",
    ],
)
def test_a_rule_sees_the_vendors_own_words(rule: str) -> None:
    """Rules ask about the incident as the vendor has it, before services, priorities and metadata are mapped."""
    policy = Policy(include=compile_rule(rule), **MAPPED)
    made = judged(policy, replace(BLANK, fields=FIELDS), "pagerduty-eu")
    assert (made.action, made.failed) == ("upsert", "")


@pytest.mark.parametrize("name", ["incident_type", "name", "priority", "urgency"])
def test_an_unknown_text_is_empty_in_a_rule(name: str) -> None:
    """What the vendor has not told is an empty text, not a failure."""
    assert judged(Policy(include=compile_rule(f'{name} == ""'))) == replace(judged(Policy()), failed="")


@pytest.mark.parametrize("name", ["services", "service_ids", "teams", "tags"])
@pytest.mark.parametrize("value", [None, "a text", 7])
def test_an_unknown_list_is_empty_in_a_rule(name: str, value: Value | None) -> None:
    """What the vendor has not told, or told in another form, is an empty list, not a failure."""
    fields = {} if value is None else {name: value}
    made = judged(Policy(include=compile_rule(f"{name} == []")), replace(BLANK, fields=fields))
    assert (made.action, made.failed) == ("upsert", "")


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ("merged", replace(BLANK, merged=True)),
        ("deleted", replace(BLANK, deleted=True)),
        ('kind == "alert"', replace(BLANK, kind="alert")),
        ('status == "resolved"', replace(BLANK, resolved_at=START)),
        ('status == "resolved"', replace(BLANK, started_at=0, resolved_at=0)),
    ],
)
def test_a_rule_sees_what_is_shown(rule: str, shown: Incident) -> None:
    """Merged, deleted, the kind and the status are those of the merged incident."""
    assert [included(rule, shown), included(rule)] == [True, False]


def test_a_rule_sees_an_operators_correction() -> None:
    """An incident that an operator resolved is resolved to a rule."""
    policy = Policy(include=compile_rule('status == "resolved"'))
    assert judged(policy, override=Override(resolved_at=START)).action == "upsert"


TIMES = st.integers(0, 4_102_444_800 * SECOND)
OVERRIDE = st.builds(Override, st.sampled_from(OVERRIDES), st.none() | TIMES, st.none() | TIMES)
SHOWN = st.builds(
    Incident,
    kind=st.sampled_from(["incident", "alert"]),
    started_at=TIMES,
    resolved_at=st.none() | TIMES,
    fields=st.dictionaries(st.sampled_from(sorted(FIELDS)), st.just("x")).map(
        lambda chosen: {name: FIELDS[name] for name in chosen}
    ),
    acknowledged_at=st.none() | TIMES,
    merged=st.booleans(),
    merged_into=st.none() | st.just("Q2"),
    deleted=st.booleans(),
    approximate=st.booleans(),
    known=st.booleans(),
)
POLICIES = st.builds(
    Policy,
    include=st.sampled_from([None, TRUE, FALSE, FAILS, compile_rule('kind == "incident" and not merged')]),
    retract=st.sampled_from(RETRACT),
    unmapped=st.sampled_from(["slug", "id", "omit"]),
    metadata=st.sampled_from([(), ("source",), ("source", "urgency", "teams")]),
    sources=st.sampled_from([{}, {"pagerduty": SourcePolicy("pagerduty", "eu-", FAILS)}]),
)
STANDING = st.builds(Standing, OVERRIDE, st.booleans())


@given(OVERRIDE, SHOWN)
def test_a_corrected_incident_never_ends_before_it_starts(override: Override, shown: Incident) -> None:
    """Whatever an operator corrects, the end is not before the start, and what is not corrected stays."""
    made = override.applied(shown)
    assert made.resolved_at is None or made.resolved_at >= made.started_at
    assert made.started_at == (shown.started_at if override.started_at is None else override.started_at)
    assert (made.resolved_at is None) == (shown.resolved_at is None and override.resolved_at is None)
    assert replace(made, started_at=0, resolved_at=0) == replace(shown, started_at=0, resolved_at=0)


@given(OVERRIDE, SHOWN)
def test_a_correction_is_applied_once_or_twice_alike(override: Override, shown: Incident) -> None:
    """A correction survives every re-fold: applying it again changes nothing."""
    assert override.applied(override.applied(shown)) == override.applied(shown)


@pytest.mark.parametrize(
    ("started", "resolved", "expected"),
    [
        (None, None, (START, None)),
        (START - 9, None, (START - 9, None)),
        (None, START + 9, (START, START + 9)),
        (None, START - 9, (START, START)),
        (START + 9, START + 7, (START + 9, START + 9)),
        (0, 0, (0, 0)),
    ],
)
def test_an_operators_times_go_first(started: int | None, resolved: int | None, expected: object) -> None:
    """A corrected time replaces the vendor's, also where it is the epoch; an end before the start is the start."""
    made = judged(Policy(), override=Override(None, started, resolved)).shown
    assert (made.started_at, made.resolved_at) == expected


@given(POLICIES, SHOWN, STANDING)
def test_the_same_question_has_the_same_answer(policy: Policy, shown: Incident, standing: Standing) -> None:
    """Nothing but the arguments decides, not even the order in which fields became known."""
    turned = replace(shown, fields=dict(reversed(shown.fields.items())))
    first = decide(policy, ("pagerduty", "Q1"), shown, None, standing)
    second = decide(policy, ("pagerduty", "Q1"), turned, None, standing)
    assert (first, request(first.document)) == (second, request(second.document))


@given(st.lists(st.tuples(POLICIES, SHOWN), min_size=1, max_size=6))
def test_inclusion_is_sticky(history: list[tuple[Policy, Incident]]) -> None:
    """Once sent, an incident is kept true whatever `include` says later, as long as nothing is retracted."""
    in_dx = False
    for policy, shown in history:
        action = judged(replace(policy, retract=frozenset()), shown, in_dx=in_dx).action
        assert action == "upsert" or (action == "none" and not in_dx)
        in_dx = in_dx or action == "upsert"


@given(st.lists(st.tuples(POLICIES, SHOWN), min_size=1, max_size=6))
def test_with_retraction_dx_holds_what_a_new_bridge_would_send(
    history: list[tuple[Policy, Incident]],
) -> None:
    """Where all is retracted, DX holds an incident exactly when one that it never held would be sent now."""
    in_dx = False
    for given_policy, shown in history:
        policy = replace(given_policy, retract=frozenset(RETRACTABLE))
        action = judged(policy, shown, in_dx=in_dx).action
        in_dx = action == "upsert"
        assert in_dx == (judged(policy, shown).action == "upsert")


@given(POLICIES, SHOWN, STANDING)
def test_nothing_is_deleted_that_dx_does_not_hold(
    policy: Policy, shown: Incident, standing: Standing
) -> None:
    """What DX never held is not deleted, and what it holds is never passed over."""
    action = decide(policy, ("pagerduty", "Q1"), shown, None, standing).action
    assert action in ({"upsert", "delete"} if standing.in_dx else {"upsert", "none"})


@given(SHOWN, st.booleans())
def test_by_default_nothing_is_deleted_or_left_out(shown: Incident, in_dx: bool) -> None:
    """Without a policy every incident of PagerDuty is sent and kept, merged and deleted ones too."""
    assert judged(Policy(), shown, in_dx=in_dx).action == "upsert"


def test_nobodys_word_is_the_default() -> None:
    """An incident without a standing is new: no correction, not in DX."""
    made = decide(Policy(include=FALSE), ("pagerduty", "Q1"), BLANK, None)
    assert (made.action, NEW) == ("none", Standing(Override(None, None, None), in_dx=False))


def test_a_source_that_the_policy_does_not_know_is_judged_all_the_same() -> None:
    """An incident of a source that was taken out of the configuration is judged by the general rule alone."""
    policy = Policy(include=compile_rule('vendor == "gone" and source == "gone"'))
    made = judged(policy, source="gone")
    assert (made.action, made.document.reference_id) == ("upsert", "Q1")
