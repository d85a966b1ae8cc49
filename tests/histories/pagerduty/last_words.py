"""Last webhooks of a PagerDuty incident that settle fields, as nothing later carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories.pagerduty.incident import ABOUT_NOTHING_KEPT
from tests.histories.values import HOUR, NO_PRIORITY, PAGERDUTY_PRIORITIES, PAGERDUTY_SERVICES, TITLES

if TYPE_CHECKING:
    import random

    from tests.histories.pagerduty.incident import PagerDutyIncident


def tell_two_at_one_time(it: PagerDutyIncident) -> None:
    """Let two events of one time differ in one field, in either order."""
    it.script.reach("equal_times")
    at = it.clock.later(3, HOUR)
    field, told = it.script.rng.choice([_two_services, _two_priorities, _cleared, _not_cleared])(
        it.script.rng
    )
    for what in it.script.rng.sample(list(told), len(told)):
        setattr(it, field, told[what])
        it.tell(what, at, whole=True)


def _two_services(rng: random.Random) -> tuple[str, dict[str, str | None]]:
    moved, stale = rng.sample(list(PAGERDUTY_SERVICES), 2)
    return "service", {"service_updated": moved, rng.choice(ABOUT_NOTHING_KEPT): stale}


def _two_priorities(rng: random.Random) -> tuple[str, dict[str, str | None]]:
    changed, stale = rng.sample(PAGERDUTY_PRIORITIES, 2)
    return "priority", {"priority_updated": changed, rng.choice(ABOUT_NOTHING_KEPT): stale}


def _cleared(rng: random.Random) -> tuple[str, dict[str, str | None]]:
    """Clear the priority by an event about it: the value in the other one does not stand."""
    stale = rng.choice(PAGERDUTY_PRIORITIES)
    return "priority", {"priority_updated": rng.choice(NO_PRIORITY), rng.choice(ABOUT_NOTHING_KEPT): stale}


def _not_cleared(rng: random.Random) -> tuple[str, dict[str, str | None]]:
    """Show the priority cleared and set by events about neither: the value stands."""
    cleared, value = rng.sample(ABOUT_NOTHING_KEPT, 2)
    return "priority", {cleared: rng.choice(NO_PRIORITY), value: rng.choice(PAGERDUTY_PRIORITIES)}


def tell_without_time(it: PagerDutyIncident) -> None:
    """Send an event without `occurred_at`: the last to be received, so its values stand."""
    it.script.reach("events_without_time")
    it.title = it.script.rng.choice(TITLES)
    it.priority = it.script.rng.choice([*NO_PRIORITY, *PAGERDUTY_PRIORITIES])
    it.tell(it.script.rng.choice(["priority_updated", *ABOUT_NOTHING_KEPT]), None)
