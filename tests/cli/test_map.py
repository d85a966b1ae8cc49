import json

import pytest

PING = {"event": {"id": "E1", "event_type": "pagey.ping", "data": {"type": "ping"}}}
TRIGGER = {
    "event": {
        "id": "E2",
        "event_type": "incident.triggered",
        "occurred_at": "2026-03-01T10:00:00.500Z",
        "data": {"type": "incident", "id": "Q1", "status": "triggered", "title": "Down"},
    }
}


def printed(result):
    """Return the objects that a command printed, one a line."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_one_body_gives_one_line(bridge):
    """A body on standard input becomes one object: event, source, outcome, reference and request."""
    result = bridge("map", "-", stdin=json.dumps(TRIGGER, indent=2))
    (line,) = printed(result)
    assert (result.exit_code, line["event"], line["outcome"], line["reference_id"]) == (
        0,
        "E2",
        "upsert",
        "Q1",
    )
    assert line["request"]["started_at"] == "2026-03-01T10:00:00Z"


def test_a_broken_line_takes_no_other_with_it(bridge):
    """Of JSON Lines with a broken one, the others are mapped, and the broken one is named by its place."""
    lines = printed(bridge("map", "-", stdin=f"{{broken\n{json.dumps(PING)}\n"))
    assert [line["outcome"] for line in lines] == ["unmappable", "ignored"]
    assert "line 1" in lines[0]["reason"]


@pytest.mark.parametrize("text", ["", "[]", "7", "nonsense", '{"a": 1}', '{"messages": 1}', "\x00\x01"])
def test_what_is_no_webhook_is_unmappable(bridge, text):
    """Anything that is no webhook is one unmappable line with an event and a reason, and exit code 1."""
    result = bridge("map", "-", stdin=text)
    (line,) = printed(result)
    assert (result.exit_code, line["outcome"], bool(line["event"]), bool(line["reason"])) == (
        1,
        "unmappable",
        True,
        True,
    )


def test_a_byte_order_mark_is_passed_over(bridge):
    """A file that an editor began with a byte order mark is read like any other."""
    assert (
        printed(bridge("map", "-", stdin=b"\xef\xbb\xbf" + json.dumps(PING).encode()))[0]["outcome"]
        == "ignored"
    )


@pytest.mark.parametrize(
    "arguments", [["nofile.json"], [], ["--source", "nobody", "-"], ["--received-at", "now", "-"]]
)
def test_bad_usage_is_exit_code_2(bridge, arguments):
    """Unreadable files and bad options end with exit code 2 and print no result."""
    result = bridge("map", *arguments, stdin="{}")
    assert (result.exit_code, result.stdout) == (2, "")


def test_folding_prints_one_object_an_incident(bridge, folder):
    """With --fold events of one incident become one object, ignored ones none."""
    resolved = json.loads(
        json.dumps(TRIGGER).replace("triggered", "resolved").replace("10:00:00", "10:30:00")
    )
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, [TRIGGER, PING, resolved])))
    (line,) = printed(bridge("map", "--fold", "a.jsonl"))
    assert (line["reference_id"], line["request"]["resolved_at"]) == ("Q1", "2026-03-01T10:30:00Z")


def test_mapping_reads_no_settings(bridge, folder):
    """`map` is pure: neither a bad environment nor a bad .env matters to it."""
    (folder / ".env").write_text("DX_MAX_RPS=nonsense\n")
    assert bridge("map", "-", stdin=json.dumps(PING), PORT="x").exit_code == 0


RULE = '[incidents]\ninclude = \'metadata["entity"] == "db-1"\'\n'


@pytest.mark.parametrize("arguments", [[], ["--fold"]], ids=["each", "folded"])
def test_a_failing_rule_is_told_on_standard_error(bridge, folder, arguments):
    """A rule that fails on an incident counts as true; standard error names the incident and why."""
    (folder / "new.toml").write_text(RULE)
    result = bridge("map", "--config", "new.toml", *arguments, "-", stdin=json.dumps(TRIGGER))
    assert (result.exit_code, [line["outcome"] for line in printed(result)]) == (0, ["upsert"])
    [told] = result.stderr.splitlines()
    head, failed, words = told.partition("include failed and counts as true: ")
    assert (head, bool(failed), bool(words.strip())) == ("Q1: ", True, True)


def test_a_rule_that_holds_is_not_told(bridge, folder):
    """Where no rule fails, standard error is empty."""
    (folder / "new.toml").write_text("[incidents]\ninclude = 'kind == \"incident\"'")
    assert bridge("map", "--config", "new.toml", "-", stdin=json.dumps(TRIGGER)).stderr == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[servces]", "servces: is not known here; did you mean services?"),
        ("[incidents]\nretract = 'merged'", "[incidents] retract: is not a list"),
        ("[incidents]\nretract = ['merge']", "[incidents] retract, item 1: "),
        ("[incidents]\ninclude = 'prioritys == \"P1\"'", "did you mean priority?"),
        ("[incidents]\ninclude = 'priority == '", "[incidents] include: "),
        ("[services.map]\nP1 = ''", "[services.map] P1: is blank"),
        ("[sources.eu]\nvendor = 'pagerduty'", "[sources.eu] secrets_env: is missing"),
        ("x = ", "is not TOML: "),
    ],
)
def test_a_mistake_in_the_configuration_is_exit_code_2(bridge, folder, text, words):
    """One mistake in --config is one line on standard error that names file and place; nothing is mapped."""
    (folder / "new.toml").write_text(text)
    result = bridge("map", "--config", "new.toml", "-", stdin=json.dumps(TRIGGER))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("new.toml: ")
    assert words in result.stderr


def test_a_source_has_to_be_in_the_configuration(bridge, folder):
    """--source takes the sources of --config, and without it only those that every bridge has."""
    (folder / "new.toml").write_text("[sources.eu]\nvendor = 'pagerduty'\nsecrets_env = 'EU_SECRETS'")
    with_it = bridge("map", "--config", "new.toml", "--source", "eu", "-", stdin=json.dumps(TRIGGER))
    without = bridge("map", "--source", "eu", "-", stdin=json.dumps(TRIGGER))
    assert (with_it.exit_code, printed(with_it)[0]["source"]) == (0, "eu")
    assert (without.exit_code, without.stdout, "pagerduty" in without.stderr) == (2, "", True)
