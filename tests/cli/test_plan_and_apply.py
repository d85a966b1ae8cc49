"""`dx-bridge plan` and `apply`: exit codes, what is shown, what stays unwritten; and helpers for its neighbours."""

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import update

from app.cli import main
from app.clock import Clock
from app.fold import Folder
from app.sources import default_sources
from app.store import events, tables
from app.store.engine import connect
from app.store.migrate import upgrade
from tests.cli.conftest import TOKEN
from tests.harness import ROOT

NAUGHTY = "Down \x1b[31mred\x1b[0m\nnext\r\x07\x9b1m \u202eend\x1b]0;title\x07"
COLOUR = re.compile(r"\x1b\[(3[123]|0)m")
OUT = "1 would be added to DX, 0 changed, 0 taken out"


def pagerduty(number=1, status="triggered", at="2026-03-01T10:00:00Z", **data):
    """Return a PagerDuty event about incident Q<number>."""
    incident = {"type": "incident", "id": f"Q{number}", "status": status, "title": "Down", "created_at": at}
    event = {"event_type": f"incident.{status}", "occurred_at": at, "data": {**incident, **data}}
    return {"event": event}


def receive(*bodies, source="pagerduty", fold=True):
    """Store webhooks in the folder's database, made where missing; fold them under the policy in force."""
    engine = connect("sqlite:///bridge.db")
    upgrade(engine)
    with engine.begin() as connection:
        for body in map(json.dumps, bodies):
            events.add(connection, source, body, body.encode(), 1)
    folder = Folder(engine, default_sources(), None, Clock())
    while fold and folder.fold():
        pass
    engine.dispose()


def set_columns(**values):
    """Change columns of all incidents of the folder's database."""
    engine = connect("sqlite:///bridge.db")
    with engine.begin() as connection:
        connection.execute(update(tables.incidents).values(**values))
    engine.dispose()


