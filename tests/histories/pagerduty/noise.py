"""PagerDuty webhooks whose data is not an incident: they say nothing about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.histories.pagerduty.wire import envelope, reference

if TYPE_CHECKING:
    from tests.histories.script import Script

USER = reference("user", "PUSER02", "Sam Example")
SERVICE = reference("service", "PSVC000", "API Service")


def make_noise(script: Script, incident_id: str, at: int) -> None:
    """Send one such webhook about the incident, or about none at all."""
    choices = {**_about_incident(script, incident_id), **ABOUT_NO_INCIDENT}
    event_type = script.rng.choice(list(choices))
    body = envelope(script, event_type, at, dict(choices[event_type]))
    if event_type == "incident.workflow.started":
        body["event"]["id"] = script.digits(38)
    script.add(at, "pagerduty", body)


ABOUT_NO_INCIDENT: dict[str, dict[str, Any]] = {
    "pagey.ping": {"message": "Hello from your friend Pagey!", "type": "ping"},
    "service.updated": {**SERVICE, "type": "service"},
}


def _about_incident(script: Script, incident_id: str) -> dict[str, dict[str, Any]]:
    """Write the data of each type; an `id` in it is that of the note, the update, the workflow."""
    note = {"id": script.token(7), "content": 'restarted "db-1"', "type": "incident_note"}
    update = {"id": script.token(7), "message": "we are on it", "type": "incident_status_update"}
    workflow = {"id": script.token(7), "service": SERVICE, "type": "incident_workflow_instance"}
    values = [{"id": "PFIELD1", "name": "region", "value": "eu"}]
    payloads: dict[str, dict[str, Any]] = {
        "incident.annotated": note,
        "incident.status_update_published": update,
        "incident.workflow.started": workflow,
        "incident.responder.added": {"user": USER, "state": "pending", "type": "incident_responder"},
        "incident.conference_bridge.updated": {"type": "incident_conference_bridge"},
        "incident.custom_field_values.updated": {"custom_fields": values, "type": "incident_field_values"},
    }
    incident = reference("incident", incident_id, None)
    return {event_type: {"incident": incident, **data} for event_type, data in payloads.items()}
