"""How a PagerDuty incident may end, with what is lost or out of step on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories.model import SECOND
from tests.histories.pagerduty.acts import show
from tests.histories.values import HOUR, MINUTE

if TYPE_CHECKING:
    from tests.histories.pagerduty.incident import PagerDutyIncident


def resolve(it: PagerDutyIncident, *, merge: bool = False, snapshot: float = 0.25) -> None:
    """Resolve, often with a webhook within 2 s that was written before it.

    Some incidents are acknowledged at the very time of the resolution, which then holds: open
    evidence must be later to undo it.
    """
    before = it.status
    at = it.clock.later(MINUTE, 2 * HOUR)
    if before != "resolved" and it.script.chance(0.08):
        it.status = "acknowledged"
        it.tell("acknowledged", at)
    it.status = "resolved"
    if merge:
        it.merged_into = "Q" + it.script.token(13) if it.script.chance(0.85) else ""
    it.tell("resolved", at)
    if before != "resolved" and it.script.chance(snapshot):
        it.status = before
        show(it, 0.05, 1.9, edge=False)
        it.status = "resolved"


def reopen(it: PagerDutyIncident, at: int, *, lost: bool = False) -> None:
    it.status = it.script.rng.choice(["triggered", "acknowledged"])
    it.reopened = at - at % SECOND
    it.merged_into = None
    if not lost:
        it.tell("reopened", at)


def perhaps_resolve_again(it: PagerDutyIncident) -> None:
    if it.script.chance(0.5):
        resolve(it)


def resolve_before_the_start(it: PagerDutyIncident) -> None:
    """Let two of the vendor's clocks differ: the resolution seems to come before the creation."""
    it.thin = False
    it.created += it.script.rng.randint(3, 5) * SECOND
    it.tell("triggered", it.opened_at, whole=True)
    it.status = "resolved"
    it.tell("resolved", it.clock.later(0.2, 1.5, edge=False))


def stay_open(it: PagerDutyIncident) -> None:
    if it.script.chance(0.5):
        show(it, 1, HOUR)


def resolve_for_good(it: PagerDutyIncident) -> None:
    """Resolve, then maybe show that or resolve once more: neither moves the resolution."""
    resolve(it)
    if it.script.chance(0.3):
        show(it, 3, HOUR)
    if it.script.chance(0.3):
        it.tell("resolved", it.clock.later(3, HOUR))


def reopen_within_a_second(it: PagerDutyIncident) -> None:
    it.script.reach("reopen_within_a_second")
    resolve(it, snapshot=0)
    reopen(it, it.clock.later(0.05, 0.95, edge=False))
    perhaps_resolve_again(it)


def reopen_shown_by_open_status(it: PagerDutyIncident) -> None:
    """Lose the reopening: an event long after the resolution tells of it by its status alone."""
    resolve(it)
    it.thin = True
    reopen(it, it.clock.later(3, HOUR), lost=True)
    show(it, 1, HOUR)
    perhaps_resolve_again(it)


def reopen_shown_by_reopened_at(it: PagerDutyIncident) -> None:
    """Lose the reopening: only an event just after it, or the next resolution, tells its time."""
    it.script.reach("lost_reopen_shown_by_reopened_at")
    it.thin = False
    resolve(it, snapshot=0)
    if it.script.chance(0.5):
        it.clock.now += SECOND - it.clock.now % SECOND
        reopen(it, it.clock.now, lost=True)
        show(it, 0.05, 0.9, edge=False)
    else:
        reopen(it, it.clock.later(MINUTE, HOUR), lost=True)
        it.status = "resolved"
        it.tell("resolved", it.clock.later(MINUTE, HOUR), whole=True)


def lose_the_resolution(it: PagerDutyIncident) -> None:
    it.script.reach("lost_resolution_shown_by_later_event")
    it.clock.later(MINUTE, HOUR)
    it.status = "resolved"
    show(it, 1, HOUR)


def merge_before_resolution(it: PagerDutyIncident) -> None:
    it.script.reach("merge_before_resolution")
    resolve(it, merge=True)
    it.merged_into = None
    it.tell("resolved", it.clock.later(3, HOUR))


def merge_after_resolution(it: PagerDutyIncident) -> None:
    it.script.reach("merge_after_resolution")
    resolve(it)
    resolve(it, merge=True)


def merge_without_resolution(it: PagerDutyIncident) -> None:
    it.script.reach("merge_without_resolution")
    resolve(it, merge=True)


def merge_then_reopen(it: PagerDutyIncident) -> None:
    it.script.reach("merge_then_reopen")
    resolve(it, merge=True)
    reopen(it, it.clock.later(3, HOUR))
    perhaps_resolve_again(it)


ENDINGS = {
    stay_open: 8,
    resolve_for_good: 14,
    reopen_shown_by_open_status: 8,
    reopen_within_a_second: 10,
    reopen_shown_by_reopened_at: 10,
    lose_the_resolution: 10,
    merge_before_resolution: 10,
    merge_after_resolution: 10,
    merge_without_resolution: 10,
    merge_then_reopen: 10,
}
"""Each ending with its weight."""
