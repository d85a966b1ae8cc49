"""`bridge.toml`: what it says, every mistake in it, and what tells one policy from another."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import Config, SourceConfig, digest, load_policy, policy_text, read_config, read_file
from app.errors import PolicyUnreadableError
from app.policy import DEFAULT, ISSUE_TYPES, METADATA, RETRACTABLE, Policy, SourcePolicy
from app.rules import compile_rule
from app.settings import Settings, read_settings
from app.sources import all_sources
from app.urls import base_url
from mappers import MAPPERS


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where `bridge.toml` would be in an otherwise empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "bridge.toml"


def read(file: Path, text: str | bytes) -> tuple[Config, list[str]]:
    """Read a file with this text."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_file(file)


def policy_of(file: Path, text: str) -> Policy:
    """Return the policy that a file without mistakes says."""
    config, problems = read(file, text)
    assert problems == []
    return config.policy


def settings_in(file: Path, environment: Mapping[str, str] | None = None) -> tuple[Settings, list[str]]:
    """Return the settings of this environment and the file's folder, and their problems."""
    assert Path.cwd() == file.parent
    with patch.dict(os.environ, environment or {}, clear=True):
        return read_settings()


WHOLE = """
[services]
unmapped = "id"
[services.map]
PF9KMXH = "payments-service"
"API Service" = ["api-gateway", "edge"]

[priorities]
"SEV-1" = "p1"
"SEV-9" = ""

[incidents]
include = 'priority in ["P1", "P2"] or urgency == "high"'
retract = ["merged", "excluded"]
metadata = ["teams", "urgency"]
[incidents.rename]
urgency = "pd_urgency"

[sources.pagerduty-eu]
vendor = "pagerduty"
secrets_env = "PAGERDUTY_EU_WEBHOOK_SECRETS"
reference_prefix = "eu-"
include = 'urgency == "high"'
api_url = "https://api.eu.pagerduty.com"
app_url = "https://acme.eu.pagerduty.com/"

[sources.jira]
issue_types = ["Bug"]
"""


def test_a_whole_file_is_read_as_it_says(file: Path) -> None:
    """Every key of the documentation has its effect."""
    config, problems = read(file, WHOLE)
    eu = SourcePolicy("pagerduty", "eu-", compile_rule('urgency == "high"'), "https://acme.eu.pagerduty.com")
    expected = Policy(
        unmapped="id",
        services={"PF9KMXH": ("payments-service",), "API Service": ("api-gateway", "edge")},
        priorities={"SEV-1": "p1", "SEV-9": ""},
        include=compile_rule('priority in ["P1", "P2"] or urgency == "high"'),
        retract=frozenset({"merged", "excluded"}),
        metadata=("urgency", "teams"),
        rename={"urgency": "pd_urgency"},
        sources={"pagerduty-eu": eu, "jira": SourcePolicy("jira", issue_types=("Bug",))},
    )
    api = SourceConfig("pagerduty", "PAGERDUTY_EU_WEBHOOK_SECRETS", "https://api.eu.pagerduty.com")
    assert (problems, config) == ([], Config(expected, {"pagerduty-eu": api, "jira": SourceConfig("jira")}))


@pytest.mark.parametrize(
    "text", [b"", b"# nothing\n", b"\xef\xbb\xbf", b"[services]\r\n[incidents]\r\n[sources]\r\n"]
)
def test_a_file_that_says_nothing_is_the_default(file: Path, text: bytes) -> None:
    """Empty tables, comments, a byte order mark and Windows' line ends change nothing."""
    assert read(file, text) == (Config(), [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"\xff\xfe[\x00", "cannot be read: make it a UTF-8 text file that this user may read"),
        ("[services", "is not TOML: "),
        ("a = 1\na = 2", "is not TOML: "),
        ("a = 'b'\n\0", "line 2"),
    ],
)
def test_a_file_that_is_no_toml_is_one_mistake(file: Path, text: str | bytes, problem: str) -> None:
    """What cannot be read at all is told once, with the line where there is one."""
    config, problems = read(file, text)
    assert (config, [problem in told for told in problems]) == (Config(), [True])


@pytest.mark.parametrize(
    "text",
    [f"a = {'[' * 20_000}{']' * 20_000}", f"a = {'9' * 5_000}", f"a = {'{b = ' * 5_000}1{'}' * 5_000}"],
    ids=["lists in lists", "a long number", "tables in tables"],
)
def test_toml_that_no_reader_can_hold_is_one_mistake(file: Path, text: str) -> None:
    """Values nested without end and numbers without end are told as a mistake."""
    config, problems = read(file, text)
    assert (config, len(problems)) == (Config(), 1)


