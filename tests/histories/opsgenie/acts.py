"""What may happen to an alert while it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories.model import MILLISECOND
from tests.histories.opsgenie.alert import ABOUT_NOTHING_KEPT, escalate
from tests.histories.values import ENTITIES, HOUR, SERVICE_NAMES, TEAMS, TITLES

if TYPE_CHECKING:
    from tests.histories.opsgenie.alert import Alert

OTHER_ACTIONS = ("AssignOwnership", "TakeOwnership", "SnoozeEnded", *ABOUT_NOTHING_KEPT)


def moment(alert: Alert, low: float = 1, high: float = HOUR) -> int:
    """Choose the time of the next update: to the nanosecond, at times a whole millisecond."""
    return alert.clock.later(low, high, unit=MILLISECOND if alert.script.chance(0.2) else 1)


def moment_within_a_microsecond(alert: Alert) -> int:
    """Choose a time that only nanoseconds tell from the last one."""
    return alert.clock.later(0, 9e-7, unit=1, edge=False)


def create(alert: Alert) -> bool:
    """Create the alert, at times without an `updatedAt`; say whether that was told or got lost."""
    if alert.script.chance(0.08):
        return False
    updated = alert.clock.later(0.0001, 0.5, unit=1, edge=False)
    at = None if alert.script.chance(0.1) else updated
    alert.tell("Create", at, membership=alert.first_membership())
    return True


def act(alert: Alert) -> None:
    """Do one of the things below to the alert."""
    (chosen,) = alert.script.rng.choices(list(ACTS), list(ACTS.values()))
    chosen(alert)


def acknowledge(alert: Alert) -> None:
    alert.tell("Acknowledge", moment(alert))
    if alert.script.chance(0.3):
        alert.tell("UnAcknowledge", moment(alert))


def take_note(alert: Alert) -> None:
    action = alert.script.rng.choice(OTHER_ACTIONS)
    alert.tell(action, moment(alert), dated=alert.script.chance(0.9), note="looking")


def change_tags(alert: Alert) -> None:
    """Add a tag, a service by tag, or take the last one away."""
    added = alert.script.rng.choice(["night", "service:" + alert.script.rng.choice(list(SERVICE_NAMES))])
    if alert.tags and alert.script.chance(0.4):
        alert.tell("RemoveTags", moment(alert), removedTags=alert.tags.pop())
    elif added not in alert.tags:
        alert.tags.append(added)
        alert.tell("AddTags", moment(alert), addedTags=added)


def add_team(alert: Alert) -> None:
    team = alert.script.rng.choice(TEAMS)
    if team not in alert.teams:
        alert.teams.append(team)
        alert.tell("AddTeam", moment(alert), team=team)


def reword(alert: Alert) -> None:
    alert.message = alert.script.rng.choice(TITLES)
    alert.tell("UpdateMessage", moment(alert), whole=True)


def customise(alert: Alert) -> None:
    """Run a custom action, which carries whatever has changed by then."""
    alert.entity = alert.script.rng.choice(ENTITIES)
    alert.priority = alert.script.rng.choice([1, 2, 4, None])
    alert.tell("Run diagnostics", moment(alert), whole=True)


def change_priority(alert: Alert) -> None:
    before = f"P{alert.priority}"
    alert.priority = alert.script.rng.randint(1, 5)
    alert.tell("UpdatePriority", moment(alert), whole=True, oldPriority=before)


def clear_priority_and_set_it_again(alert: Alert) -> None:
    alert.script.reach("priority_cleared_and_set_again")
    first, last = alert.script.rng.sample(range(1, 6), 2)
    for priority in (first, None, last):
        alert.priority = priority
        alert.tell("UpdatePriority", moment(alert), whole=True)


def go_up(alert: Alert) -> None:
    """Escalate an alert that is known otherwise: that says no more than of an unknown one."""
    escalate(alert.script, alert.id, moment(alert), alert.source)


ACTS = {
    acknowledge: 4,
    take_note: 3,
    change_tags: 2,
    add_team: 2,
    reword: 2,
    customise: 2,
    change_priority: 2,
    clear_priority_and_set_it_again: 1,
    go_up: 1,
}
"""Each act with its weight."""
