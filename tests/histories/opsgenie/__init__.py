"""Lives of Opsgenie and JSM alerts, on their own or as all that is seen of an incident."""

from __future__ import annotations

from tests.histories.opsgenie.alert import escalate
from tests.histories.opsgenie.incident import live_in_incident
from tests.histories.opsgenie.life import live_alone

__all__ = ["escalate", "live_alone", "live_in_incident"]