@pytest.mark.parametrize("name", ["missing.toml", ".", "bridge.toml/inner", "x" * 300])
def test_a_file_that_cannot_be_opened_is_one_mistake(file: Path, name: str) -> None:
    """A missing file, a folder and a name that cannot be are told in words."""
    file.write_text("")
    config, problems = read_file(file.parent / name)
    assert (config, [problem[:14] for problem in problems]) == (Config(), ["cannot be read"])


KEYS_OF_SOURCES = (
    "vendor, secrets_env, reference_prefix, include, issue_types, api_url, api_token_env, app_url"
)
VENDORS = ", ".join(MAPPERS)
SOURCE = 'vendor = "pagerduty"\nsecrets_env = "EU_SECRETS"\n'
MISTAKES = [
    ("prioritys = {}", "prioritys: is not known here; did you mean priorities?"),
    ("xyzzy = 1", "xyzzy: is not known here; known are services, priorities, incidents, sources"),
    ('"a b" = 1', '"a b": is not known here; known are services, priorities, incidents, sources'),
    ("services = 1", "services: is not a table"),
    ("[[services]]", "services: is not a table"),
    ("sources = []", "[sources]: is not a table"),
    ("priorities = 2026-01-01", "priorities: is not a table"),
    ('[services]\nunmaped = "slug"', "[services] unmaped: is not known here; did you mean unmapped?"),
    (
        '[services]\nunmapped = "slg"',
        '[services] unmapped: "slg" is none of slug, id, omit; did you mean slug?',
    ),
    ("[services]\nunmapped = true", "[services] unmapped: is not a text: put it in quotes"),
    ("[services]\nmap = []", "[services.map]: is not a table"),
    ("[services.map]\nA = 1", "[services.map] A: is not a text: put it in quotes"),
    ('[services.map]\n"A b" = " "', '[services.map] "A b": is blank'),
    ('[services.map]\nA = ["a", ["b"]]', "[services.map] A, item 2: is not a text: put it in quotes"),
    ('[services.map]\nA = ["a", ""]', "[services.map] A, item 2: is blank"),
    ('[priorities]\n"SEV-1" = 1', "[priorities] SEV-1: is not a text: put it in quotes"),
    ('[priorities]\nP1 = "a\\u0000"', "[priorities] P1: is not a text: put it in quotes"),
    ("[priorities.P1]", "[priorities] P1: is not a text: put it in quotes"),
    ("[incidents]\ninclude = true", "[incidents] include: is not a text: put it in quotes"),
    ('[incidents]\ninclude = ""', "[incidents] include: is blank"),
    (
        "[incidents]\ninclude = 'merged and priorty'",
        "[incidents] include: 'priorty' is not a name; did you mean priority?, at the ^ in: merged and ^priorty",
    ),
    (
        "[incidents]\ninclude = '''\nmerged\nor'''",
        "[incidents] include: cannot be read at the ^ in: merged or^",
    ),
    ('[incidents]\nretract = "merged"', "[incidents] retract: is not a list: put it in [brackets]"),
    (
        '[incidents]\nretract = ["merged", "excludes"]',
        '[incidents] retract, item 2: "excludes" is none of merged, deleted, excluded; did you mean excluded?',
    ),
    ("[incidents]\nmetadata = [1]", "[incidents] metadata, item 1: is not a text: put it in quotes"),
    (
        '[incidents.rename]\nurgncy = "a"',
        f'[incidents.rename] urgncy: "urgncy" is none of {", ".join(METADATA)}; did you mean urgency?',
    ),
    (
        '[incidents.rename]\nurgency = "pd.urgency"',
        '[incidents.rename] urgency: "pd.urgency" is not a key that DX takes: letters, digits, - and _',
    ),
    (
        '[incidents.rename]\nurgency = "kind"',
        "[incidents.rename]: two metadata keys would be called kind: rename one of them otherwise",
    ),
    ("[sources]\neu = 1", "[sources.eu]: is not a table"),
    ("[sources.eu]", f"[sources.eu] vendor: is missing: write one of {VENDORS}"),
    (
        '[sources.eu]\nvendor = "pagerdty"',
        f'[sources.eu] vendor: "pagerdty" is none of {VENDORS}; did you mean pagerduty?',
    ),
    (
        '[sources.eu]\nvendor = "jira"',
        "[sources.eu] secrets_env: is missing: name the variable that holds the source's secrets",
    ),
    (
        '[sources.pagerduty]\nvendor = "opsgenie"',
        "[sources.pagerduty] vendor: this name is pagerduty's own: give a source of opsgenie another name",
    ),
    (
        f'[sources.eu]\n{SOURCE}issue_types = ["Bug"]',
        "[sources.eu] issue_types: only Jira's issues have types",
    ),
    (
        f"[sources.eu]\n{SOURCE}prefix = 'eu-'",
        f"[sources.eu] prefix: is not known here; known are {KEYS_OF_SOURCES}",
    ),
    (
        f"[sources.eu]\n{SOURCE}reference_prefix = 'e u'",
        '[sources.eu] reference_prefix: "e u" is not a prefix: at most 40 letters, digits and _ . : -',
    ),
    (
        f"[sources.eu]\n{SOURCE}api_url = 'http://example.com'",
        "[sources.eu] api_url: uses plain http, which is for loopback hosts only: write https://",
    ),
    (
        f"[sources.eu]\n{SOURCE}app_url = 'example.com'",
        "[sources.eu] app_url: is not a plain https URL: write it as https://yourinstance.example",
    ),
    (
        f'[sources."EU West"]\n{SOURCE}',
        '[sources."EU West"]: "EU West" is not a name for a URL: lower-case letters, digits, - and _',
    ),
    ('[sources.jira]\nissue_types = [""]', "[sources.jira] issue_types, item 1: is blank"),
]


