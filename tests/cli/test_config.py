"""`bridge.toml` through the commands: found, refused with every mistake, and no secret shown."""

import json
import os
import subprocess
import sys

import pytest

from tests.harness import ROOT, free_port

SECRET = "hunter2-long-random-secret"
TRIGGER = {
    "event": {
        "id": "E1",
        "event_type": "incident.triggered",
        "occurred_at": "2026-03-01T10:00:00Z",
        "data": {"type": "incident", "id": "Q1", "status": "triggered", "title": "Down", "urgency": "low"},
    }
}
EIGHT = f"""
prioritys = {{}}
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
secrets_env = "EU_SECRETS"
api_url = "https://user:{SECRET}@example.com"
"""
MISTAKEN = (
    *("prioritys:", "[services] unmapped:", "[services.map] PF9KMXH:", "[priorities] SEV-1:"),
    *(
        "[incidents] include:",
        "[incidents] retract, item 1:",
        "[incidents.rename] urgency:",
        "[sources.eu] api_url:",
    ),
)
ENVIRONMENT = {"PAGERDUTY_WEBHOOK_SECRETS": SECRET, "DX_API_TOKEN": SECRET, "EU_SECRETS": SECRET}


def naming(name, output):
    """Return the lines that name a file, without what stands before its name."""
    return [line.partition(name)[2] for line in output.splitlines() if name in line]


def map_one(bridge, *arguments, **settings):
    """Map one event; return the exit code, and the object printed or None."""
    result = bridge("map", *arguments, "-", stdin=json.dumps(TRIGGER), **settings)
    return result.exit_code, json.loads(result.stdout) if result.stdout else None


