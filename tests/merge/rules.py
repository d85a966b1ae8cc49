"""The rules of merging as examples: a few observations, and what they show. Times are whole seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import permutations
from types import ModuleType
from typing import Any

from mappers.fields import SECOND
from mappers.observation import Observation

RECEIVED = 1000 * SECOND


def at(second: float | None, **said: Any) -> Observation:
    """Return an observation made at `second`; times among what it says are seconds, too."""
    for name in ("created_at", "opened_at", "resolved_at"):
        if name in said:
            said[name] = int(said[name] * SECOND)
    time = None if second is None else int(second * SECOND)
    return Observation(vendor_id="X", kind=said.pop("kind", "incident"), at=time, **said)


@dataclass(frozen=True, slots=True)
class Rule:
    """What observations, in any order, show; `shows` reads it from the view, times in seconds."""

    name: str
    seen: tuple[Observation, ...]
    shows: Callable[[Any], Any]
    expected: Any


def start(shown: Any) -> float:
    return shown.started_at / SECOND


def end(shown: Any) -> float | None:
    return None if shown.resolved_at is None else shown.resolved_at / SECOND


def name(shown: Any) -> Any:
    return shown.fields.get("name")


OPENED = at(10, created_at=10, opens=True)
ENDED = at(20, resolves=True)
OWNER = at(10, created_at=10, opened_at=10, strand="A1", role="owner", fields={"name": "owner's"})
RESPONDER = at(
    12, created_at=12, opened_at=12, strand="A2", role="responder", fields={"name": "r", "entity": "e"}
)
ASSOCIATED = at(
    5, created_at=4, opened_at=5, strand="A3", role="associated", fields={"name": "a", "alias": "b"}
)

RULES = (
    Rule("the earliest exact creation is the start", (at(9, created_at=8), at(7, created_at=6)), start, 6),
    Rule("an exact creation goes before an earlier event", (at(5), at(9, created_at=8)), start, 8),
    Rule("without a creation, the earliest event is the start", (at(9), at(7)), start, 7),
    Rule("an event without a time counts at its receipt", (at(None), at(None)), start, 1000),
    Rule("a resolution ends it", (OPENED, ENDED), end, 20),
    Rule(
        "a resolution is at its own time where the event tells one",
        (OPENED, at(21, resolves=True, resolved_at=20)),
        end,
        20,
    ),
    Rule(
        "such a time of an event that has none counts, too",
        (OPENED, at(None, resolves=True, resolved_at=20)),
        end,
        20,
    ),
    Rule(
        "an opening between a resolution and the event that tells of it counts",
        (OPENED, at(25, opens=True), at(30, resolves=True, resolved_at=20)),
        end,
        None,
    ),
    Rule(
        "an event that shows an earlier resolution does not move it",
        (OPENED, at(21, resolves=True, resolved_at=20), at(90, resolves=True, resolved_at=20)),
        end,
        20,
    ),
    Rule(
        "after a reopening, the later resolution counts at its own time",
        (
            OPENED,
            at(21, resolves=True, resolved_at=20),
            at(30, opens=True),
            at(41, resolves=True, resolved_at=40),
        ),
        end,
        40,
    ),
    Rule(
        "a snapshot 2 s after the resolution's own time does not reopen",
        (OPENED, at(20.5, resolves=True, resolved_at=20), at(22, shows_open=True)),
        end,
        20,
    ),
    Rule(
        "a snapshot 2 s after the event that tells of a resolution does",
        (OPENED, at(20.5, resolves=True, resolved_at=20), at(22.5, shows_open=True)),
        end,
        None,
    ),
    Rule(
        "a time of resolution without a resolution says nothing", (OPENED, at(20, resolved_at=20)), end, None
    ),
    Rule("the first of two resolutions counts", (OPENED, ENDED, at(30, resolves=True)), end, 20),
    Rule("a reopening undoes a resolution", (OPENED, ENDED, at(30, opens=True)), end, None),
    Rule(
        "a resolution after the reopening counts",
        (OPENED, ENDED, at(30, opens=True), at(40, resolves=True)),
        end,
        40,
    ),
    Rule("a resolution at the time of the reopening counts", (OPENED, at(20, opens=True), ENDED), end, 20),
    Rule("`reopened_at` shows a reopening that was lost", (OPENED, ENDED, at(19, opened_at=30)), end, None),
    Rule("a late trigger reopens nothing", (ENDED, OPENED), end, 20),
    Rule(
        "a resolution before the start is at the start", (at(5, resolves=True), at(9, created_at=10)), end, 10
    ),
    Rule("a snapshot long after the end reopens", (OPENED, ENDED, at(22.1, shows_open=True)), end, None),
    Rule("a snapshot 2 s after the end does not", (OPENED, ENDED, at(22, shows_open=True)), end, 20),
    Rule("a snapshot before the end does not", (OPENED, at(19.9, shows_open=True), ENDED), end, 20),
    Rule("a snapshot at the end does not", (OPENED, at(20, shows_open=True), ENDED), end, 20),
    Rule(
        "two snapshots are told apart",
        (OPENED, ENDED, at(21, shows_open=True), at(30, shows_open=True), at(40, resolves=True)),
        end,
        40,
    ),
    Rule("a receipt is no open evidence", (OPENED, ENDED, at(None, opens=True)), end, 20),
    Rule("nor is a snapshot without a time", (OPENED, ENDED, at(None, shows_open=True)), end, 20),
    Rule("the later field wins", (at(1, fields={"name": "x"}), at(2, fields={"name": "a"})), name, "a"),
    Rule("cleared later is cleared", (at(1, fields={"name": "x"}), at(2, fields={"name": None})), name, None),
    Rule("what says nothing changes nothing", (at(1, fields={"name": "x"}), at(2)), name, "x"),
    Rule(
        "of equal times the event about the field wins",
        (at(1, fields={"name": "x"}), at(1, fields={"name": None}, about=frozenset({"name"}))),
        name,
        None,
    ),
    Rule(
        "of equal times a value beats cleared",
        (at(1, fields={"name": None}), at(1, fields={"name": "a"})),
        name,
        "a",
    ),
    Rule(
        "of equal times and two values, always the same",
        (at(1, fields={"name": "a"}), at(1, fields={"name": "b"})),
        name,
        "b",
    ),
    Rule(
        "the earliest acknowledgement stays",
        (at(1, acknowledged=True), at(2, acknowledged=True)),
        lambda shown: shown.acknowledged_at,
        SECOND,
    ),
    Rule(
        "the latest merge names the target",
        (OPENED, at(20, resolves=True, merged_into="T1"), at(30, resolves=True, merged_into="T2")),
        lambda shown: (shown.merged, shown.merged_into, end(shown)),
        (True, "T2", 20),
    ),
    Rule(
        "a merge without a target is one",
        (OPENED, at(20, resolves=True, merged_into="")),
        lambda shown: (shown.merged, shown.merged_into),
        (True, None),
    ),
    Rule(
        "a reopening undoes a merge",
        (OPENED, at(20, resolves=True, merged_into="T1"), at(30, opens=True)),
        lambda shown: (shown.merged, shown.merged_into),
        (False, None),
    ),
    Rule(
        "a deletion shows", (OPENED, at(20, resolves=True, deleted=True)), lambda shown: shown.deleted, True
    ),
    Rule(
        "a deletion leaves the earlier resolution",
        (OPENED, at(21, resolves=True, resolved_at=20), at(50, resolves=True, resolved_at=20, deleted=True)),
        lambda shown: (end(shown), shown.deleted),
        (20, True),
    ),
    Rule(
        "an opening after it undoes a deletion",
        (OPENED, at(20, resolves=True, deleted=True), at(30, opens=True)),
        lambda shown: shown.deleted,
        False,
    ),
    Rule("Owners tell the start", (OWNER, RESPONDER, ASSOCIATED), start, 10),
    Rule("Owners tell the fields", (OWNER, RESPONDER, ASSOCIATED), name, "owner's"),
    Rule("Responders fill the rest", (OWNER, RESPONDER), lambda shown: shown.fields.get("entity"), "e"),
    Rule(
        "Associated alerts fill nothing", (OWNER, ASSOCIATED), lambda shown: shown.fields.get("alias"), None
    ),
    Rule(
        "Responders neither end it",
        (OWNER, RESPONDER, at(30, strand="A2", resolves=True, role=None)),
        end,
        None,
    ),
    Rule(
        "nor reopen it",
        (
            OWNER,
            RESPONDER,
            at(30, strand="A1", resolves=True, role=None),
            at(40, strand="A2", opens=True, role=None),
        ),
        end,
        30,
    ),
    Rule(
        "an alert of unknown type beside an Owner is no Owner",
        (OWNER, at(30, strand="A9", resolves=True, role=None)),
        end,
        None,
    ),
    Rule(
        "without an Owner, Responders tell",
        (RESPONDER, at(30, strand="A2", resolves=True, role=None)),
        end,
        30,
    ),
    Rule(
        "a Responder's acknowledgement fills in",
        (OWNER, RESPONDER, at(30, strand="A2", acknowledged=True, role=None)),
        lambda shown: shown.acknowledged_at,
        30 * SECOND,
    ),
    Rule(
        "Associated alerts alone give existence",
        (ASSOCIATED,),
        lambda shown: (start(shown), end(shown), shown.fields),
        (5, None, {}),
    ),
    Rule(
        "where no type is known all are Owners",
        (at(10, strand="A1", role=None, created_at=10), at(20, strand="A2", role=None, resolves=True)),
        lambda shown: (end(shown), shown.approximate),
        (20, True),
    ),
    Rule("a known type is exact", (OWNER,), lambda shown: shown.approximate, False),
    Rule("an incident stays one", (at(1, kind="alert"), at(2)), lambda shown: shown.kind, "incident"),
    Rule(
        "of two types the one that gives more",
        (OWNER, at(11, strand="A1", role="associated")),
        name,
        "owner's",
    ),
)


def results(rule: Rule, incidents: ModuleType, views: ModuleType) -> list[Any]:
    """Return what the rule's observations show, in every order."""
    found = []
    for order in permutations(rule.seen):
        states = [incidents.observe(seen, RECEIVED) for seen in order]
        found.append(rule.shows(views.view(reduce(incidents.merge, states))))
    return found