@pytest.mark.parametrize(("text", "problem"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_remedy(file: Path, text: str, problem: str) -> None:
    """One mistake is one sentence, and with any mistake nothing of the file holds."""
    assert read(file, text) == (Config(), [problem])


@pytest.mark.parametrize(
    "name", ["Eu", "e.u", "eu/west", "https://example.com", "-eu", "_eu", "é", "", "e" * 61, "eu ", "eu\n"]
)
def test_a_source_needs_a_name_for_a_url(name: str) -> None:
    """What cannot stand in the address of a webhook is no name of a source."""
    problems = read_config({"sources": {name: {"vendor": "jira", "secrets_env": "A"}}})[1]
    assert ["is not a name for a URL" in problem for problem in problems] == [True]


@pytest.mark.parametrize("name", ["e", "eu", "0", "pagerduty-eu_2", "e" * 60])
def test_a_short_plain_name_is_a_name_of_a_source(name: str) -> None:
    """Lower-case letters, digits, dashes and underscores, up to sixty of them, make a name."""
    config, problems = read_config({"sources": {name: {"vendor": "jira", "secrets_env": "A"}}})
    assert (problems, [*config.sources]) == ([], [name])


@pytest.mark.parametrize("prefix", ["", "eu-", "EU:", "a.b_c", "x" * 40])
def test_a_prefix_is_short_and_plain(prefix: str) -> None:
    """Letters, digits and a little punctuation make a prefix; none at all is one, too."""
    config, problems = read_config({"sources": {"jira": {"reference_prefix": prefix}}})
    assert (problems, config.policy.sources["jira"].reference_prefix) == ([], prefix)


@pytest.mark.parametrize("prefix", ["x" * 41, "é-", "a/b", "a\n"])
def test_no_other_prefix_is_taken(prefix: str) -> None:
    """A long prefix, and one of other characters, is a mistake."""
    assert len(read_config({"sources": {"jira": {"reference_prefix": prefix}}})[1]) == 1


EIGHT = """
prioritys = {}
[services]
unmapped = "slugs"
[services.map]
PF9KMXH = 7
[priorities]
"SEV-1" = 1
[incidents]
include = 'priorty == "P1"'
retract = ["exclude"]
[incidents.rename]
urgency = "pd urgency"
[sources.eu]
vendor = "pagerduty"
"""


def test_every_mistake_is_told_at_once(file: Path) -> None:
    """Eight mistakes in eight places are eight sentences, each with its own place."""
    _, problems = read(file, EIGHT)
    assert sorted(problem.partition(":")[0] for problem in problems) == [
        *(
            "[incidents.rename] urgency",
            "[incidents] include",
            "[incidents] retract, item 1",
            "[priorities] SEV-1",
        ),
        *("[services.map] PF9KMXH", "[services] unmapped", "[sources.eu] secrets_env", "prioritys"),
    ]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('[sources."EU West"]\nvendor = "pagerdty"', ['[sources."EU West"]', '[sources."EU West"] vendor']),
        ('[sources.eu]\ninclude = "("', ["[sources.eu] include", "[sources.eu] vendor"]),
        (
            '[sources.eu]\nvendor = "jira"\ninclude = "("',
            ["[sources.eu] include", "[sources.eu] secrets_env"],
        ),
        ('[incidents.rename]\nurgncy = "a b"', ["[incidents.rename] urgncy", "[incidents.rename] urgncy"]),
    ],
)
def test_one_mistake_hides_no_other_in_its_table(file: Path, text: str, places: list[str]) -> None:
    """A name and its value, and what is wrong and what is missing, are told together."""
    assert sorted(problem.partition(":")[0] for problem in read(file, text)[1]) == places


