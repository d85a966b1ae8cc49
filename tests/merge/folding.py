"""Fold a history's events with given state and view modules, and tell where the result is not the truth."""

import json
from collections.abc import Iterable
from functools import reduce
from random import Random
from types import ModuleType
from typing import Any

from app import incident, view
from app.document import request
from app.policy import document
from app.sources import default_sources
from mappers import MAPPERS
from mappers.fields import Instant
from mappers.observation import Ignored
from tests.histories import Event, History

SOURCES = default_sources()
_INSTANT = Instant()


def state_of(event: Event, modules: ModuleType = incident) -> tuple[tuple[str, str], Any] | None:
    """Return an event's (source, vendor id) and state; None where it is about no incident."""
    seen = MAPPERS[SOURCES[event.source].vendor].from_webhook(event.body)
    if isinstance(seen, Ignored):
        return None
    return (event.source, seen.vendor_id), modules.observe(seen, _INSTANT.deserialize(event.received_at))


def fold(events: Iterable[Event], modules: ModuleType = incident, views: ModuleType = view) -> dict[str, Any]:
    """Return the documents that the events add up to, one event after another, by reference."""
    states: dict[tuple[str, str], Any] = {}
    for event in events:
        if found := state_of(event, modules):
            key, state = found
            states[key] = modules.merge(states[key], state) if key in states else state
    return documents(states, views)


def documents(states: dict[tuple[str, str], Any], views: ModuleType = view) -> dict[str, Any]:
    """Return the documents of states, as JSON would carry them."""
    found = {}
    for (source, vendor_id), state in states.items():
        link = MAPPERS[SOURCES[source].vendor].source_url(state.kind, vendor_id, SOURCES[source].app_url)
        body = request(document(source, vendor_id, views.view(state), link))
        found[vendor_id] = json.loads(json.dumps(body))
    return found


def fold_in_batches(events: list[Event], random: Random) -> dict[str, Any]:
    """Fold as the pipeline does: batches of random size, each merged by itself before it meets the state."""
    states: dict[tuple[str, str], Any] = {}
    while events:
        size = random.randint(1, 6)
        batch, events = events[:size], events[size:]
        by_key: dict[tuple[str, str], list[Any]] = {}
        for key, state in filter(None, map(state_of, batch)):
            by_key.setdefault(key, []).append(state)
        for key, found in by_key.items():
            merged = reduce(incident.merge, found)
            states[key] = incident.merge(merged, states[key]) if key in states else merged
    return documents(states)


def disordered(history: History, random: Random) -> list[Event]:
    """Return the events shuffled, a quarter of them twice."""
    events = [*history.events, *random.choices(history.events, k=max(1, len(history.events) // 4))]
    random.shuffle(events)
    return events