def write(folder, text, name="bridge.toml"):
    """Write a configuration; return its path for the command line."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def in_toml(text):
    """Return a text in quotes, each character that is no printable ASCII as an escape."""
    return json.dumps(text).replace("\x7f", "\\u007f")


def on_terminal(folder, *arguments, **settings):
    """Run a command in a process of its own on a terminal; return what it shows there on standard output."""
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-m", "app", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL
    )
    os.close(slave)
    shown = bytearray()
    try:
        while some := os.read(master, 65_536):
            shown += some
    except OSError:  # how Linux tells that the other side is closed
        pass
    os.close(master)
    process.wait(30)
    return shown.decode().replace("\r\n", "\n")


def invisible(text):
    """Return the characters of an output that are neither to be seen nor ends of lines."""
    return [each for each in text if not each.isprintable() and each != "\n"]


def held_by_dx(url):
    """Return the incidents that the sandbox holds, by reference."""
    held = requests.get(f"{url}/sandbox/incidents", timeout=10).json()["incidents"]
    return {each["reference_id"]: each for each in held}


def deliver(bridge, url):
    """Fold and deliver all that is due."""
    result = bridge("work", "--drain", DX_BASE_URL=url, DX_API_TOKEN=TOKEN, DX_MAX_RPS="0")
    assert result.exit_code == 0, result.output


def planned(bridge, *arguments, **settings):
    """Plan; return the exit code and the object printed."""
    result = bridge("plan", "--json", *arguments, **settings)
    return result.exit_code, json.loads(result.stdout)


def dump(folder):
    """Return everything that a database file holds."""
    connection = sqlite3.connect(f"file:{folder}/bridge.db?mode=ro", uri=True)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


# Exit codes


def test_nothing_to_change_is_exit_code_0(bridge, folder):
    """Under the policy in force nothing changes, and the last line says that it is in force."""
    receive(pagerduty())
    result = bridge("plan")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        0,
        "Nothing was written. This policy is in force.",
    )


def test_changes_are_exit_code_3(bridge, folder):
    """An incident that DX would get differently is exit code 3."""
    receive(pagerduty(urgency="low"))
    config = write(folder, "[incidents]\nmetadata = []", "new.toml")
    assert bridge("plan", "--config", config).exit_code == 3


def test_an_empty_database_has_nothing_to_change(bridge, folder):
    """Without any incident a new policy changes none: exit code 0."""
    receive()
    code, plan = planned(bridge, "--config", write(folder, "[incidents]\nmetadata = []", "new.toml"))
    assert (code, plan["changes"], plan["policy_in_force"]) == (0, [], False)


def test_a_file_that_cannot_be_read_is_exit_code_2(bridge, folder):
    """A --config that is missing, a folder, no TOML or wrong is bad usage, named on standard error alone."""
    receive()
    write(folder, "x = [", "broken.toml")
    write(folder, "[servces]\nx = 1", "wrong.toml")
    for name in ("missing.toml", ".", "broken.toml", "wrong.toml"):
        result = bridge("plan", "--config", name)
        assert (result.exit_code, result.stdout, name in result.stderr) == (2, "", True)


def test_a_broken_file_in_use_is_exit_code_1(bridge, folder):
    """A bridge.toml with mistakes stops plan and apply like any wrong setting, each mistake on a line."""
    receive()
    write(folder, "[servces]\n[incidents]\nretract = ['merge']")
    for command in ("plan", "apply"):
        result = bridge(command)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "did you mean services?" in result.stderr
        assert "did you mean merged?" in result.stderr


def test_a_policy_that_would_rename_what_dx_holds_is_refused(bridge, folder, sandbox_url):
    """Another reference prefix is exit code 1 for plan and apply, and leaves the database as it was."""
    receive(pagerduty())
    deliver(bridge, sandbox_url)
    write(folder, '[sources.pagerduty]\nreference_prefix = "pd-"')
    before = dump(folder)
    plan, apply = bridge("plan"), bridge("apply")
    assert (plan.exit_code, apply.exit_code) == (1, 1)
    assert "refused: [sources.pagerduty] reference_prefix: 1 incidents" in plan.stdout
    assert "makes it so" not in plan.stdout
    assert "Nothing was changed:\n[sources.pagerduty] reference_prefix" in apply.stderr
    assert dump(folder) == before


# What plan shows


def test_each_change_is_shown_with_its_sign(bridge, folder):
    """What is taken out stands behind -, with the reason; what differs behind ~, key by key."""
    receive(pagerduty(1, priority={"summary": "P1"}), pagerduty(2, priority={"summary": "P5"}))
    text = "[priorities]\nP1 = 'critical'\n[incidents]\ninclude = 'priority == \"P1\"'"
    lines = bridge("plan", "--config", write(folder, text, "new.toml")).stdout.splitlines()
    assert lines[:3] == ["~ Q1  Down", "    priority: P1 -> critical", "- Q2  Down  (include is false)"]
    assert lines[3].startswith("0 would be added to DX, 1 changed, 1 taken out; 0 ")


def test_what_would_be_added_is_shown(bridge, folder):
    """An incident that the policy in force leaves out, and the new one does not, stands behind +."""
    write(folder, "[incidents]\ninclude = 'urgency == \"high\"'")
    receive(pagerduty(urgency="low"))
    assert bridge("apply").exit_code == 0
    write(folder, "")
    result = bridge("plan")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (3, "+ Q1  Down")
    assert OUT in result.stdout


def test_of_metadata_only_what_differs_is_shown(bridge, folder):
    """A list in the metadata that stays as it was is no difference."""
    receive(pagerduty(urgency="low", teams=[{"summary": "Team A"}, {"summary": "Team B"}]))
    config = write(folder, "[incidents]\nmetadata = ['source', 'kind', 'teams']", "new.toml")
    assert bridge("plan", "--config", config).stdout.splitlines()[:2] == [
        "~ Q1  Down",
        "    metadata.urgency: low -> nothing",
    ]


def test_forty_incidents_add_up(bridge, folder):
    """The totals count each incident once, by what becomes of it."""
    receive(*(pagerduty(number, urgency="low" if number % 4 else "high") for number in range(40)))
    config = write(folder, "[incidents]\ninclude = 'urgency == \"low\"'", "new.toml")
    code, plan = planned(bridge, "--config", config)
    assert (code, plan["totals"]) == (3, {"add": 0, "update": 0, "remove": 10, "unchanged": 30})
    assert len(plan["changes"]) == 10


def test_json_has_before_and_after(bridge, folder):
    """With --json there is one object: changes with both bodies, totals, and what stands in the way."""
    receive(pagerduty(priority={"summary": "P1"}))
    config = write(folder, "[priorities]\nP1 = 'critical'\n[incidents]\nmetadata = []", "new.toml")
    code, plan = planned(bridge, "--config", config)
    [change] = plan.pop("changes")
    before, after = change.pop("before"), change.pop("after")
    assert (code, change) == (
        3,
        {"source": "pagerduty", "reference_id": "Q1", "change": "update", "reason": ""},
    )
    assert (before["priority"], after["priority"], "metadata" in after) == ("P1", "critical", False)
    assert plan == {
        "totals": {"add": 0, "update": 1, "remove": 0, "unchanged": 0},
        "not_refoldable": [],
        "excluded_and_kept": 0,
        "refused": [],
        "policy_in_force": False,
    }


def test_json_says_null_for_what_dx_does_not_hold(bridge, folder):
    """`after` is null where an incident would be taken out, and `before` where it would be added."""
    receive(pagerduty())
    write(folder, "[incidents]\ninclude = 'false'")
    [change] = planned(bridge)[1]["changes"]
    assert (change["change"], change["before"]["reference_id"], change["after"]) == ("remove", "Q1", None)
    bridge("apply")
    [change] = planned(bridge, "--config", write(folder, "", "none.toml"))[1]["changes"]
    assert (change["change"], change["before"], change["after"]["reference_id"]) == ("add", None, "Q1")


def test_what_cannot_be_refolded_is_named(bridge, folder):
    """Incidents whose events are purged are counted, a few of them named; --json names all and says why."""
    receive(*(pagerduty(number) for number in range(10, 22)))
    set_columns(events_purged=True)
    told = bridge("plan").stdout
    assert "12 cannot be re-folded and keep their state (Q10, Q11," in told
    assert "Q20 …" not in told
    assert "Q19 …" in told
    _, plan = planned(bridge)
    assert len(plan["not_refoldable"]) == 12
    assert plan["not_refoldable"][0] == {
        "source": "pagerduty",
        "vendor_id": "Q10",
        "reason": "its events are purged",
    }


def test_another_destination_is_told(bridge, folder, sandbox_url):
    """What was delivered to another DX_BASE_URL is counted, with the command that sends it."""
    receive(pagerduty())
    deliver(bridge, sandbox_url)
    told = bridge("plan", DX_BASE_URL="https://acme.getdx.net").stdout
    assert "1 incidents were delivered to another DX_BASE_URL than https://acme.getdx.net" in told
    assert "another DX_BASE_URL" not in bridge("plan", DX_BASE_URL=sandbox_url).stdout


def test_the_next_step_fits_the_file(bridge, folder):
    """A file that is not in use has to be put in place first: apply takes the one in use."""
    receive(pagerduty(urgency="low"))
    text = "[incidents]\nmetadata = []"
    other = bridge("plan", "--config", write(folder, text, "new.toml")).stdout
    write(folder, text)
    own, named = bridge("plan").stdout, bridge("plan", "--config", "new.toml").stdout
    assert "Put the file in the place of bridge.toml; then `dx-bridge apply`" in other
    assert own.endswith("Nothing was written. `dx-bridge apply` makes it so.\n")
    assert named == own


def test_planning_writes_nothing(bridge, folder):
    """After a plan with changes the database holds exactly what it held before."""
    receive(pagerduty(urgency="low"), pagerduty(2))
    receive(pagerduty(3), fold=False)
    before = dump(folder)
    config = write(folder, "[incidents]\ninclude = 'urgency == \"high\"'\nretract = ['excluded']", "new.toml")
    assert bridge("plan", "--config", config).exit_code == 3
    assert dump(folder) == before


# Terminals


def test_colours_are_for_terminals(bridge, folder):
    """On a terminal a change is coloured; in a pipe the same lines have no escape sequence at all."""
    receive(pagerduty(1, priority={"summary": "P1"}), pagerduty(2))
    text = "[priorities]\nP1 = 'critical'\n[incidents]\ninclude = 'priority == \"P1\"'"
    config = write(folder, text, "new.toml")
    shown, piped = on_terminal(folder, "plan", "--config", config), bridge("plan", "--config", config).stdout
    assert "\x1b[33m~ Q1  Down\x1b[0m\n" in shown
    assert "priority: \x1b[31mP1\x1b[0m -> \x1b[32mcritical\x1b[0m\n" in shown
    assert "\x1b[31m- Q2  Down  (include is false)\x1b[0m\n" in shown
    assert COLOUR.sub("", shown) == piped
    assert "\x1b" not in piped


def test_what_vendors_write_does_not_steer_a_terminal(bridge, folder):
    """Names, ids and values with escape sequences, line ends or bidi marks are shown as escapes."""
    services = {"service": {"id": "P1", "summary": NAUGHTY}, "teams": [{"summary": NAUGHTY}]}
    receive(pagerduty("\x9b2J", title=NAUGHTY, priority={"summary": NAUGHTY}, **services))
    text = f"[priorities]\n{in_toml(NAUGHTY)} = 'P1'\n[services]\nunmapped = 'id'\n[incidents]\nmetadata = []"
    shown = COLOUR.sub("", on_terminal(folder, "plan", "--config", write(folder, text, "new.toml")))
    assert invisible(shown) == []
    assert r"~ Q\x9b2J  Down \x1b[31mred\x1b[0m\nnext" in shown
    assert r"    priority: Down \x1b[31mred" in shown


def test_reasons_do_not_steer_a_terminal(bridge, folder):
    """A reason that quotes a vendor's word, an issue type, is shown with escapes, too."""
    issue = {"id": "7", "fields": {"summary": "Down", "issuetype": {"name": NAUGHTY}}}
    write(folder, f"[sources.jira]\nissue_types = [{in_toml(NAUGHTY)}]")
    body = {"timestamp": 1_767_323_045_000, "webhookEvent": "jira:issue_created", "issue": issue}
    receive(body, source="jira")
    assert bridge("apply").exit_code == 0
    shown = COLOUR.sub("", on_terminal(folder, "plan", "--config", write(folder, "", "new.toml")))
    assert invisible(shown) == []
    assert r'- jira-7  Down  (issue type "Down \x1b[31mred' in shown