def test_a_mistake_brings_up_no_other_that_is_none(file: Path) -> None:
    """Where the choice of metadata is not understood, nothing is said about what its names would collide with."""
    text = '[incidents]\nmetadata = ["urgency", "xyzzy"]\n[incidents.rename]\nurgency = "number"'
    assert [problem.partition(":")[0] for problem in read(file, text)[1]] == ["[incidents] metadata, item 2"]


def test_metadata_named_twice_is_sent_once_or_told_as_such(file: Path) -> None:
    """A key named twice does no harm, or is told where it stands; it is no mistake of a renaming."""
    config, problems = read(file, '[incidents]\nmetadata = ["urgency", "urgency"]')
    assert config.policy.metadata == ("urgency",) or "[incidents] metadata" in problems[0]


@pytest.mark.parametrize(
    "rename",
    [
        {"urgency": "kind", "kind": "urgency"},
        {"urgency": "pd_urgency"},
        {"number": "n" * 100},
        {"source": "0-_"},
    ],
)
def test_keys_may_be_renamed_as_long_as_they_differ(rename: dict[str, str]) -> None:
    """Two keys may change places; a key may be called anything that DX takes."""
    config, problems = read_config({"incidents": {"rename": rename}})
    assert (problems, config.policy.rename) == ([], rename)


@pytest.mark.parametrize(
    ("metadata", "rename", "collides"),
    [
        (["urgency"], {"urgency": "kind"}, False),
        (["urgency", "kind"], {"urgency": "kind"}, True),
        (["urgency", "number"], {"urgency": "a", "number": "a"}, True),
        (["urgency"], {"urgency": "a", "number": "a"}, False),
        ([], {"urgency": "a", "number": "a"}, False),
    ],
)
def test_only_keys_that_are_sent_collide(metadata: list[str], rename: dict[str, str], collides: bool) -> None:
    """Two keys of one name are a mistake where both would be sent."""
    problems = read_config({"incidents": {"metadata": metadata, "rename": rename}})[1]
    assert ["two metadata keys" in problem for problem in problems] == [True] * collides


PLACES = [(), ("services",), ("services", "map"), ("priorities",), ("incidents",), ("sources", "jira")]


@pytest.mark.parametrize("key", ["_schema", "a\nb", "a\rb", "a\u2028b", "\x1b[31m", "a.b", "a b", "'", '"'])
def test_any_key_is_told_on_one_line_with_its_name(key: str) -> None:
    """A key with a line's end, a quote or a terminal's code in it, or of any name, is one line that shows it."""
    for place in PLACES:
        wrong: dict[str, Any] = {key: ["b", 1]}
        for name in reversed(place):
            wrong = {name: wrong}
        told = {
            problem.isprintable() and (key in problem or key != "_schema") for problem in problems_of(wrong)
        }
        assert (place, told) == (place, {True})


