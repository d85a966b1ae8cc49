"""How PagerDuty writes: references, times, and the envelope of a V3 webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.histories.model import SECOND, iso

if TYPE_CHECKING:
    from tests.histories.script import Script


def reference(kind: str, identifier: str, summary: str | None) -> dict[str, Any]:
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return {
        "id": identifier,
        "type": f"{kind}_reference",
        "self": f"https://api.pagerduty.com/{plural}/{identifier}",
        "html_url": f"https://acme.pagerduty.com/{plural}/{identifier}",
        "summary": summary,
    }


def time_text(time: int) -> str:
    """Write milliseconds, or whole seconds where there is no fraction."""
    return iso(time, 3 if time % SECOND else 0)


def envelope(script: Script, event_type: str, at: int | None, data: dict[str, Any]) -> dict[str, Any]:
    """Wrap the data; without a time `occurred_at` is null or missing."""
    event: dict[str, Any] = {
        "id": script.token(26),
        "event_type": event_type,
        "resource_type": event_type.partition(".")[0],
        "occurred_at": None if at is None else time_text(at),
        "agent": script.rng.choice([None, reference("user", "PUSER01", "Robin Example")]),
        "client": None,
        "data": data,
    }
    if at is None and script.chance(0.5):
        del event["occurred_at"]
    return {"event": event}
