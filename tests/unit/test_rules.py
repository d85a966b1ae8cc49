"""`include`: what compiles, how a mistake is shown, what a rule says of an incident."""

import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.nearest import nearest
from app.rules import NAMES, Rule, RuleError, compile_rule

TEXTS = ("source", "vendor", "kind", "incident_type", "reference_id", "name", "priority", "urgency", "status")
LISTS = ("services", "service_ids", "teams", "tags")
FLAGS = ("merged", "deleted")
EMPTY = (
    dict.fromkeys(TEXTS, "") | {name: [] for name in LISTS} | dict.fromkeys(FLAGS, False) | {"metadata": {}}
)


def judge(text: str, **names: Any) -> tuple[bool, str]:
    """Return what a rule says of an incident of which only these names are known."""
    return compile_rule(text).judge(EMPTY | names)


def mistake(text: str) -> str:
    """Return what is said about a rule that does not compile."""
    with pytest.raises(RuleError) as raised:
        compile_rule(text)
    return str(raised.value)


def test_the_names_are_those_of_the_contract() -> None:
    """Each documented name is known, and no other."""
    assert sorted(NAMES) == sorted(EMPTY)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_compares_with_a_text(name: str) -> None:
    """Every text of an incident can be compared and matched."""
    rule = f'{name} == "a1" and {name} =~ "a\\\\d" and {name} in ["a1"]'
    assert (judge(rule, **{name: "a1"}), judge(rule, **{name: "b1"})) == ((True, ""), (False, ""))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_asked_for_its_items(name: str) -> None:
    """Every list of an incident can be asked whether it has an item, empty ones too."""
    rule = f'"a" in {name}'
    assert (judge(rule, **{name: ["b", "a"]}), judge(rule)) == ((True, ""), (False, ""))


@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_is_a_rule_of_its_own(name: str) -> None:
    """A flag alone, or denied, is a rule."""
    assert (judge(name, **{name: True}), judge(f"not {name}", **{name: True})) == ((True, ""), (False, ""))


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ('metadata["urgency"] == "high"', True),
        ('metadata&["urgency"] == "low"', False),
        ('metadata&["nothing"] == "high"', False),
        ('metadata["number"] > 41', True),
        ('"Edge" in metadata["teams"]', True),
        ('metadata["teams"].length == 1', False),
        ('metadata["approximate"]', True),
    ],
)
def test_metadata_is_asked_by_key(rule: str, holds: bool) -> None:
    """Texts, numbers, lists and flags of the metadata are read by key; `&[` stands for one that may be missing."""
    known = {"urgency": "high", "number": 42, "teams": ("Ops", "Edge"), "approximate": True}
    assert judge(rule, metadata=known) == (holds, "")


@pytest.mark.parametrize(
    ("text", "included"), [("priority", False), ('"a"', True), ("0", False), ("null", False)]
)
def test_a_rule_that_is_no_question_is_judged_by_truth(text: str, included: bool) -> None:
    """Nothing, zero and what is empty are false; the rest is true."""
    assert judge(text) == (included, "")


@pytest.mark.parametrize("name", NAMES)
def test_a_mistyped_name_is_told_with_the_nearest(name: str) -> None:
    """A name with one letter missing brings up the name that was meant."""
    wrong = name[:-1] if name != "services" else "servics"
    assert f"'{wrong}' is not a name; did you mean {name}?" in mistake(f"{wrong} == source")


def test_a_name_like_no_other_is_told_with_all() -> None:
    """Where no name is near, all of them are listed."""
    assert f"'xyzzy' is not a name; the names are {', '.join(NAMES)}" in mistake("xyzzy")


@pytest.mark.parametrize(
    "marked",
    [
        '^priorty == "P1"',
        'merged and ^priorty == "P1"',
        '"priorty" == ^priorty',
        "'priorty' == ^priorty",
        '"a \\" priorty" == ^priorty',
        "'it\\'s priorty' == ^priorty",
        '"\\\\" == ^priorty and "priorty" == "x"',
        "name == '\"' + ^priorty + '\"'",
        'name == "\'" and ^priorty == "\'"',
        '"priorty" == ^priorty_x',
        'source == "a"\nand ^priorty == "b"\nor merged',
        '\t^priorty == "b"',
        'name == "日本語 priorty é" and ^priorty == "é"',
        'name == "🔥" and ^priorty in ["P1"]',
        '"x" in [^priorty]',
        "name[1:^priorty]",
        'merged ? ^priorty : "b"',
        '^priorty["a"] == "b"',
        "merged and ^priorty # priorty",
        '{"priorty": 1} == ^priorty',
        'd"2020-01-01" == ^priorty',
    ],
)
def test_the_caret_stands_before_the_unknown_name(marked: str) -> None:
    """The rule is shown on one line with a caret where the unknown name stands, not where a string has the word."""
    assert mistake(marked.replace("^", "")).endswith(f"at the ^ in: {marked}".replace("\n", " "))