def problems_of(given_file: Mapping[str, Any]) -> list[str]:
    """Return the mistakes of a file with these tables."""
    return read_config(given_file)[1]


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\u2028b", "a\x85b", "\x1b[31m"])
def test_any_value_is_told_on_one_line(value: str) -> None:
    """A value with a line's end or a terminal's code in it breaks neither the line nor the terminal."""
    sources = {"jira": {"vendor": value, "secrets_env": value, "reference_prefix": value}}
    tables = {"services": {"unmapped": value}, "incidents": {"include": value}, "sources": sources}
    told = problems_of(tables)
    assert (len(told), [problem for problem in told if not problem.isprintable()]) == (5, [])


def test_a_secret_in_the_place_of_its_variable_is_not_shown(file: Path) -> None:
    """Who writes the secret itself where its variable's name belongs is told so without showing it."""
    secret = "hunter2hunter2hunter2"
    problems = read(file, f'[sources.eu]\nvendor = "pagerduty"\nsecrets_env = "{secret}"\n')[1]
    assert [(problem.partition(":")[0], secret in problem) for problem in problems] == [
        ("[sources.eu] secrets_env", False)
    ]


def test_a_password_in_an_address_is_not_shown(file: Path) -> None:
    """An address with a password is refused without showing it."""
    text = f"[sources.eu]\n{SOURCE}api_url = 'https://u:hunter2@example.com'"
    assert ["hunter2" in problem for problem in read(file, text)[1]] == [False]


PLAIN = st.text(st.characters(codec="utf-8"), max_size=8)
NAMED = st.sampled_from(
    [
        *(
            "services",
            "priorities",
            "incidents",
            "sources",
            "unmapped",
            "map",
            "include",
            "retract",
            "metadata",
        ),
        *(
            "rename",
            "vendor",
            "secrets_env",
            "reference_prefix",
            "issue_types",
            "api_url",
            "app_url",
            "_schema",
        ),
        *(
            "jira",
            "pagerduty",
            "eu",
            "urgency",
            "slug",
            "merged",
            "https://example.com",
            "EU_SECRETS",
            "P1",
            "",
        ),
    ]
)
SCALARS = st.one_of(
    NAMED,
    PLAIN,
    st.booleans(),
    st.integers(),
    st.floats(),
    st.datetimes(timezones=st.none() | st.just(UTC)),
    st.sampled_from([date(2026, 1, 1), time(1, 2), datetime(2026, 1, 1, tzinfo=UTC)]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMED | PLAIN, inner, max_size=3),
    max_leaves=8,
)
KEYS = {
    "services": ("unmapped", "map"),
    "incidents": ("include", "retract", "metadata", "rename"),
    "eu": ("vendor", "secrets_env", "reference_prefix", "include", "issue_types", "api_url", "app_url"),
}
TABLES = {
    name: st.dictionaries(st.sampled_from(keys) | PLAIN, ANYTHING, max_size=4) for name, keys in KEYS.items()
}
FILES = st.fixed_dictionaries(
    {},
    optional={
        "services": TABLES["services"] | ANYTHING,
        "incidents": TABLES["incidents"] | ANYTHING,
        "priorities": ANYTHING,
        "sources": st.dictionaries(NAMED | PLAIN, TABLES["eu"] | ANYTHING, max_size=3) | ANYTHING,
    },
)


@given(FILES | st.dictionaries(NAMED | PLAIN, ANYTHING, max_size=4))
def test_any_value_in_any_place_is_read_or_told_in_one_line(given_file: dict[str, Any]) -> None:
    """Whatever stands wherever in a file, it is a configuration or a list of one-line mistakes, never a crash."""
    config, problems = read_config(given_file)
    assert [problem for problem in problems if len(problem.splitlines()) != 1] == []
    assert (config == Config()) or problems == []
    assert load_policy(policy_text(config.policy)) == without_silent_sources(config.policy)


def without_silent_sources(policy: Policy) -> Policy:
    """Return the policy without the tables of vendors' own sources that say nothing."""
    sources = {name: each for name, each in policy.sources.items() if each != SourcePolicy(name)}
    return replace(policy, sources=sources)


RULE = st.sampled_from(
    [None, compile_rule("merged"), compile_rule('name == "é\\n"'), compile_rule("not merged")]
)
SOME = st.sampled_from(["a", "P1", "API Service", "é", "", "_schema", "a.b"])
SOURCES = st.one_of(
    st.builds(
        SourcePolicy,
        st.just("pagerduty"),
        st.sampled_from(["", "eu-"]),
        RULE,
        st.sampled_from([None, "https://example.com"]),
    ),
    st.builds(SourcePolicy, st.just("jira"), issue_types=st.sampled_from([ISSUE_TYPES, (), ("Bug",)])),
)
POLICIES = st.builds(
    Policy,
    unmapped=st.sampled_from(["slug", "id", "omit"]),
    services=st.dictionaries(SOME, st.sampled_from([("a",), ("a", "b"), ("b", "a"), ()]), max_size=2),
    priorities=st.dictionaries(SOME, st.sampled_from(["p1", "x", "_"]), max_size=2),
    include=RULE,
    retract=st.sets(st.sampled_from(RETRACTABLE)).map(frozenset),
    metadata=st.sets(st.sampled_from(METADATA)).map(
        lambda keys: tuple(key for key in METADATA if key in keys)
    ),
    rename=st.dictionaries(st.sampled_from(METADATA), st.sampled_from(["a", "b-c", "D_1"]), max_size=2),
    sources=st.dictionaries(st.sampled_from(["eu", "us"]), SOURCES, max_size=2),
)
FEW = st.builds(
    Policy,
    unmapped=st.sampled_from(["slug", "id"]),
    services=st.sampled_from([{}, {"a": ("b",), "c": ("d",)}, {"c": ("d",), "a": ("b",)}]),
    include=st.sampled_from([None, compile_rule("merged"), compile_rule("merged")]),
    retract=st.sampled_from(
        [frozenset(), frozenset({"merged", "deleted"}), frozenset({"deleted", "merged"})]
    ),
)


@given(POLICIES)
def test_a_policy_written_and_read_is_the_same(policy: Policy) -> None:
    """What is kept in the database is the policy, whatever is in it, and written again it is the same text."""
    again = load_policy(policy_text(policy))
    assert (again, policy_text(again)) == (policy, policy_text(policy))


@given(POLICIES, POLICIES)
def test_policies_that_differ_have_different_digests(one: Policy, other: Policy) -> None:
    """A digest tells policies apart."""
    assert (digest(one) == digest(other)) == (one == other)


@given(FEW, FEW)
def test_policies_that_are_equal_have_one_digest(one: Policy, other: Policy) -> None:
    """Equal policies have one digest, in whatever order their parts were given."""
    assert (digest(one) == digest(other)) == (one == other)


def test_the_default_policy_is_an_empty_text() -> None:
    """The digest of a bridge without a file does not change with what a later version knows besides."""
    assert (policy_text(DEFAULT), load_policy("{}")) == ("{}", DEFAULT)


def test_a_set_is_written_in_one_order() -> None:
    """What is retracted is written sorted, so that every process has one digest for it."""
    text = '{"incidents":{"retract":["deleted","excluded","merged"]}}'
    assert policy_text(Policy(retract=frozenset(RETRACTABLE))) == text


def test_a_digest_is_sixteen_hex_digits() -> None:
    """A digest is short enough to read and long enough to trust."""
    assert re.fullmatch("[0-9a-f]{16}", digest(DEFAULT))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"later": 1}', "later: is not known here"),
        ('{"services": {"unmapped": "later"}}', "[services] unmapped"),
        ('{"incidents": {"include": "later"}}', "[incidents] include: 'later' is not a name"),
        ('{"sources": {"eu": {"vendor": "later"}}}', "[sources.eu] vendor"),
    ],
)
def test_a_policy_of_a_newer_version_is_told(text: str, place: str) -> None:
    """What this version cannot read of a stored policy is told with its place, and what to do about it."""
    with pytest.raises(PolicyUnreadableError) as raised:
        load_policy(text)
    assert (place in str(raised.value), "deploy the newer version" in str(raised.value)) == (True, True)