def test_a_long_name_does_not_fill_the_screen(bridge, folder):
    """The line of a change has the beginning of a long name; --json has all of it."""
    receive(pagerduty(title="x" * 5000))
    config = write(folder, "[incidents]\ninclude = 'false'", "new.toml")
    first = bridge("plan", "--config", config).stdout.splitlines()[0]
    assert re.fullmatch(r"- Q1  x{100}…  \(include is false\)", first)
    assert planned(bridge, "--config", config)[1]["changes"][0]["before"]["name"] == "x" * 5000


# Apply


def test_apply_brings_dx_under_the_policy(bridge, folder, sandbox_url):
    """After apply and the pipeline DX holds what plan said; then nothing is left to change."""
    receive(pagerduty(1, priority={"summary": "P1"}), pagerduty(2))
    deliver(bridge, sandbox_url)
    assert held_by_dx(sandbox_url).keys() == {"Q1", "Q2"}
    text = (
        "[priorities]\nP1 = 'critical'\n[incidents]\ninclude = 'priority == \"P1\"'\nretract = ['excluded']"
    )
    write(folder, text)
    _, plan = planned(bridge, DX_BASE_URL=sandbox_url)
    assert plan["totals"] == {"add": 0, "update": 1, "remove": 1, "unchanged": 0}
    result = bridge("apply", DX_BASE_URL=sandbox_url)
    assert (result.exit_code, result.stdout) == (
        0,
        "The policy is in force; 2 incidents are due and the pipeline sends them.\n",
    )
    deliver(bridge, sandbox_url)
    held = held_by_dx(sandbox_url)
    assert {reference: each["priority"] for reference, each in held.items()} == {"Q1": "critical"}
    assert bridge("plan", DX_BASE_URL=sandbox_url).exit_code == 0


