"""What happened to one incident: each event and what it changed, each call and its answer, each act."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Row

from app.document import timestamp
from app.fold import map_event
from app.incident import State, merge
from app.policy import Policy
from app.renew import judge
from app.sources import Source
from app.store import codec
from app.store.acts import Act
from app.store.events import StoredEvent
from app.store.incidents import Key
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `kind` is event, call or act."""

    at: Nanoseconds
    kind: str
    what: str
    level: str = ""
    notes: Sequence[str] = ()
    changes: Sequence["Difference"] = ()
    event_id: int | None = None

    @property
    def time(self) -> str:
        """When, to the millisecond, UTC."""
        return f"{timestamp(self.at)[:-1]}.{self.at % SECOND // 1_000_000:03}Z"


@dataclass(frozen=True, slots=True)
class Difference:
    """A key of the document and what it was and is; None: nothing."""

    key: str
    before: str | None
    after: str | None


@dataclass(slots=True)
class Story:
    """Tells an incident's events one after the other, as they came."""

    key: Key
    policy: Policy
    sources: Mapping[str, Source]
    _state: State | None = None
    _shown: Body = field(default_factory=dict)

    def entry(self, row: Row[Any]) -> Entry:
        """Return what an event said, and what it changed in what DX should hold."""
        stored = StoredEvent(row.id, row.source, row.key, row.received_at, row.body, row.record)
        mapped = map_event(stored, self.sources, self.policy)
        if mapped.state is None or mapped.key != self.key:
            why = mapped.reason or "it leads to another incident today"
            return Entry(row.received_at, "event", _name(row), "warn", (why,), event_id=row.id)
        self._state = mapped.state if self._state is None else merge(self._state, mapped.state)
        before, self._shown = self._shown, self._document(self._state)
        found = differences(before, self._shown)
        notes = () if found else ("changes nothing",)
        return Entry(row.received_at, "event", _name(row), "", notes, found, row.id)

    def _document(self, state: State) -> Body:
        wanted = judge(self.policy, self.sources, self.key, state)
        body: Body = orjson.loads(codec.dump_document(wanted.document)) if wanted else {}
        return body


def differences(before: Body, after: Body) -> tuple[Difference, ...]:
    """Return key by key what differs; of metadata, its own keys."""
    old, new = _flat(before), _flat(after)
    keys = [key for key in dict.fromkeys((*new, *old)) if old.get(key) != new.get(key)]
    return tuple(Difference(key, _text(old.get(key)), _text(new.get(key))) for key in keys)


def of_call(row: Row[Any]) -> Entry:
    """Return a call to DX and its answer."""
    status = f"HTTP {row.status}, " if row.status else ""
    words = row.words if row.words and row.words != row.code else ""
    level = {"confirmed": "good", "refused": "bad", "unauthorised": "bad"}.get(row.meaning, "warn")
    notes = [f"{status}{row.code}, {row.duration_ms} ms", *([words] if words else [])]
    return Entry(row.at, "call", f"{row.method}: {row.meaning.replace('_', ' ')}", level, notes)


def of_act(act: Act) -> Entry:
    """Return what an operator did."""
    return Entry(act.at, "act", act.act, "", (f"by {act.by}",))


def _name(row: Row[Any]) -> str:
    """Return what the vendor calls this kind of event, where its body is readable."""
    if row.record:
        return "read from the vendor's API"
    body = orjson.loads(row.body)
    event = body.get("event")
    inner = event.get("event_type") if isinstance(event, dict) else None
    return str(inner or body.get("webhookEvent") or body.get("action") or "event")[:80]


def _flat(body: Body) -> Body:
    nested = {f"metadata.{key}": value for key, value in (body.get("metadata") or {}).items()}
    return {key: value for key, value in body.items() if key != "metadata"} | nested


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(str(each["identifier"] if isinstance(each, dict) else each) for each in value)
    return orjson.dumps(value).decode()
