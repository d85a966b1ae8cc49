"""What the pages show, read from the store; each in one short transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine, Row

from app.clock import Clock
from app.config import digest
from app.errors import UnknownError
from app.in_force import Applied, InForce
from app.settings import Settings
from app.sources import Source
from app.store import acts, browse, incidents, sender
from app.store.acts import HOUR
from app.store.engine import reading
from app.web.dashboard.chart import HOURS, Chart, chart
from app.web.dashboard.timeline import Entry, Story, of_act, of_call
from app.web.dashboard.verdict import Facts, Verdict, verdict
from app.web.health import Health
from mappers.observation import Nanoseconds

MOST = 500
"""Rows of one incident's history that a page shows."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One source as the overview shows it; `last` in nanoseconds since the epoch."""

    source: Source
    last: Nanoseconds | None
    last_hour: int
    last_day: int
    refused: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page."""

    verdict: Verdict
    facts: Facts
    sources: list[SourceFacts]
    chart: Chart


@dataclass(frozen=True, slots=True)
class Told:
    """One incident: its row, its timeline (the newest last), whether a part of it was left out."""

    row: Row[Any]
    timeline: list[Entry]
    cut: bool


class Console:
    """Reads for the dashboard."""

    def __init__(self, engine: Engine, settings: Settings, clock: Clock) -> None:
        self._engine, self.settings, self._clock = reading(engine), settings, clock
        self._health = Health(engine, clock, settings.can_deliver)
        self._in_force = InForce(settings.policy)

    @property
    def now(self) -> Nanoseconds:
        """The time, in nanoseconds since the epoch."""
        return self._clock.wall()

    @cached_property
    def used(self) -> list[Source]:
        """The sources that accept webhooks."""
        return [source for source in self.settings.sources.values() if source.secrets]

    def begin(self) -> Any:
        """Begin a transaction that only reads."""
        return self._engine.begin()

    def applied(self, connection: Connection) -> Applied:
        """Return the policy in force."""
        return self._in_force.now(connection)

    def is_in_force(self) -> bool:
        """Whether this process's own bridge.toml is the policy in force."""
        with self.begin() as connection:
            return self.applied(connection).digest == digest(self.settings.policy)

    def overview(self) -> Overview:
        """Read the first page."""
        since = (self.now // HOUR - HOURS + 1) * HOUR
        with self.begin() as connection:
            received = browse.received_by_hour(connection, [source.name for source in self.used], since)
            called = browse.calls_by_hour(connection, since)
            refused = acts.refused_since(connection, since)
            last = {source.name: browse.last_event(connection, source.name) for source in self.used}
            facts = self._facts(connection, any(last.values()))
        hour = self.now // HOUR
        sources = [_source_facts(each, last[each.name], received, refused, hour) for each in self.used]
        not_confirmed = {name: _of(called, name) for name in ("refused", "unauthorised")}
        series = {
            "received": _summed(received),
            "delivered": _of(called, "confirmed"),
            "refused": {h: sum(each.get(h, 0) for each in not_confirmed.values()) for h in _hours(called)},
        }
        return Overview(verdict(facts), facts, sources, chart(series, hour))

    def story(self, reference_id: str) -> Told:
        """Read one incident; raise UnknownError where there is none of this reference."""
        with self.begin() as connection:
            row = browse.one(connection, reference_id)
            if row is None:
                raise UnknownError(f"No incident {reference_id} is known here.")
            received = browse.events_of(connection, row.id, MOST)
            called = browse.calls_of(connection, row.id, MOST)
            done = acts.about(connection, reference_id, MOST)
            policy = self.applied(connection).policy
        story = Story((row.source, row.vendor_id), policy, self.settings.sources)
        entries = [*map(story.entry, received), *map(of_call, called), *map(of_act, done)]
        timeline = sorted(entries, key=lambda entry: entry.at)
        return Told(row, timeline, MOST in (len(received), len(called), len(done)))

    def _facts(self, connection: Connection, any_events: bool) -> Facts:
        state, reason = sender.load(connection, self.now).shown(can_deliver=self.settings.can_deliver)
        counted = browse.waiting(connection)
        unread = browse.problems(connection, 1)
        return Facts(
            pipeline=self._health.pipeline()[0],
            sender=state,
            reason=reason,
            due=counted["due"],
            parked=counted["parked"],
            problems=counted["problems"],
            latest_problem=unread[0].received_at if unread else None,
            oldest_due=incidents.oldest_due(connection),
            sources=len(self.used),
            events=any_events,
            now=self.now,
        )


def _source_facts(
    source: Source,
    last: Nanoseconds | None,
    received: Mapping[tuple[str, int], int],
    refused: Mapping[tuple[str, int], int],
    hour: int,
) -> SourceFacts:
    own = _of(received, source.name)
    recent = own.get(hour, 0) + own.get(hour - 1, 0)
    return SourceFacts(source, last, recent, sum(own.values()), sum(_of(refused, source.name).values()))


def _of(counted: Mapping[tuple[str, int], int], name: str) -> dict[int, int]:
    return {hour: count for (each, hour), count in counted.items() if each == name}


def _summed(counted: Mapping[tuple[str, int], int]) -> dict[int, int]:
    return {hour: sum(count for (_, h), count in counted.items() if h == hour) for hour in _hours(counted)}


def _hours(counted: Mapping[tuple[str, int], int]) -> set[int]:
    return {hour for _, hour in counted}