SILENT = [
    "services = {}\npriorities = {}\nincidents = {}\nsources = {}",
    '[services]\nunmapped = "slug"\nmap = {}',
    "[incidents]\nretract = []\nrename = {}",
    f"[incidents]\nmetadata = {[*METADATA]}",
    f"[incidents]\nmetadata = {[*reversed(METADATA)]}",
    "[sources.pagerduty]",
    '[sources.pagerduty]\nvendor = "pagerduty"\nreference_prefix = ""',
    '[sources.pagerduty]\nsecrets_env = "EU"\napi_url = "https://api.eu.pagerduty.com"',
    '[sources.jira]\nissue_types = ["[System] Incident", "Incident"]',
]


@pytest.mark.parametrize("text", SILENT)
def test_a_default_that_is_written_out_changes_no_digest(file: Path, text: str) -> None:
    """Saying what holds anyway, or only where secrets and APIs are, is the same policy."""
    assert digest(policy_of(file, text)) == digest(DEFAULT)


@pytest.mark.parametrize(
    "text",
    [
        '[incidents.rename]\nurgency = "urgency"',
        '[priorities]\nP1 = "P1"',
    ],
)
def test_a_name_for_itself_changes_no_digest(file: Path, text: str) -> None:
    """A name that stands for itself is what holds anyway."""
    assert digest(policy_of(file, text)) == digest(DEFAULT)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[priorities]\na = '1'\nb = '2'", "# why\n[priorities]\nb = \"2\"  # because\na = '1'"),
        (
            "[services.map]\na = 'x'\n[priorities]\nb = 'y'",
            "priorities = { b = 'y' }\nservices.map.a = ['x']",
        ),
        (
            "[incidents]\nretract = ['merged', 'deleted']",
            "[incidents]\nretract = ['deleted', 'merged', 'deleted']",
        ),
        ("[incidents]\nmetadata = ['tags', 'kind']", "[incidents]\nmetadata = [\n  'kind',\n  'tags',\n]"),
        (
            "[sources.jira]\napp_url = 'https://example.com'",
            "[sources.jira]\napp_url = 'HTTPS://EXAMPLE.com/'",
        ),
        (f"[sources.eu]\n{SOURCE}", "[sources.eu]\nvendor = 'pagerduty'\nsecrets_env = 'OTHER'"),
    ],
)
def test_writing_it_otherwise_changes_no_digest(file: Path, one: str, other: str) -> None:
    """Order, comments, quotes and the forms of TOML say nothing."""
    assert digest(policy_of(file, one)) == digest(policy_of(file, other)) != digest(DEFAULT)


