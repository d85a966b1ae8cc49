"""An Opsgenie incident, of which its alerts are all that is seen."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.histories.opsgenie.acts import act, create, moment
from tests.histories.opsgenie.alert import Alert
from tests.histories.opsgenie.endings import close, close_then_reach_another_team, delete, say_last_word
from tests.histories.opsgenie.state import Incident
from tests.histories.script import Clock
from tests.histories.values import OPSGENIE_SERVICE_IDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.histories.script import Script

FULL_CAST = ("owner", "responder", "responder", "associated")
CASTS: dict[tuple[str | None, ...], int] = {
    FULL_CAST: 55,
    ("owner", "responder"): 10,
    ("owner", "owner", "responder"): 6,
    ("owner", None): 6,
    (None,): 8,
    (None, None): 5,
    ("responder", "responder"): 6,
    ("associated",): 4,
}
"""The types of the alerts that are seen, with weights; None: no event ever tells the type."""

OWNER_ENDINGS = {close: 6, delete: 1, close_then_reach_another_team: 3}


def live_in_incident(script: Script) -> None:
    """Spawn the alerts, do this and that to them, end them, and at times say a last word."""
    (cast,) = script.rng.choices(list(CASTS), list(CASTS.values()))
    alerts = spawn(script, script.rng.sample(cast, len(cast)))
    for _ in range(script.rng.randint(0, 6)):
        act(script.rng.choice(alerts))
    if script.chance(0.3):
        move_services(script.rng.choice(alerts))
    owners = [alert for alert in alerts if alert.role == "owner"]
    if script.chance(0.85):
        finish(owners or alerts, [alert for alert in alerts if owners and alert not in owners])
    say_last_word((owners or alerts)[0])


def spawn(script: Script, cast: Sequence[str | None]) -> list[Alert]:
    """Create the alerts of one incident, as each team sees its own."""
    clock = Clock(script.rng)
    services = script.rng.sample(OPSGENIE_SERVICE_IDS, script.rng.randint(1, 2))
    incident = Incident(script.uuid(), services)
    alerts, seen = [], []
    for role in cast:
        alert = Alert(script, clock)
        alert.join(incident, role)
        alerts.append(alert)
        if create(alert):
            seen.append(role)
    if Counter(seen) == Counter(FULL_CAST):
        script.reach("opsgenie_incident")
    return alerts


def move_services(alert: Alert) -> None:
    """Hit other services, or none any more, and let one alert tell."""
    if alert.incident:
        count = alert.script.rng.choice([0, 1, 1, 2, 2])
        alert.incident.services = alert.script.rng.sample(OPSGENIE_SERVICE_IDS, count)
        alert.tell("Services changed", moment(alert), membership=alert.first_membership())


def finish(leading: list[Alert], others: list[Alert]) -> None:
    """End the alerts that decide first; whatever the others then do changes no status."""
    for alert in leading:
        (end,) = alert.script.rng.choices(list(OWNER_ENDINGS), list(OWNER_ENDINGS.values()))
        end(alert)
    for alert in others:
        if alert.role == "responder" and alert.script.chance(0.4):
            alert.script.reach("responder_late_acknowledge")
            alert.tell("Acknowledge", moment(alert))
        if alert.script.chance(0.5):
            close(alert)
