"""Random lives of PagerDuty incidents: their webhooks, their REST records and log, and what DX has to hold.

All times are the vendor's. A change happens at a whole second, which REST shows; its webhook tells up to
0.9 s more, so that both are the same second once they are cut. A new title sends no webhook of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

Json = dict[str, Any]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
BURST = 130
"""So many incidents are created in one second once: more than a page of the vendor's."""

TITLES = ("Checkout answers 503", "Queue is stuck", "Zahlung schlägt fehl", "Disk of db-1 is full")
SERVICES = {f"PSVC{n:03}": (f"Service {n}", f"service-{n}") for n in range(12)}
PRIORITIES = (None, "P1", "P2", "P3", "SEV-1")
TEAMS = ("Payments", "Platform")
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOGGED = {
    "triggered": "trigger",
    "acknowledged": "acknowledge",
    "unacknowledged": "unacknowledge",
    "reopened": "assign",  # the log has no type for a re-opening
    "resolved": "resolve",
    "merged": "resolve",
    "priority_updated": "priority_change",
    "service_updated": "field_value_change",
    "retitled": "field_value_change",
}
_FIELDS = {"priority_updated": "priority", "service_updated": "service", "retitled": "title"}


@dataclass(frozen=True, slots=True)
class Change:
    """What happens `at` a second since the epoch; its webhook says `ms` more. `value` is what changes."""

    at: int
    kind: str
    ms: int = 0
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """One incident; the first of its changes is `triggered`. `until` is a second, None: the end of it all."""

    id: str
    number: int
    changes: tuple[Change, ...]

    def webhooks(self, until: int | None = None) -> list[Json]:
        """Return the bodies of its webhooks in the order of their times; the id tells them apart."""
        past = self._past(until)
        return [
            self._webhook(place, past[: place + 1])
            for place, change in enumerate(past)
            if change.kind != "retitled"
        ]

    def webhook(self, kind: str) -> Json:
        """Return the webhook of the last change of a kind."""
        place = max(n for n, change in enumerate(self.changes) if change.kind == kind)
        return self._webhook(place, self.changes[: place + 1])

    def record(self, until: int | None = None) -> Json:
        """Return the incident as REST shows it at the end of a second."""
        shown, past = self._shown(self._past(until)), self._past(until)
        return self._common(shown) | {
            "incident_number": self.number,
            "summary": f"[#{self.number}] {shown['title']}",
            "resolved_at": _iso(shown["resolved_at"]),
            "last_status_change_at": _iso(shown["status_at"]),
            "updated_at": _iso(past[-1].at),
            "acknowledgements": [{"at": _iso(at)} for at in shown["acknowledgements"]],
        }

    def log_entries(self, until: int | None = None) -> list[Json]:
        """Return what the account's log says of it at the end of a second."""
        return [
            {
                "id": f"R{self.id}{place:02}",
                "type": f"{_LOGGED[change.kind]}_log_entry",
                "created_at": _iso(change.at),
                "incident": _reference("incident", self.id, None),
            }
            for place, change in enumerate(self._past(until))
        ]

    def document(self, until: int | None = None) -> Json:
        """Return what DX has to hold at the end of a second."""
        shown, past = self._shown(self._past(until)), self._past(until)
        acknowledged = [change.at for change in past if change.kind == "acknowledged"]
        name, identifier = SERVICES[shown["service"]]
        metadata = {
            "source": "pagerduty",
            "kind": "incident",
            "urgency": shown["urgency"],
            "number": self.number,
            "teams": shown["teams"],
            "incident_type": "incident_default",
            "escalation_policy": "Default",
            "acknowledged_at": _iso(min(acknowledged, default=None)),
            "merged_into": shown["merged_into"],
        }
        return {
            "reference_id": self.id,
            "name": shown["title"],
            "priority": shown["priority"],
            "source_url": _url(self.id),
            "started_at": _iso(past[0].at),
            "resolved_at": _iso(shown["resolved_at"]),
            "services": [{"identifier": identifier, "name": name}],
            "metadata": {key: value for key, value in metadata.items() if value},
        }

    def _past(self, until: int | None) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if until is None or change.at <= until)

    def _shown(self, past: Sequence[Change]) -> Json:
        shown: Json = {
            "title": TITLES[self.number % len(TITLES)],
            "service": sorted(SERVICES)[self.number % len(SERVICES)],
            "priority": PRIORITIES[self.number % len(PRIORITIES)],
            "urgency": ("high", "low")[self.number % 2],
            "teams": list(TEAMS[: self.number % 3]),
            "reopened_at": None,
            "merged_into": None,
            "resolved_at": None,
        }
        for change in past:
            _apply(shown, change)
        return shown

    def _webhook(self, place: int, past: Sequence[Change]) -> Json:
        shown, change = self._shown(past), past[-1]
        data = self._common(shown) | {"number": self.number, "reopened_at": _iso(shown["reopened_at"])}
        event = {
            "id": f"01{self.id}{place:02}",
            "event_type": f"incident.{'resolved' if change.kind == 'merged' else change.kind}",
            "resource_type": "incident",
            "occurred_at": _iso(change.at, change.ms),
            "agent": None,
            "client": None,
            "data": data,
        }
        return {"event": event}

    def _common(self, shown: Mapping[str, Any]) -> Json:
        priority, target = shown["priority"], shown["merged_into"]
        merged = {"type": "merge_resolve_reason", "incident": _reference("incident", target or "", None)}
        return {
            "id": self.id,
            "type": "incident",
            "status": shown["status"],
            "created_at": _iso(self.changes[0].at),
            "title": shown["title"],
            "html_url": _url(self.id),
            "service": _reference("service", shown["service"], SERVICES[shown["service"]][0]),
            "priority": priority and _reference("priority", f"PPRIO{priority}", priority),
            "urgency": shown["urgency"],
            "teams": [_reference("team", f"PTEAM{name}", name) for name in shown["teams"]],
            "escalation_policy": _reference("escalation_policy", "PPOLICY", "Default"),
            "incident_type": {"name": "incident_default"},
            "resolve_reason": merged if target else None,
        }


