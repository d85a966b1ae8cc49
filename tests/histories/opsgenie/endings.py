"""How an alert may end, and last webhooks that settle fields, as nothing later carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories.opsgenie.acts import moment, moment_within_a_microsecond, take_note
from tests.histories.opsgenie.alert import ABOUT_NOTHING_KEPT
from tests.histories.values import MINUTE, TITLES

if TYPE_CHECKING:
    from tests.histories.opsgenie.alert import Alert


def close(alert: Alert) -> None:
    """Close, at times without an `updatedAt` or details, and maybe delete or note something after."""
    bare = "alias" in alert.memberships and alert.incident is not None and alert.script.chance(0.6)
    if bare:
        alert.script.reach("close_without_details")
    at = None if alert.script.chance(0.04) else moment(alert, MINUTE)
    alert.tell("Close", at, membership="alias" if bare else None)
    if alert.script.chance(0.2):
        alert.tell(alert.script.rng.choice(["Delete", "AddNote"]), moment(alert))


def delete(alert: Alert) -> None:
    alert.tell("Delete", moment(alert, MINUTE))


def close_then_reach_another_team(alert: Alert) -> None:
    """Close, and route to another team later: its Create is no reopening."""
    alert.script.reach("team_routed_create_after_close")
    close(alert)
    alert.tell("Create", moment(alert), membership=alert.first_membership())


def close_then_go_on(alert: Alert) -> None:
    """Acknowledge after the Close, which opens again, and at times close once more."""
    close(alert)
    at = moment_within_a_microsecond(alert) if alert.script.chance(0.3) else moment(alert)
    alert.tell(alert.script.rng.choice(["Acknowledge", "UnAcknowledge"]), at)
    if alert.script.chance(0.5):
        close(alert)


def say_last_word(alert: Alert) -> None:
    choices = [tell_two_at_one_time, tell_two_within_a_microsecond, tell_without_time, None]
    (say,) = alert.script.rng.choices(choices, [15, 8, 15, 62])
    if say:
        say(alert)


def tell_two_at_one_time(alert: Alert) -> None:
    """Let two events of one time differ in one field, in either order."""
    alert.script.reach("equal_times")
    at = moment(alert)
    field, told = alert.script.rng.choice(PAIRS)
    for action, value in alert.script.rng.sample(told, len(told)):
        setattr(alert, field, value)
        alert.tell(action, at, whole=True)


def tell_two_within_a_microsecond(alert: Alert) -> None:
    """Change the message twice in so short a time that the last change needs every digit."""
    for message, at in zip(
        alert.script.rng.sample(TITLES, 2),
        (moment(alert), moment_within_a_microsecond(alert)),
        strict=True,
    ):
        alert.message = message
        alert.tell("UpdateMessage", at, whole=True)


def tell_without_time(alert: Alert) -> None:
    """Send an event without any time: the last to be received, so its values stand."""
    alert.script.reach("events_without_time")
    alert.message = alert.script.rng.choice(TITLES)
    action = alert.script.rng.choice(["Create", "UpdateMessage", *ABOUT_NOTHING_KEPT])
    alert.tell(action, None, dated=False)


PAIRS: tuple[tuple[str, tuple[tuple[str, int | str | None], ...]], ...] = (
    ("priority", (("UpdatePriority", 1), ("AddNote", 4))),
    ("priority", (("UpdatePriority", None), ("Snooze", 2))),
    ("priority", (("Snooze", 3), ("AddNote", None))),
    ("message", (("UpdateMessage", TITLES[0]), ("Run diagnostics", TITLES[1]))),
    ("entity", (("AddNote", ""), ("Run diagnostics", "db-2"))),
)
"""A field, and two actions with what each says of it; the rules for equal times tell which stands."""

ENDINGS = {take_note: 15, close: 30, delete: 10, close_then_reach_another_team: 25, close_then_go_on: 10}
"""Each ending with its weight; after a mere note the alert stays open."""