@pytest.mark.parametrize("settings", [{}, {"BRIDGE_CONFIG": "named.toml"}])
def test_check_tells_eight_mistakes_in_eight_lines(bridge, folder, settings):
    """`dx-bridge check` tells each mistake of a file in one line that names it, and no secret."""
    name = settings.get("BRIDGE_CONFIG", "bridge.toml")
    (folder / name).write_text(EIGHT)
    result = bridge("check", **ENVIRONMENT, **settings)
    told = naming(f"{name}: ", result.output)
    assert (result.exit_code, len(told)) == (1, 8)
    assert [[line.startswith(place) for line in told].count(True) for place in MISTAKEN] == [1] * 8
    assert SECRET not in result.output


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_broken_file_is_no_start(folder, command):
    """`serve` and `work` tell the same eight lines, end with exit code 1 and touch nothing."""
    (folder / "bridge.toml").write_text(EIGHT)
    bind = ["--bind", f"127.0.0.1:{free_port()}"] if command == "serve" else []
    kept = {name: value for name, value in os.environ.items() if name != "PORT"}
    result = subprocess.run(
        [sys.executable, "-m", "app", command, *bind],
        env={**kept, **ENVIRONMENT, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = naming("bridge.toml: ", result.stderr)
    assert (result.returncode, len(told), result.stdout) == (1, 8, "")
    assert [[line.startswith(place) for line in told].count(True) for place in MISTAKEN] == [1] * 8
    assert (SECRET in result.stderr, [path.name for path in folder.iterdir()]) == (False, ["bridge.toml"])


def test_map_tells_the_same_and_maps_nothing(bridge, folder):
    """`map --config` with a broken file prints its eight lines, no result, and ends with exit code 2."""
    (folder / "other.toml").write_text(EIGHT)
    result = bridge("map", "--config", "other.toml", "-", stdin=json.dumps(TRIGGER))
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(naming("other.toml: ", result.stderr)) == len(result.stderr.splitlines()) == 8


@pytest.mark.parametrize(
    "content",
    [None, b"\xff\xfe", b"[services", b"a = " + b"[" * 20_000 + b"]" * 20_000, b"a = " + b"9" * 5_000],
)
def test_map_with_a_file_that_cannot_be_read_is_exit_code_2(bridge, folder, content):
    """A missing file, one that is no text, no TOML, or nested without end is told in one line."""
    if content is not None:
        (folder / "other.toml").write_bytes(content)
    result = bridge("map", "--config", "other.toml", "-", stdin=json.dumps(TRIGGER))
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert result.stderr.startswith("other.toml: ")


def test_map_takes_its_policy_from_config_alone(bridge, folder):
    """Neither a file that lies around nor BRIDGE_CONFIG changes what `map` prints."""
    (folder / "bridge.toml").write_text("[incidents]\ninclude = 'urgency == \"high\"'")
    alone = map_one(bridge, BRIDGE_CONFIG="bridge.toml")
    assert (alone[0], alone[1]["outcome"]) == (0, "upsert")
    assert map_one(bridge, "--config", "bridge.toml")[1] == {
        "event": "E1",
        "source": "pagerduty",
        "outcome": "ignored",
        "reference_id": "Q1",
        "reason": "include is false",
    }


def test_map_reads_no_environment_for_its_config(bridge, folder):
    """A further source needs no secret to be mapped; its prefix and name show."""
    (folder / "other.toml").write_text(
        '[sources.eu]\nvendor = "pagerduty"\nsecrets_env = "NOT_SET"\nreference_prefix = "eu-"\n'
    )
    code, told = map_one(bridge, "--config", "other.toml", "--source", "eu")
    assert (code, told["source"], told["reference_id"]) == (0, "eu", "eu-Q1")


def test_check_reads_the_file_that_bridge_config_names(bridge, folder):
    """BRIDGE_CONFIG goes before `bridge.toml`, whatever that says."""
    (folder / "bridge.toml").write_text(EIGHT)
    (folder / "named.toml").write_text('[sources.eu]\nvendor = "pagerduty"\nsecrets_env = "EU_SECRETS"\n')
    result = bridge("check", BRIDGE_CONFIG="named.toml", **ENVIRONMENT)
    assert naming("bridge.toml", result.output) == []
    assert "source eu: webhooks are accepted at /webhooks/eu" in result.stdout


def test_check_tells_a_source_without_its_secret(bridge, folder):
    """A source of the file whose variable is not set is a problem that names the variable."""
    (folder / "bridge.toml").write_text('[sources.eu]\nvendor = "pagerduty"\nsecrets_env = "EU_SECRETS"\n')
    told = bridge("check", PAGERDUTY_WEBHOOK_SECRETS=SECRET).stdout
    assert "problem: [sources.eu] accepts no webhook: set EU_SECRETS" in told.splitlines()


def test_check_tells_a_missing_file_once(bridge):
    """A file that BRIDGE_CONFIG names and that is not there is one problem."""
    result = bridge("check", BRIDGE_CONFIG="missing.toml")
    assert [line.startswith("cannot be read") for line in naming("missing.toml: ", result.output)] == [True]


@pytest.mark.parametrize(
    "line",
    [
        f'secrets_env = "{SECRET}"',
        f'secrets_env = ["{SECRET}"]',
        f'app_url = "https://u:{SECRET}@example.com"',
    ],
)
def test_a_secret_in_the_file_is_not_shown(bridge, folder, line):
    """A secret that was put in the file by mistake is in no command's output."""
    (folder / "bridge.toml").write_text(f'[sources.eu]\nvendor = "pagerduty"\n{line}\n')
    outputs = [bridge("check").output, bridge("map", "--config", "bridge.toml", "-", stdin="{}").output]
    assert [SECRET in output for output in outputs] == [False, False]


def test_a_broken_file_is_the_only_thing_that_is_told_about_its_sources(bridge, folder):
    """Where the file cannot be read, nothing is said about secrets that its sources would have used."""
    (folder / "bridge.toml").write_text(EIGHT)
    assert "no webhook can be accepted" not in bridge("check", EU_SECRETS=SECRET).output