def _apply(shown: Json, change: Change) -> None:
    if change.kind in _FIELDS:
        shown[_FIELDS[change.kind]] = change.value
        return
    if change.kind == "merged":
        shown["merged_into"] = change.value
        if shown["status"] == "resolved":
            return  # what is resolved already can be merged, too: the resolution does not move
    else:
        shown["merged_into"] = None
    over = change.kind in ("resolved", "merged")
    if change.kind == "reopened":
        shown["reopened_at"] = change.at
    shown["status"] = "resolved" if over else "acknowledged" if change.kind == "acknowledged" else "triggered"
    shown["acknowledgements"] = [change.at] if change.kind == "acknowledged" else []
    shown["resolved_at"], shown["status_at"] = (change.at if over else None), change.at


def lives(count: int, since: int, seconds: int, seed: int = 1) -> list[Life]:
    """Return random lives that begin within `seconds` after `since`, in the order of their creation.

    None of them lasts longer than 20 hours. With 1,000 or more, BURST of them begin in one second.
    """
    random = Random(seed)
    begins = sorted(since + random.randrange(seconds) for _ in range(count))
    if count >= 1_000:
        begins[count // 2 : count // 2 + BURST] = [begins[count // 2]] * BURST
    names = ["Q" + "".join(random.choices(_LETTERS, k=13)) for _ in begins]
    return [
        Life(name, number, tuple(_changes(random, at, names)))
        for number, (name, at) in enumerate(zip(names, begins, strict=True), 1)
    ]


def life(name: str, begin: int, *changes: tuple[int, str] | tuple[int, str, str], number: int = 1) -> Life:
    """Return a life by hand; a change is (seconds after the begin, kind, value where there is one)."""
    told = [Change(begin + after, kind, 250, *value) for after, kind, *value in changes]
    return Life(name, number, (Change(begin, "triggered", 120), *told))


def world(told: Iterable[Life], until: int | None = None, **settings: Any) -> Json:
    """Return the sandbox's world of PagerDuty with these incidents as they are at the end of a second."""
    begun = [each for each in told if until is None or each.changes[0].at <= until]
    return {
        "incidents": [each.record(until) for each in begun],
        "log_entries": [entry for each in begun for entry in each.log_entries(until)],
        "settings": settings,
    }


def _changes(random: Random, at: int, names: Sequence[str]) -> Iterable[Change]:
    status, last, ms = "triggered", "triggered", random.randrange(700)
    yield Change(at, "triggered", ms)
    for _ in range(random.randrange(1, 6)):
        kind = random.choice(_NEXT[status])
        # Whole seconds could not tell whether a merge that was shown just then came before a re-opening.
        is_close = random.random() < 0.1 and (kind != "reopened" or last == "resolved")
        gap = 0 if is_close else random.randrange(5, 4 * HOUR)
        # Within one second each webhook is a little later than the one before it.
        at, ms = at + gap, random.randrange(700) if gap else ms + random.randrange(1, 40)
        yield Change(at, kind, ms, _value(random, kind, names))
        if kind not in _FIELDS:
            status = "resolved" if kind == "merged" else kind
        last = kind


_OPEN = ("resolved", "resolved", "resolved", "merged", *_FIELDS)
_NEXT = {
    "triggered": ("acknowledged", "acknowledged", *_OPEN),
    "acknowledged": ("unacknowledged", *_OPEN),
    "unacknowledged": ("acknowledged", *_OPEN),
    "reopened": ("acknowledged", *_OPEN),
    "resolved": ("reopened", "merged", "priority_updated"),
}


def _value(random: Random, kind: str, names: Sequence[str]) -> str | None:
    chosen: Mapping[str, Sequence[str | None]] = {
        "priority_updated": PRIORITIES,
        "service_updated": sorted(SERVICES),
        "retitled": TITLES,
        "merged": names,
    }
    return random.choice(chosen[kind]) if kind in chosen else None


def _reference(kind: str, name: str, summary: str | None) -> Json:
    return {"id": name, "type": f"{kind}_reference", "summary": summary}


def _url(name: str) -> str:
    return f"https://acme.pagerduty.com/incidents/{name}"


def _iso(at: int | None, ms: int | None = None) -> str | None:
    if at is None:
        return None
    fraction = "" if ms is None else f".{ms:03}"
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
