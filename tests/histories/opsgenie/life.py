"""An alert that belongs to no incident, from its creation to its last webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories.opsgenie.acts import act, create
from tests.histories.opsgenie.alert import Alert
from tests.histories.opsgenie.endings import ENDINGS, say_last_word
from tests.histories.script import Clock
from tests.histories.values import SERVICE_NAMES

if TYPE_CHECKING:
    from tests.histories.script import Script

SOURCES = ("opsgenie", "opsgenie", "jsm")


def live_alone(script: Script) -> None:
    """Play a creation, some acts, an ending and at times a last word."""
    alert = Alert(script, Clock(script.rng), script.rng.choice(SOURCES))
    if script.chance(0.2):
        disguise(alert)
    if script.chance(0.25):
        alert.tags.append("service:" + script.rng.choice(list(SERVICE_NAMES)))
    if script.chance(0.2):
        alert.details["service"] = script.rng.choice(list(SERVICE_NAMES))
    create(alert)
    for _ in range(script.rng.randint(0, 4)):
        act(alert)
    (end,) = script.rng.choices(list(ENDINGS), list(ENDINGS.values()))
    end(alert)
    say_last_word(alert)


def disguise(alert: Alert) -> None:
    """Resemble an alert of an incident without being one by the rule for the vendor id."""
    other = alert.script.uuid()
    likeness = alert.script.rng.choice(["half an alias", "id without type", "id that is no UUID"])
    if likeness == "half an alias":
        alert.alias = f"{other}_checkout"
    elif likeness == "id without type":
        alert.alias = "payment gateway down"
        alert.details["incident-id"] = other
    else:
        alert.details |= {"incident-id": "INC-204", "incident-alert-type": "Owner"}
