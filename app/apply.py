"""Bring a policy into force, and the incidents under it and today's mappers; the pipeline sends the rest.

It can be interrupted and run again: the pipeline goes on with the policy, and what is done stays done.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Engine

from app.clock import Clock
from app.errors import PolicyRefusedError
from app.in_force import InForce, apply
from app.plan import refusals
from app.policy import Policy
from app.refold import Rebuilt, Refold
from app.renew import Renewal
from app.sources import Source
from app.store import deliveries, events, incidents, policies
from app.store.incidents import BACKGROUND
from app.store.tables import incidents as table

_TRIES = 5
"""How often an incident is rebuilt that meanwhile gets further events; the last ones are folded as they are."""


class Application:
    """Applies one policy to everything stored."""

    def __init__(
        self,
        engine: Engine,
        sources: Mapping[str, Source],
        policy: Policy,
        destination: str | None,
        clock: Clock,
    ) -> None:
        self._engine, self._policy, self._clock = engine, policy, clock
        self._in_force, self._refold = InForce(policy), Refold(engine, sources, policy)
        self._renewal = Renewal(engine, sources, destination, self._in_force, clock)

    def run(self, tick: Callable[[int], None] = lambda _: None) -> None:
        """Apply the policy; `tick` is told of each portion of incidents that is done.

        Raises PolicyRefusedError, with nothing changed, where DX knows incidents by other references.
        """
        with self._engine.begin() as connection:
            policies.seize(connection)
            if problems := list(refusals(connection, self._policy)):
                raise PolicyRefusedError(problems)
            apply(connection, self._policy, self._clock.wall())
        self._refold_loose()
        for page in self._refold.incidents():
            self._write_page(page)
            tick(len(page))
        with self._engine.begin() as connection:
            deliveries.redeliver(connection, table.c.parked.is_not(None), lane=BACKGROUND)

    def _refold_loose(self) -> None:
        """Hand the events that would lead to an incident today to the pipeline again."""
        ids = [astray.event_id for astray in self._refold.loose()]
        for first in range(0, len(ids), 500):
            with self._engine.begin() as connection:
                events.refold(connection, ids[first : first + 500])

    def _write_page(self, page: Sequence[Rebuilt]) -> None:
        for first in range(0, len(page), 25):
            left = page[first : first + 25]
            for _ in range(_TRIES):
                if ids := self._write(left):
                    left = self._refold.again(ids)
                else:
                    break

    def _write(self, page: Sequence[Rebuilt]) -> list[int]:
        """Write what was rebuilt; return the incidents that got further events meanwhile."""
        now, by_id = self._clock.wall(), {each.stored.held.id: each for each in page}
        with self._engine.begin() as connection:
            applied = self._in_force.in_transaction(connection, now)
            held = incidents.lock_by_id(connection, by_id)
            same = [each for each in held if each.state == by_id[each.id].stored.held.state]
            states = [(each, by_id[each.id].state) for each in same]
            self._renewal.renew(connection, applied, states, BACKGROUND)
            events.refold(connection, [other.event_id for each in same for other in by_id[each.id].astray])
        return [each.id for each in held if each not in same]
