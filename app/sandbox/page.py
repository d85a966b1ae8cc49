"""What the sandbox's page shows."""

from typing import Any

from app.sandbox.faults import Faults
from app.sandbox.schema import instant
from app.sandbox.store import Store

INCIDENTS, CALLS = 500, 50


def view(store: Store, faults: Faults) -> dict[str, Any]:
    """Return what the template needs: incidents with durations, the latest calls first, the faults."""
    incidents, log = store.incidents(), store.calls(-CALLS)
    return {
        "incidents": [incident | _derived(incident) for incident in incidents[:INCIDENTS]],
        "held": len(incidents),
        "calls": log["calls"][::-1],
        "log": log,
        "faults": faults.shown(),
    }


def duration(seconds: float) -> str:
    """Return a length of time for people: `42 s`, `3 min 05 s`, `2 h 07 min`, `3 d 04 h`."""
    whole = int(seconds)
    for unit, small, size in (("d", "h", 86_400), ("h", "min", 3_600), ("min", "s", 60)):
        if whole >= size:
            part = {"h": 3_600, "min": 60, "s": 1}[small]
            return f"{whole // size} {unit} {whole % size // part:02} {small}"
    return f"{whole} s"


def _derived(incident: dict[str, Any]) -> dict[str, Any]:
    url, metadata = incident["source_url"] or "", incident["metadata"]
    return {
        "duration": _duration(incident["started_at"], incident["resolved_at"]),
        "link": url if url.startswith(("https://", "http://")) else None,
        "source": metadata.get("source") or url,
    }


def _duration(started_at: str, resolved_at: str | None) -> str | None:
    if resolved_at is None:
        return None
    return duration((instant(resolved_at) - instant(started_at)).total_seconds())