@pytest.mark.parametrize(
    "marked",
    [
        'metadata.priorty == "a" and ^priorty == "b"',
        'metadata&.priorty == "a" and ^priorty == "b"',
        '$any([x == "a" for x in services]) and ^x == "b"',
    ],
)
def test_the_caret_passes_over_the_same_word_in_another_part(marked: str) -> None:
    """An attribute or a list's own variable of the same word is not the unknown name."""
    told = mistake(marked.replace("^", ""))
    assert "^" not in told.partition(" in: ")[2] or told.endswith(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "urgency ==^",
        "urgency ==^  \n",
        'urgency == "high" and^',
        '(urgency == "high"^',
        'urgency == "high"^)',
        'urgency == ^"high',
        "urgency ^= merged",
        'urgency == "high" &^& merged',
        '^é == "a"',
        "merged ^; deleted",
        "merged\nor ^or deleted",
        'name == "é" ^"b"',
        "[1,2^",
        "\tmerged\t^@",
        "^and",
    ],
)
def test_the_caret_stands_where_a_rule_cannot_be_read(marked: str) -> None:
    """A rule that is not well formed is shown with a caret before what cannot follow, or at its end."""
    assert mistake(marked.replace("^", "")) == f"cannot be read at the ^ in: {marked}".replace("\n", " ")


@pytest.mark.parametrize(
    "text",
    [
        *('name =~ "["', 'name =~ "(?P<a"', 'name =~~ "*"', 'name =~ "(?<=a+)b"'),
        *("1 + 'a'", "priority + 1 == 2", 'name < 1 and "a" < 1', 'services in "a"', "merged > 1"),
        *("1 / 0 == 1", "2 ** 999999999 == 1", '{"a": 1}["b"] == 1', 'd"nonsense" == 1', 't"x" == 1'),
        *('name == "\\x"', 'name == "\\u12"', 'b"\\xzz" == b"a"', 'services["a"] == "b"', "$min(name) == 1"),
        *("-" * 1900 + "1", "a" * 2001, "merged or " * 200 + "merged"),
    ],
)
def test_what_can_never_work_is_a_mistake(text: str) -> None:
    """Wrong regular expressions, types, numbers and literals, and rules too long or too deep, stop the start."""
    told = mistake(text)
    assert told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "nan < 1",
        'd"9999-12-31" + t"P9999D" > d"2020-01-01"',
        'd"0001-01-01" - t"P9D" > d"2020-01-01"',
        't"P99999999999D" == 1',
        "1 << 99999999999999999999 == 1",
    ],
)
def test_numbers_and_dates_out_of_range_are_a_mistake(text: str) -> None:
    """What the library does not foresee while it compiles is told like any other mistake."""
    assert mistake(text)


@pytest.mark.parametrize(
    ("text", "near"), [("services.lenght == 1", "length"), ("name.as_lowr == 'a'", "as_lower")]
)
def test_a_mistyped_attribute_is_told_with_the_nearest(text: str, near: str) -> None:
    """An attribute that does not exist brings up the one that was meant, with a caret."""
    told = mistake(text)
    assert (f"did you mean {near}?" in told, told.count(".^")) == (True, 1)


@pytest.mark.parametrize(
    ("text", "near"), [("$anyy(services)", "any"), ("$splitt(name)", "split"), ("$xyzzy", "")]
)
def test_an_unknown_function_stops_the_start(text: str, near: str) -> None:
    """A function that does not exist would fail on every incident: it is told at the start, with the nearest."""
    told = mistake(text)
    assert (text[1:].partition("(")[0] in told, near in told) == (True, True)


@pytest.mark.parametrize("text", ['$now > d"2026-01-01"', '$today > d"2026-01-01"', "$random(1) < 0.5"])
def test_a_rule_knows_no_clock_and_no_chance(text: str) -> None:
    """What should be in DX follows from the evidence alone, so a rule cannot ask for the time or for luck."""
    assert mistake(text)


@pytest.mark.parametrize(
    "text",
    [
        *('services == "a"', "priority == 1", 'merged == "true"', "deleted == 0", 'urgency == ["high"]'),
        *("priority in [1, 2]", "1 in services", 'teams != "Ops"'),
    ],
)
def test_a_comparison_that_never_depends_on_the_incident_stops_the_start(text: str) -> None:
    """A list is never a text and a text never a number: such a rule would leave out every incident in silence."""
    assert mistake(text)


COMMENTED = 'urgency == "high" # pages somebody\nand priority == "P1"'


def test_a_comment_ends_with_its_line() -> None:
    """A comment inside a rule of several lines hides nothing after its line, or is refused."""
    try:
        rule = compile_rule(COMMENTED)
    except RuleError:
        return
    assert rule.judge(EMPTY | {"urgency": "high", "priority": "P3"}) == (False, "")


@pytest.mark.parametrize(
    "text",
    [
        "\nmerged\n  or deleted\n",
        "merged or\tdeleted",
        "merged or deleted # both",
        "merged\nor deleted # both\n",
    ],
)
def test_a_rule_may_have_several_lines(text: str) -> None:
    """Lines, tabs and a comment at the end change nothing in what a rule says."""
    assert [judge(text), judge(text, deleted=True)] == [(False, ""), (True, "")]


