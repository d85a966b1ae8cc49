"""Chooses what a history is about."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from tests.histories import opsgenie, pagerduty
from tests.histories.model import UndeterminedError
from tests.histories.script import Clock, Script

if TYPE_CHECKING:
    from tests.histories.model import History

SITUATIONS = (
    "equal_times",
    "reopen_within_a_second",
    "lost_reopen_shown_by_reopened_at",
    "lost_resolution_shown_by_later_event",
    "merge_before_resolution",
    "merge_after_resolution",
    "merge_without_resolution",
    "merge_then_reopen",
    "service_moved_twice",
    "priority_cleared_and_set_again",
    "opsgenie_incident",
    "responder_late_acknowledge",
    "close_without_details",
    "team_routed_create_after_close",
    "events_without_time",
    "escalate_alone",
    "numbers_as_strings",
)

CASTS = {
    pagerduty.live: (0, 1, 1, 1, 2, 2),
    opsgenie.live_alone: (0, 1),
    opsgenie.live_in_incident: (0, 1),
}
"""Each kind of life with how many of it a history may have."""


def history(seed: int, prefix: str = "") -> History:
    """Write the history of this seed; `prefix` changes its ids and nothing else.

    A script that strays to where the contract settles nothing is thrown away for the next one.
    """
    for attempt in count():
        try:
            return _write(Script(seed, prefix, attempt))
        except UndeterminedError:
            continue
    raise AssertionError


def _write(script: Script) -> History:
    for live, numbers in CASTS.items():
        for _ in range(script.rng.choice(numbers)):
            live(script)
    if script.empty or script.chance(0.12):
        _escalate_unknown_alert(script)
    return script.history()


def _escalate_unknown_alert(script: Script) -> None:
    """Escalate an alert of which nothing else is ever told: no incident comes of it."""
    script.reach("escalate_alone")
    opsgenie.escalate(script, script.uuid(), Clock(script.rng).now)
