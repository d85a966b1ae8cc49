"""What today's mappers make of the stored events, incident by incident; it only reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from sqlalchemy import Engine

from app.fold import Mapped, map_event
from app.incident import State, merge
from app.policy import Policy
from app.sources import Source
from app.store import codec, events, incidents
from app.store.engine import reading
from app.store.events import PROBLEMS, StoredEvent
from app.store.incidents import Key, Stored

PAGE = 100


@dataclass(frozen=True, slots=True)
class Astray:
    """An event that leads to another incident than it went into, or to one where it led nowhere."""

    event_id: int
    key: Key
    state: State


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """An incident's state as its events give it today; as it was where they cannot tell."""

    stored: Stored
    state: State
    problem: str = ""
    """Why the state is as it was."""
    astray: tuple[Astray, ...] = ()


class Refold:
    """Maps stored events again, in pages and short transactions."""

    def __init__(self, engine: Engine, sources: Mapping[str, Source], policy: Policy) -> None:
        self._engine, self._sources, self._policy = reading(engine), sources, policy

    def incidents(self) -> Iterator[list[Rebuilt]]:
        """Return all incidents, rebuilt, page by page."""
        last = 0
        while page := self._page(last):
            yield self._rebuild(*page)
            last = page[0][-1].held.id

    def again(self, ids: Sequence[int]) -> list[Rebuilt]:
        """Return these incidents, rebuilt from what is stored by now."""
        with self._engine.begin() as connection:
            stored = incidents.by_id(connection, ids)
            return self._rebuild(stored, events.of_incidents(connection, ids))

    def loose(self) -> Iterator[Astray]:
        """Return the events that led to no incident and would lead to one today."""
        last = 0
        while page := self._loose_page(last):
            yield from filter(None, (self._astray(event, self._map(event)) for event in page))
            last = page[-1].id

    def _page(self, after: int) -> tuple[list[Stored], dict[int, list[StoredEvent]]] | None:
        with self._engine.begin() as connection:
            stored = incidents.page(connection, after, PAGE)
            if not stored:
                return None
            return stored, events.of_incidents(connection, [each.held.id for each in stored])

    def _loose_page(self, after: int) -> list[StoredEvent]:
        with self._engine.begin() as connection:
            return events.loose(connection, after, PAGE)

    def _rebuild(self, stored: Sequence[Stored], found: Mapping[int, list[StoredEvent]]) -> list[Rebuilt]:
        folded = (each for each in stored if each.held.state)
        return [self._one(each, found.get(each.held.id, [])) for each in folded]

    def _one(self, stored: Stored, own: Sequence[StoredEvent]) -> Rebuilt:
        state = codec.load_state(stored.held.state or "")
        if not stored.complete:
            return Rebuilt(stored, state, "its events are purged")
        mapped = [(event, self._map(event)) for event in own]
        if failed := next((each for _, each in mapped if each.outcome in PROBLEMS), None):
            return Rebuilt(stored, state, f"an event of it cannot be mapped any more: {failed.reason}")
        states = [each.state for _, each in mapped if each.state and each.key == stored.held.key]
        others = ((event, each) for event, each in mapped if each.key != stored.held.key)
        astray = tuple(filter(None, (self._astray(*other) for other in others)))
        if not states:
            return Rebuilt(stored, state, "no stored event leads to it any more", astray)
        return Rebuilt(stored, reduce(merge, states), astray=astray)

    def _map(self, event: StoredEvent) -> Mapped:
        return map_event(event, self._sources, self._policy)

    @staticmethod
    def _astray(event: StoredEvent, mapped: Mapped) -> Astray | None:
        return Astray(event.id, mapped.key, mapped.state) if mapped.key and mapped.state else None
