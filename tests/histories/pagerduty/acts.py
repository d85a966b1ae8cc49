"""What may happen to a PagerDuty incident while it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories.pagerduty.incident import ABOUT_NOTHING_KEPT
from tests.histories.pagerduty.noise import make_noise
from tests.histories.values import (
    HOUR,
    INCIDENT_TYPES,
    MINUTE,
    NO_PRIORITY,
    PAGERDUTY_PRIORITIES,
    PAGERDUTY_SERVICES,
    POLICIES,
    TITLES,
)

if TYPE_CHECKING:
    from tests.histories.pagerduty.incident import PagerDutyIncident


def acknowledge(it: PagerDutyIncident) -> None:
    """Acknowledge, at times until the acknowledgement runs out."""
    it.status = "acknowledged"
    it.tell("acknowledged", it.clock.later(1, HOUR))
    if it.script.chance(0.3):
        it.status = "triggered"
        it.tell("unacknowledged", it.clock.later(MINUTE, HOUR))


def change_priority(it: PagerDutyIncident) -> None:
    it.priority = it.script.rng.choice([*NO_PRIORITY, *PAGERDUTY_PRIORITIES])
    it.tell("priority_updated", it.clock.later(1, HOUR))


def clear_priority_and_set_it_again(it: PagerDutyIncident) -> None:
    it.script.reach("priority_cleared_and_set_again")
    first, last = it.script.rng.sample(PAGERDUTY_PRIORITIES, 2)
    for priority in (first, it.script.rng.choice(NO_PRIORITY), last):
        it.priority = priority
        it.tell("priority_updated", it.clock.later(1, HOUR), whole=True)


def move_service_twice(it: PagerDutyIncident) -> None:
    """Move on and on, or back again to where it was."""
    it.script.reach("service_moved_twice")
    for _ in range(2):
        it.service = it.script.rng.choice([s for s in PAGERDUTY_SERVICES if s != it.service])
        it.tell("service_updated", it.clock.later(1, HOUR), whole=True)


def change_details(it: PagerDutyIncident) -> None:
    """Change other fields, under a type of their own or one not known yet."""
    choice = it.script.rng.choice
    it.policy = choice(POLICIES)
    it.title = choice(TITLES)
    it.tell(choice(["delegated", "title.changed"]), it.clock.later(1, HOUR))
    it.incident_type = choice(INCIDENT_TYPES)
    it.tell("incident_type.changed", it.clock.later(1, HOUR))


def be_elsewhere(it: PagerDutyIncident) -> None:
    """Send a webhook that is not about an incident, at times naming one not known otherwise."""
    named = it.id if it.script.chance(0.7) else "Q" + it.script.token(13)
    make_noise(it.script, named, it.clock.later(1, HOUR))


def show(it: PagerDutyIncident, low: float, high: float, *, edge: bool = True) -> None:
    """Send an event that is about no field and no status, and shows both."""
    at = it.clock.later(low, high, edge=edge)
    it.tell(it.script.rng.choice(ABOUT_NOTHING_KEPT), at, whole=True)


ACTS = {
    acknowledge: 3,
    change_priority: 2,
    change_details: 2,
    clear_priority_and_set_it_again: 2,
    move_service_twice: 2,
    be_elsewhere: 2,
}
"""Each act with its weight."""