DIFFERENT = [
    "",
    '[services]\nunmapped = "id"',
    '[services]\nunmapped = "omit"',
    "[services.map]\na = 'x'",
    "[services.map]\na = []",
    "[services.map]\na = ['x', 'y']",
    "[services.map]\na = ['y', 'x']",
    "[services.map]\nb = 'x'",
    "[priorities]\na = 'x'",
    "[priorities]\na = ''",
    "[incidents]\ninclude = 'merged'",
    "[incidents]\ninclude = 'deleted'",
    *(f"[incidents]\nretract = ['{word}']" for word in RETRACTABLE),
    "[incidents]\nretract = ['merged', 'deleted']",
    "[incidents]\nmetadata = []",
    *(f"[incidents]\nmetadata = ['{key}']" for key in METADATA),
    *(f"[incidents]\nrename = {{ {key} = 'x' }}" for key in METADATA),
    f"[sources.eu]\n{SOURCE}",
    f"[sources.us]\n{SOURCE}",
    "[sources.eu]\nsecrets_env = 'A'\nvendor = 'jira'",
    f"[sources.eu]\n{SOURCE}reference_prefix = 'eu-'",
    f"[sources.eu]\n{SOURCE}include = 'merged'",
    f"[sources.eu]\n{SOURCE}app_url = 'https://example.com'",
    "[sources.jira]\nissue_types = ['Bug']",
    "[sources.jira]\nissue_types = []",
    "[sources.pagerduty]\nreference_prefix = 'a'",
]


def test_every_change_that_matters_changes_the_digest(file: Path) -> None:
    """No two policies that would make different documents share a digest."""
    digests = {text: digest(policy_of(file, text)) for text in DIFFERENT}
    assert [pair for pair in combinations(digests, 2) if digests[pair[0]] == digests[pair[1]]] == []


@given(
    st.from_regex(
        r"(https?|HTTPS)://(localhost|127\.0\.0\.1|[A-Za-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?)(:\d{1,5})?(/[a-z~._-]{0,5}){0,3}",
        fullmatch=True,
    )
)
def test_an_address_read_twice_is_the_same(text: str) -> None:
    """An address that was taken is taken again as it was written."""
    try:
        url = base_url(text)
    except ValueError:
        return
    assert (base_url(url), url.endswith("/")) == (url, False)


SECRET = "one-long-random-secret"
OTHER = "another-long-random-secret"


def test_without_a_file_everything_is_as_by_default(file: Path) -> None:
    """No `bridge.toml` and no BRIDGE_CONFIG is no mistake."""
    settings, problems = settings_in(file)
    assert (settings.policy, [*settings.sources], problems) == (DEFAULT, [*MAPPERS], [])


def test_a_link_that_leads_nowhere_is_a_mistake(file: Path) -> None:
    """A `bridge.toml` that is there and cannot be read is not taken for none."""
    file.symlink_to("missing.toml")
    assert [problem.startswith("bridge.toml: cannot be read") for problem in settings_in(file)[1]] == [True]


def test_the_file_in_the_working_folder_is_read(file: Path) -> None:
    """`bridge.toml` beside the program holds, and what is in it is the policy."""
    file.write_text('[services]\nunmapped = "omit"')
    assert settings_in(file)[0].policy == Policy(unmapped="omit")


