"""An operator's correction of one incident: recorded, applied after the merge, surviving every re-fold."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypedDict

from sqlalchemy import Connection, Engine

from app.clock import Clock
from app.decide import Override
from app.document import timestamp
from app.errors import OverrideError, UnknownError
from app.in_force import InForce
from app.renew import Renewal
from app.settings import Settings
from app.store import acts, codec, incidents
from app.store.acts import Act
from app.store.incidents import LIVE, Held
from app.view import view
from mappers.observation import Nanoseconds


class Change(TypedDict, total=False):
    """What an operator corrects; times in nanoseconds since the epoch."""

    included: bool
    started_at: Nanoseconds
    resolved_at: Nanoseconds


class UnknownIncidentError(OverrideError, UnknownError):
    """A correction of an incident that is not known here."""


class AmbiguousError(OverrideError):
    """A correction of a reference that several sources have."""

    def __init__(self, reference_id: str, sources: Sequence[str]) -> None:
        names = ", ".join(sources)
        super().__init__(
            f"Several sources have an incident {reference_id}: name one of {names} with --source."
        )
        self.sources = tuple(sources)


class Corrections:
    """Records overrides and computes their incidents anew, in one transaction."""

    def __init__(self, engine: Engine, settings: Settings, clock: Clock, by: str) -> None:
        self._engine, self._clock, self._by = engine, clock, by
        self._in_force = InForce(settings.policy)
        self._renewal = Renewal(engine, settings.sources, settings.dx_base_url, self._in_force, clock)

    def add(self, reference_id: str, change: Change, source: str | None = None) -> None:
        """Add to what was corrected before; raise OverrideError for an unknown incident or impossible times."""
        self._set(reference_id, source, lambda was: replace(was, **change))

    def put(self, reference_id: str, override: Override, source: str | None = None) -> None:
        """Put this in the place of what was corrected before; raise OverrideError as `add` does."""
        self._set(reference_id, source, lambda _: override)

    def clear(self, reference_id: str, source: str | None = None) -> None:
        """Take all corrections back; raise OverrideError for an unknown incident."""
        self._set(reference_id, source, lambda _: Override())

    def _set(self, reference_id: str, source: str | None, change: Callable[[Override], Override]) -> None:
        now = self._clock.wall()
        with self._engine.begin() as connection:
            applied = self._in_force.in_transaction(connection, now)
            held = _one(connection, reference_id, source)
            override = change(codec.load_override(held.override))
            _check(held, override, now)
            text = codec.dump_override(override, now, self._by)
            acts.record(
                connection, Act(now, self._by, "override" if text else "clear override", reference_id)
            )
            incidents.override(connection, held.id, text)
            self._renewal.renew(connection, applied, [(replace(held, override=text), None)], LIVE)


def _one(connection: Connection, reference_id: str, source: str | None) -> Held:
    stored = incidents.by_reference(connection, reference_id)
    found = [each.held for each in stored if each.held.state]
    chosen = [each for each in found if source in (None, each.key[0])]
    if not chosen:
        raise UnknownIncidentError(f"No incident {reference_id} is known here.")
    if len(chosen) > 1:
        raise AmbiguousError(reference_id, [each.key[0] for each in chosen])
    return incidents.lock_by_id(connection, [chosen[0].id])[0]


def _check(held: Held, override: Override, now: Nanoseconds) -> None:
    """Refuse a correction after which the incident would end before it starts, or that is about the future."""
    shown = view(codec.load_state(held.state or ""))
    started = shown.started_at if override.started_at is None else override.started_at
    resolved = shown.resolved_at if override.resolved_at is None else override.resolved_at
    corrected = override.started_at is not None or override.resolved_at is not None
    for name, at in (("started_at", override.started_at), ("resolved_at", override.resolved_at)):
        if (at or 0) > now:
            raise OverrideError(f"That time is yet to come: {name}.")
    if corrected and resolved is not None and resolved < started:
        raise OverrideError(f"It would end ({timestamp(resolved)}) before it starts ({timestamp(started)}).")
