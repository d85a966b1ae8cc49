"""The overview's one sentence and one colour."""

from dataclasses import replace

import pytest

from app.web.dashboard.verdict import Facts, verdict
from mappers.fields import SECOND

NOW = 1_772_366_400 * SECOND
WELL = Facts("running", "running", "", 0, 0, 0, None, None, 2, events=True, now=NOW)
MINUTES = 60 * SECOND
WEEK = 7 * 86_400 * SECOND


@pytest.mark.parametrize(
    ("changed", "level", "sentence", "more"),
    [
        ({}, "good", "Everything is all right: DX knows all that we know.", ""),
        ({"due": 1}, "good", "Everything is all right; one is on the way to DX.", ""),
        ({"due": 7}, "good", "Everything is all right; 7 are on the way to DX.", ""),
        ({"events": False}, "good", "Everything is ready; no webhook has arrived yet.", "setup"),
        ({"sources": 0, "events": False}, "warn", "No source is set up yet.", "setup"),
        (
            {"problems": 1, "latest_problem": NOW},
            "warn",
            "One event could not be read; everything else is delivered.",
            "unmappable",
        ),
        (
            {"problems": 3, "latest_problem": NOW - WEEK + SECOND, "due": 1},
            "warn",
            "3 events could not be read; everything else is on its way.",
            "unmappable",
        ),
        (
            {"problems": 3, "latest_problem": NOW - WEEK},
            "good",
            "3 events of more than a week ago could not be read; everything else is delivered.",
            "unmappable",
        ),
        (
            {"problems": 1, "latest_problem": NOW - 2 * WEEK, "due": 1},
            "good",
            "One event of more than a week ago could not be read; everything else is on its way.",
            "unmappable",
        ),
        ({"parked": 1}, "warn", "DX refuses one incident; everything else is delivered.", "parked"),
        ({"parked": 2, "due": 4}, "warn", "DX refuses 2 incidents; everything else is on its way.", "parked"),
        (
            {"due": 2, "oldest_due": NOW - 7 * MINUTES},
            "warn",
            "DX is 7 minutes behind: 2 incidents wait.",
            "incidents?state=due",
        ),
        (
            {"sender": "paused", "reason": "by an operator", "due": 1},
            "warn",
            "Sending is paused (by an operator); one incident waits for it.",
            "",
        ),
        (
            {"sender": "probing", "reason": "http_503", "due": 5},
            "warn",
            "DX does not answer (http_503); 5 incidents wait for it, one call at a time looks for its return.",
            "",
        ),
        (
            {"sender": "held", "reason": "DX refuses the token", "due": 5},
            "bad",
            "Nothing is sent: DX refuses the token; 5 incidents wait for it.",
            "configuration",
        ),
        (
            {"pipeline": "stopped"},
            "bad",
            "The pipeline gives no sign of life; webhooks are kept, nothing waits for it.",
            "",
        ),
    ],
)
def test_what_is_said(changed: dict, level: str, sentence: str, more: str) -> None:
    """Each state of things has its sentence, its colour, and the page that tells more."""
    said = verdict(replace(WELL, **changed))
    assert (said.level, said.sentence, said.more) == (level, sentence, more)


def test_the_gravest_is_said_first() -> None:
    """Of all troubles at once the one that stops the most is told; as each is repaired, the next one is."""
    said = [
        "no sign of life",
        "Nothing is sent",
        "minutes behind",
        "DX refuses",
        "could not be read",
        "No source",
    ]
    repairs = [
        {"pipeline": "running"},
        {"sender": "running"},
        {"oldest_due": None, "due": 0},
        {"parked": 0},
        {"latest_problem": NOW - WEEK},
        {"sources": 1},
    ]
    facts = Facts("stopped", "held", "why", 1, 1, 1, NOW, NOW - 10 * MINUTES, 0, events=True, now=NOW)
    for sentence, repair in zip(said, repairs, strict=True):
        assert sentence in verdict(facts).sentence
        facts = replace(facts, **repair)
    assert verdict(facts).level == "good"


@pytest.mark.parametrize(("age", "level"), [(299, "good"), (300, "good"), (301, "warn")])
def test_from_when_on_dx_is_behind(age: int, level: str) -> None:
    """What waits for five minutes is on its way; what waits longer is late."""
    assert verdict(replace(WELL, due=1, oldest_due=NOW - age * SECOND)).level == level


def test_due_at_once_is_late_by_no_age() -> None:
    """A due time of now or to come is not late."""
    for oldest in (NOW, NOW + 60 * SECOND):
        assert verdict(replace(WELL, due=1, oldest_due=oldest)).level == "good"