def test_without_retract_dx_keeps_what_it_holds(bridge, folder, sandbox_url):
    """What DX holds already is not taken out by include alone, and plan says so beforehand."""
    receive(pagerduty())
    deliver(bridge, sandbox_url)
    write(folder, "[incidents]\ninclude = 'false'")
    told = bridge("plan", DX_BASE_URL=sandbox_url)
    assert (told.exit_code, 'excludes them: 1; retract = ["excluded"]' in told.stdout) == (0, True)
    assert planned(bridge, DX_BASE_URL=sandbox_url)[1]["excluded_and_kept"] == 1
    bridge("apply", DX_BASE_URL=sandbox_url)
    deliver(bridge, sandbox_url)
    assert held_by_dx(sandbox_url).keys() == {"Q1"}


@pytest.mark.parametrize("policy", ["include = 'true'", "include = 'false'\nretract = ['excluded']"])
def test_what_no_policy_keeps_is_not_counted(bridge, folder, sandbox_url, policy):
    """An incident that the policy includes, or takes out, is not told of as kept although excluded."""
    receive(pagerduty())
    deliver(bridge, sandbox_url)
    write(folder, f"[incidents]\n{policy}")
    assert "excludes them" not in bridge("plan", DX_BASE_URL=sandbox_url).stdout