def test_a_dotted_metadata_key_works_or_is_refused() -> None:
    """`metadata.urgency` is either read or told at the start; it never fails on every incident."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            rule = compile_rule('metadata.urgency == "low"')
        except RuleError:
            return
        assert rule.judge(EMPTY | {"metadata": {"urgency": "high"}}) == (False, "")


@pytest.mark.parametrize(
    "text",
    [
        *(
            'metadata["nothing"] == "a"',
            'tags[0] == "a"',
            "metadata&['nothing'] > 1",
            '"a" in metadata&["nothing"]',
        ),
        *(
            "name =~ source",
            '$parse_datetime(name) > d"2026-01-01"',
            "$parse_float(name) == 1",
            "services[1.5] == 'a'",
        ),
    ],
)
def test_a_rule_that_fails_counts_as_true_and_says_why(text: str) -> None:
    """A missing key, an item too far, a wrong type: the incident is included and the reason is told."""
    included, why = judge(text, source="[", name="x")
    assert (included, bool(why)) == (True, True)


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), KeyError("a"), TypeError("b")])
def test_a_rule_that_fails_without_words_is_told_too(error: Exception) -> None:
    """Whatever the library raises, and however silently, is a failure with a reason."""

    class Failing:
        def matches(self, _: object) -> bool:
            raise error

    included, why = Rule("merged", Failing()).judge(EMPTY)
    assert (included, bool(why)) == (True, True)


def test_rules_of_one_text_are_equal() -> None:
    """Two rules are the same when their text is, and can be kept in a set."""
    assert {compile_rule("merged"), compile_rule("merged")} == {compile_rule("merged")}
    assert compile_rule("merged") != compile_rule("deleted")


def test_one_rule_serves_many_threads() -> None:
    """Eight threads that ask one rule about different incidents get their own answers, groups included."""
    text = 'name =~ "(.*)-.*" and $re_groups[0] == priority and $any([each == priority for each in services])'
    rule = compile_rule(text)

    def wrong_answers(number: int) -> list[tuple[str, tuple[bool, str]]]:
        own = f"P{number}"
        expected = {own: (True, ""), "none": (False, "")}
        asked = [own, "none"] * 200
        about = {"name": f"{own}-disk", "services": [own]}
        answers = [(priority, rule.judge(EMPTY | about | {"priority": priority})) for priority in asked]
        return [(priority, answer) for priority, answer in answers if answer != expected[priority]]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as threads:
            assert [wrong for found in threads.map(wrong_answers, range(8)) for wrong in found] == []
    finally:
        sys.setswitchinterval(before)


WORDS = st.sampled_from(
    [
        *NAMES,
        *(
            "==",
            "!=",
            "<",
            ">=",
            "in",
            "not",
            "and",
            "or",
            "=~",
            "+",
            "-",
            "*",
            "/",
            "**",
            "%",
            "&",
            "|",
            "^",
            "?",
            ":",
        ),
        *(
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ".",
            "&.",
            "&[",
            "$any",
            "$split",
            "$re_groups",
            "$max",
            "for",
            "x",
            "if",
        ),
        *(
            '"a"',
            "'b'",
            '"["',
            "1",
            "0",
            "1.5",
            "inf",
            "true",
            "null",
            'd"2026-01-01"',
            't"P1D"',
            'b"a"',
            "# a",
            "\n",
        ),
        *('"', "'", "\\", "\t", "é", "日", "priorty", "@", ";", "=", "!", "~"),
    ]
)
RULES = st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=40)


@given(RULES)
def test_any_text_compiles_or_is_a_mistake(text: str) -> None:
    """Whatever is written as a rule either compiles or is a RuleError, and what compiles never raises."""
    with suppress(RuleError):
        included, why = compile_rule(text).judge(EMPTY)
        assert included or not why


@given(
    st.text(st.sampled_from("abcxyz_"), min_size=1, max_size=12),
    st.lists(st.sampled_from(['"x" == "x" and ', "merged or ", "'it\\'s' == name and ", "\t"])),
)
def test_an_unknown_name_has_its_caret_wherever_it_stands(name: str, before: list[str]) -> None:
    """Behind strings, names and tabs the caret stands at the unknown name's own column."""
    head, unknown = "".join(before), f"q{name}"
    assert mistake(f"{head}{unknown} == source").endswith(f"{head}^{unknown} == source")


@pytest.mark.parametrize(
    ("word", "told"), [("priorty", "; did you mean priority?"), ("P", ""), ("", ""), ("PRIORITY", "")]
)
def test_nearest_is_one_word_or_nothing(word: str, told: str) -> None:
    """A similar word is suggested, a strange one is not."""
    assert nearest(word, ("priority", "name")) == told


def test_the_names_are_words() -> None:
    """Each name can be written in a rule as it is."""
    assert all(re.fullmatch("[a-z_]+", name) for name in NAMES)


def test_without_a_rule_no_parser_is_built():
    """Importing the web side, the pipeline and `serve` leaves the rules' language alone, which is slow to begin."""
    found = "import sys, app.wsgi, app.pipeline, app.cli.serve; print('rule_engine' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )
