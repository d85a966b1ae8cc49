"""`dx-bridge map --config` over every sample policy, against expectations worked out by hand."""

import json
import re
import shlex
from pathlib import Path

import pytest

POLICIES = Path(__file__).resolve().parents[1] / "samples" / "policies"
NAMES = sorted(path.parent.name for path in POLICIES.glob("*/bridge.toml"))
RECEIVED_AT = "2026-01-02T03:04:05Z"


def lines(text):
    """Return the objects of JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]


def arguments(name):
    """Return what a policy's command has besides its files."""
    path = POLICIES / name / "arguments.txt"
    return shlex.split(path.read_text("utf-8")) if path.exists() else []


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_does_what_its_folder_says(bridge, name):
    """The events of a policy's folder become exactly its expected objects, in order of first appearance."""
    folder = POLICIES / name
    command = ["map", "--config", str(folder / "bridge.toml"), "--fold", "--received-at", RECEIVED_AT]
    result = bridge(*command, *arguments(name), str(folder / "events.jsonl"))
    assert (result.exit_code, lines(result.stdout)) == (
        0,
        lines((folder / "expected.jsonl").read_text("utf-8")),
    )


def test_the_table_names_every_policy_once():
    """The table of policies has one row for each folder, and none for a folder that is not there."""
    rows = re.findall(r"^\| `([^`]+)` \|", (POLICIES / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_says_first_what_it_is_for(name):
    """Each bridge.toml begins with a comment of one or two lines."""
    text = (POLICIES / name / "bridge.toml").read_text("utf-8")
    assert re.match(r"(# \S.*\n){1,2}(?!#)", text)