def test_applying_again_changes_nothing(bridge, folder):
    """A second apply of the same file leaves as many incidents due as the first."""
    receive(pagerduty(urgency="low"))
    write(folder, "[incidents]\nmetadata = []")
    first, second = bridge("apply"), bridge("apply")
    assert (first.exit_code, first.stdout) == (second.exit_code, second.stdout)


def test_apply_finds_what_earlier_versions_could_not_map(bridge, folder, sandbox_url):
    """An event that led to no incident, and would today, is an addition, which apply and the pipeline make."""
    receive(pagerduty())
    with sqlite3.connect(folder / "bridge.db") as connection:
        connection.execute("UPDATE events SET outcome = 'unmappable', incident_id = NULL")
        connection.execute("DELETE FROM incidents")
    connection.close()
    [change] = planned(bridge)[1]["changes"]
    assert (change["change"], change["reference_id"]) == ("add", "Q1")
    bridge("apply", DX_BASE_URL=sandbox_url)
    deliver(bridge, sandbox_url)
    assert held_by_dx(sandbox_url).keys() == {"Q1"}


# Every command


@pytest.mark.parametrize("before", ["no file", "no schema", "an older schema"])
@pytest.mark.parametrize(
    "arguments",
    [["plan"], ["apply"], ["services"], ["open"], ["override", "--list"], ["override", "Q1", "--clear"]],
    ids=" ".join,
)
def test_a_database_that_is_not_migrated_is_told(bridge, folder, arguments, before):
    """Without this version's schema a command ends with exit code 1 and the command that makes it."""
    if before == "an older schema":
        receive()
    if before != "no file":
        with sqlite3.connect(folder / "bridge.db") as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
            connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.close()
    result = bridge(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "run `dx-bridge db upgrade`" in result.stderr
    assert (folder / "bridge.db").exists() == (before != "no file")


def test_help_lists_every_command(bridge):
    """`dx-bridge --help` has a line with a sentence for each command there is."""
    shown = bridge("--help").stdout
    names = main.list_commands(None)
    assert {"plan", "apply", "services", "open", "override", "check", "map", "serve"} <= set(names)
    for name in names:
        assert re.search(rf"^  {name} +[A-Z]", shown, re.MULTILINE), name


@pytest.mark.parametrize("name", ["plan", "apply", "services", "open", "override"])
def test_each_command_explains_itself(name):
    """`--help` of a command needs no settings and no database."""
    result = CliRunner().invoke(main, [name, "--help"])
    assert (result.exit_code, result.stdout.startswith(f"Usage: main {name} ")) == (0, True)
