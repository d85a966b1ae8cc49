"""An incident's row computed anew: what its evidence shows, what the policy makes of it."""

from collections.abc import Iterable, Mapping

import structlog
from sqlalchemy import Connection, Engine

from app.clock import Clock
from app.decide import NEW, Standing, Wanted, decide
from app.in_force import Applied, InForce
from app.incident import State
from app.policy import Policy
from app.sources import Source
from app.store import codec, incidents
from app.store.engine import reading
from app.store.incidents import BACKGROUND, Carried, Held, Key, Renewed
from app.view import view
from mappers import MAPPERS

PAGE = 50
"""Incidents a transaction: on SQLite it keeps webhooks from being accepted meanwhile."""

log = structlog.get_logger()


def judge(
    policy: Policy, sources: Mapping[str, Source], key: Key, state: State, standing: Standing = NEW
) -> Wanted | None:
    """Return what is to be done about an incident; None where the policy does not know its source."""
    of_source, own = policy.source(key[0]), sources.get(key[0])
    if of_source is None:
        return None
    app_url = of_source.app_url or (own.app_url if own else None)
    link = MAPPERS[of_source.vendor].source_url(state.kind, key[1], app_url)
    return decide(policy, key, view(state), link, standing)


def renewed(
    applied: Applied, sources: Mapping[str, Source], held: Held, state: State, destination: str | None
) -> Renewed | Carried:
    """Return an incident's row for this state under the policy; report a rule that failed on it."""
    standing = Standing(codec.load_override(held.override), held.in_dx(destination))
    made = judge(applied.policy, sources, held.key, state, standing)
    if made and made.failed:
        told = {"source": held.key[0], "reference_id": made.document.reference_id}
        log.warning("a rule failed", **told, because=made.failed)
    if made is None:
        return Carried(held, codec.dump(state), applied.digest)
    return Renewed(held, codec.dump(state), applied.digest, made)


class Renewal:
    """Brings incidents that were computed under another policy under the one in force, page by page."""

    def __init__(
        self,
        engine: Engine,
        sources: Mapping[str, Source],
        destination: str | None,
        in_force: InForce,
        clock: Clock,
    ) -> None:
        self._engine, self._sources, self._destination = engine, sources, destination
        self._in_force, self._clock = in_force, clock
        self._under_way = False

    def look(self) -> bool:
        """Tell whether there are incidents to renew, since a policy was applied or one was left undecided."""
        with reading(self._engine).begin() as connection:
            applied = self._in_force.now(connection)
            self._under_way = bool(incidents.stale(connection, applied.digest, 1))
        return self._under_way

    def page(self) -> bool:
        """Renew one page, when there is one; tell whether there was."""
        if self._under_way:
            self._under_way = self.renew_page() > 0
        return self._under_way

    def renew_page(self) -> int:
        """Renew some incidents in one short transaction; return how many."""
        now = self._clock.wall()
        with self._engine.begin() as connection:
            applied = self._in_force.in_transaction(connection, now)
            ids = incidents.stale(connection, applied.digest, PAGE)
            found = [(held, None) for held in incidents.lock_by_id(connection, ids)]
            self.renew(connection, applied, found, BACKGROUND)
        return len(ids)

    def renew(
        self, connection: Connection, applied: Applied, found: Iterable[tuple[Held, State | None]], lane: int
    ) -> None:
        """Compute locked incidents anew, from these states or their stored ones; one that meets a bug stays."""
        made = [self._renewed(connection, applied, *each) for each in found]
        incidents.renew(
            connection, [each for each in made if each], self._destination, self._clock.wall(), lane
        )

    def _renewed(
        self, connection: Connection, applied: Applied, held: Held, state: State | None
    ) -> Renewed | Carried | None:
        try:
            given = state or codec.load_state(held.state or "")
            return renewed(applied, self._sources, held, given, self._destination)
        except Exception:  # a bug met by one incident must not stop the others
            log.exception("incident could not be renewed", source=held.key[0], vendor_id=held.key[1])
            incidents.leave(connection, held.id, applied.digest, "could not be computed; the log says why")
            return None
