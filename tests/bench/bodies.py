"""Webhook bodies of invented incidents, and signed requests that carry them."""

import hashlib
import hmac
import time
from collections.abc import Iterator

import orjson

SECRET = b"bench-signing-secret-0123456789"
STEPS = (
    ("incident.triggered", "triggered"),
    ("incident.acknowledged", "acknowledged"),
    ("incident.priority_updated", "acknowledged"),
    ("incident.resolved", "resolved"),
)
"""What happens to an incident: event type and status."""
_SITE = "https://acme.pagerduty.com"
_START = 1_767_225_600  # 2026-01-01
_PERIOD = 28 * 86_400


def body(
    number: int,
    incident: str,
    step: tuple[str, str] = STEPS[0],
    *,
    opened: int | None = None,
    title: str | None = None,
) -> bytes:
    """Return one V3 event of 2 to 3 kB, the `number`th second's; `opened` is the number of the incident's first."""
    first, (event_type, status) = number if opened is None else opened, step
    data = {
        "id": incident,
        "type": "incident",
        "self": f"https://api.pagerduty.com/incidents/{incident}",
        "html_url": f"{_SITE}/incidents/{incident}",
        "number": first,
        "status": status,
        "incident_key": None,
        "created_at": f"{_instant(first)}Z",
        "title": title or f"Disk {first} of the database is nearly full " + "x" * 900,
        "service": _reference("PSVC001", "service", "Payments API"),
        "assignees": [_reference(f"PUSR{each:03}", "user", f"Person {each}") for each in range(3)],
        "escalation_policy": _reference("PESC001", "escalation_policy", "Default"),
        "teams": [_reference("PTEAM01", "team", "Payments")],
        "priority": _reference("PPRIO01", "priority", "P2" if "priority" in event_type else "P1"),
        "urgency": "high",
        "conference_bridge": None,
        "resolve_reason": None,
        "incident_type": {"name": "incident_default"},
        "reopened_at": None,
    }
    event = {
        "id": f"01BENCH{number:019}",
        "event_type": event_type,
        "resource_type": "incident",
        "occurred_at": f"{_instant(number)}.{number % 1000:03}Z",
        "agent": _reference("PAGENT1", "inbound_integration", "Monitoring"),
        "client": None,
        "data": data,
    }
    return orjson.dumps({"event": event})


def lifecycles(first: int, incidents: int, prefix: str = "Q") -> Iterator[bytes]:
    """Return the events of so many incidents, each with every step; event numbers go on from `first`."""
    for begin in range(first, first + incidents * len(STEPS), len(STEPS)):
        for later, step in enumerate(STEPS):
            yield body(begin + later, f"{prefix}{begin:013}", step, opened=begin)


def request(path: str, raw: bytes) -> bytes:
    """Return a whole HTTP request, signed."""
    signature = hmac.new(SECRET, raw, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"User-Agent: PagerDuty-Webhook/V3.0\r\nX-PagerDuty-Signature: v1={signature}\r\n"
        f"Content-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


def _instant(number: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(_START + number % _PERIOD))


def _reference(key: str, kind: str, name: str) -> dict[str, str]:
    return {
        "html_url": f"{_SITE}/{kind}s/{key}",
        "id": key,
        "self": f"https://api.pagerduty.com/{kind}s/{key}",
        "summary": name,
        "type": f"{kind}_reference",
    }
