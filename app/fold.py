"""Events into incidents: map each stored event, merge it into its incident, compute what DX should hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import orjson
import structlog
from sqlalchemy import Connection, Engine

from app import metrics, tracing
from app.clock import Clock
from app.in_force import Applied, InForce
from app.incident import State, merge, observe
from app.policy import DEFAULT, Policy
from app.renew import renewed
from app.sources import Source
from app.store import codec, events, incidents
from app.store.engine import reading
from app.store.events import Folded, StoredEvent
from app.store.incidents import BACKGROUND, LIVE, Carried, Held, Key, Renewed
from mappers import MAPPERS
from mappers.observation import Ignored, Nanoseconds, Unmappable

BATCH = 100
"""Events a transaction: on SQLite it keeps webhooks from being accepted meanwhile."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mapped:
    """An event's outcome before merging: a key and a state where it is about an incident."""

    outcome: str
    reason: str | None = None
    key: Key | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class _Told(Folded):
    """What folding made of an event, with its incident's reference for the log."""

    reference_id: str | None = None


def map_body(
    source: Source, body: Mapping[str, object], received_at: Nanoseconds, *, record: bool = False
) -> Mapped:
    """Map one webhook body of a source, or a record of its vendor's API; nothing that it contains raises."""
    mapper = MAPPERS[source.vendor]
    try:
        seen = mapper.from_api(body) if record else mapper.from_webhook(body)
        if isinstance(seen, Ignored):
            return Mapped("ignored", seen.reason)
        return Mapped("upsert", None, (source.name, seen.vendor_id), observe(seen, received_at))
    except Unmappable as error:
        return Mapped("unmappable", str(error))
    except Exception as error:  # noqa: BLE001 - a bug in one mapper must not stop the other events
        return Mapped("failed", f"{source.vendor} mapper: {type(error).__name__}")


def map_event(event: StoredEvent, sources: Mapping[str, Source], policy: Policy) -> Mapped:
    """Map a stored event of a source that this process knows, or the policy in force for the fleet."""
    source, of_source = sources.get(event.source), policy.source(event.source)
    if source is None and of_source is not None:
        source = Source(event.source, of_source.vendor, secrets_env="")
    if source is None:
        return Mapped("failed", f"no source named {event.source} is configured")
    return map_body(source, orjson.loads(event.body), event.received_at, record=event.record)


class Folder:
    """Folds stored events in batches, each in one short transaction."""

    def __init__(
        self,
        engine: Engine,
        sources: Mapping[str, Source],
        destination: str | None,
        clock: Clock,
        policy: Policy = DEFAULT,
    ) -> None:
        self._engine, self._sources, self._destination, self._clock = engine, sources, destination, clock
        self._reading, self._in_force = reading(engine), InForce(policy)

    def fold(self) -> int:
        """Fold the oldest unfolded events; return how many. Folding one twice changes nothing.

        PostgreSQL locks the events while they are mapped, so that others take the next ones; on SQLite
        that would keep webhooks out, so mapping comes before the transaction.
        """
        begun = self._clock.wall()
        steady = self._clock.steady()
        if self._engine.dialect.name == "postgresql":
            with self._engine.begin() as connection:
                batch = events.unfolded(connection, BATCH, lock=True)
                folded = self._write(connection, self._map_all(connection, batch)) if batch else []
        else:
            with self._reading.begin() as connection:
                batch = events.unfolded(connection, BATCH)
                mapped = self._map_all(connection, batch) if batch else []
            if not mapped:
                return 0
            with self._engine.begin() as connection:
                folded = self._write(connection, mapped)
        if folded:
            tracing.record("fold", begun, self._clock.wall(), {"events": len(folded)})
        _report(folded)
        if folded:
            metrics.folded(folded, self._clock.steady() - steady)
        return len(folded)

    def _map_all(
        self, connection: Connection, batch: Iterable[StoredEvent]
    ) -> list[tuple[StoredEvent, Mapped]]:
        policy = self._in_force.now(connection).policy
        return [(event, map_event(event, self._sources, policy)) for event in batch]

    def _write(self, connection: Connection, mapped: Sequence[tuple[StoredEvent, Mapped]]) -> list[_Told]:
        """Merge mapped events into their incidents, in the caller's transaction."""
        now, states = self._clock.wall(), _by_key(each for _, each in mapped)
        applied = self._in_force.in_transaction(connection, now)
        held = {each.key: each for each in incidents.lock(connection, states, now)}
        made = {key: self._renew(applied, each, states[key]) for key, each in held.items()}
        live = {each.key for event, each in mapped if not event.record}
        for lane, is_live in ((LIVE, True), (BACKGROUND, False)):
            of_lane = [each for key, each in made.items() if each and (key in live) is is_live]
            incidents.renew(connection, of_lane, self._destination, now, lane)
        folded = [_folded(event, each, made) for event, each in mapped]
        events.mark_folded(connection, folded)
        return folded

    def _renew(self, applied: Applied, held: Held, states: list[State]) -> Renewed | Carried | None:
        source_name, vendor_id = held.key
        try:
            state = reduce(merge, states if held.state is None else [codec.load_state(held.state), *states])
            return renewed(applied, self._sources, held, state, self._destination)
        except Exception:  # a bug met by one incident must not stop the others; its events say "failed"
            log.exception("incident could not be folded", source=source_name, reference_id=vendor_id)
            return None


def _by_key(mapped: Iterable[Mapped]) -> dict[Key, list[State]]:
    states: dict[Key, list[State]] = {}
    for each in mapped:
        if each.key and each.state:
            states.setdefault(each.key, []).append(each.state)
    return states


def _folded(event: StoredEvent, mapped: Mapped, made: Mapping[Key, Renewed | Carried | None]) -> _Told:
    if mapped.key is None:
        return _Told(event, mapped.outcome, mapped.reason)
    into = made[mapped.key]
    if into is None:
        return _Told(event, "failed", "its incident could not be folded; the log says why")
    reference = into.wanted.document.reference_id if isinstance(into, Renewed) else None
    return _Told(event, mapped.outcome, None, into.held.id, reference)


def _report(folded: Iterable[_Told]) -> None:
    for each in folded:
        say = log.warning if each.outcome in events.PROBLEMS else log.info
        why = {"reference_id": each.reference_id, "reason": each.reason}
        told = {name: value for name, value in why.items() if value is not None}
        say("event folded", source=each.event.source, event_id=each.event.key, outcome=each.outcome, **told)