@pytest.mark.parametrize("variable", ["BRIDGE_CONFIG", "BRIDGE_CONFIG_FILE"])
def test_the_file_that_is_named_goes_first(file: Path, variable: str) -> None:
    """BRIDGE_CONFIG names another file, and the one in the folder says nothing then."""
    file.write_text("not toml")
    (file.parent / "other.toml").write_text('[services]\nunmapped = "id"')
    (file.parent / "name").write_text("other.toml\n")
    settings, problems = settings_in(file, {variable: "name" if variable.endswith("_FILE") else "other.toml"})
    assert (settings.policy, problems) == (Policy(unmapped="id"), [])


def test_an_empty_bridge_config_means_the_folders_file(file: Path) -> None:
    """`BRIDGE_CONFIG=` counts as not set."""
    file.write_text('[services]\nunmapped = "id"')
    assert settings_in(file, {"BRIDGE_CONFIG": ""})[0].policy == Policy(unmapped="id")


def test_a_named_file_has_to_be_there(file: Path) -> None:
    """A file that is named and missing is a mistake that names it."""
    problems = settings_in(file, {"BRIDGE_CONFIG": "missing.toml"})[1]
    assert [problem.startswith("missing.toml: cannot be read") for problem in problems] == [True]


def test_mistakes_of_file_and_environment_are_told_together(file: Path) -> None:
    """Each mistake of the file names the file and stands beside those of the environment."""
    file.write_text(EIGHT)
    problems = settings_in(file, {"PORT": "x", "DX_TIMEOUT": "0"})[1]
    assert sorted(problem.partition(":")[0] for problem in problems) == [
        "DX_TIMEOUT",
        "PORT",
        *["bridge.toml"] * 8,
    ]


def test_two_sources_of_one_vendor_have_secrets_of_their_own(file: Path) -> None:
    """A further source takes its secrets from its own variable, and its links and API from its own table."""
    file.write_text(WHOLE)
    environment = {"PAGERDUTY_WEBHOOK_SECRETS": SECRET, "PAGERDUTY_EU_WEBHOOK_SECRETS": f"{OTHER},{SECRET}"}
    settings, problems = settings_in(file, environment)
    own, further = settings.sources["pagerduty"], settings.sources["pagerduty-eu"]
    revealed = [[secret.reveal() for secret in source.secrets] for source in (own, further)]
    assert (problems, revealed) == ([], [[SECRET], [OTHER, SECRET]])
    told = [(each.name, each.vendor, each.api_url) for each in (own, further)]
    assert told == [
        ("pagerduty", "pagerduty", None),
        ("pagerduty-eu", "pagerduty", "https://api.eu.pagerduty.com"),
    ]


def test_a_further_sources_secrets_may_stand_in_a_file(file: Path) -> None:
    """`X_FILE` serves for a variable that `bridge.toml` names, too."""
    file.write_text(f"[sources.eu]\n{SOURCE}")
    (file.parent / "secret").write_text(SECRET + "\n")
    settings, _ = settings_in(file, {"EU_SECRETS_FILE": "secret"})
    assert [secret.reveal() for secret in settings.sources["eu"].secrets] == [SECRET]


def test_a_built_in_source_may_have_another_variable(file: Path) -> None:
    """`secrets_env` of a built-in source takes the place of its usual variable."""
    file.write_text('[sources.opsgenie]\nsecrets_env = "TEAM_TOKENS"')
    settings, _ = settings_in(file, {"TEAM_TOKENS": SECRET, "OPSGENIE_WEBHOOK_TOKENS": OTHER})
    source = settings.sources["opsgenie"]
    assert [secret.reveal() for secret in source.secrets] == [SECRET]
    assert source.app_url == "https://app.opsgenie.com"


def test_a_bad_secret_is_told_once_by_its_variable(file: Path) -> None:
    """Two sources that share a variable share its mistake, and the secret is not shown."""
    text = '[sources.eu]\nvendor = "pagerduty"\nsecrets_env = "PAGERDUTY_WEBHOOK_SECRETS"'
    file.write_text(text)
    problems = settings_in(file, {"PAGERDUTY_WEBHOOK_SECRETS": "hunter2"})[1]
    assert [(problem.partition(":")[0], "hunter2" in problem) for problem in problems] == [
        ("PAGERDUTY_WEBHOOK_SECRETS", False)
    ]


def test_every_source_of_the_file_has_a_place(file: Path) -> None:
    """Built-in sources stay, further ones come after them, each by its own name."""
    config, _ = read(file, WHOLE)
    sources = all_sources(config)
    assert [(name, source.name) for name, source in sources.items()] == [
        *((name, name) for name in MAPPERS),
        ("pagerduty-eu", "pagerduty-eu"),
    ]
