"""What DX would get differently under another policy and today's mappers; nothing is written."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import orjson
from sqlalchemy import Connection, Engine

from app.decide import Standing, Wanted
from app.incident import State, merge
from app.policy import Policy
from app.refold import Refold
from app.renew import judge
from app.sources import Source
from app.store import codec, incidents
from app.store.engine import reading
from app.store.incidents import Key, Stored

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What would change for one incident; None: DX holds, or would hold, nothing of it."""

    source: str
    reference_id: str
    before: Body | None
    after: Body | None
    reason: str = ""

    @property
    def kind(self) -> str:
        """`add`, `update` or `remove`."""
        if self.before is None:
            return "add"
        return "update" if self.after is not None else "remove"


@dataclass(slots=True)
class Plan:
    """All changes, by incident; `kept` are the incidents whose events cannot be mapped again, and why."""

    changes: dict[Key, Change] = field(default_factory=dict)
    kept: dict[Key, str] = field(default_factory=dict)
    sticky: set[Key] = field(default_factory=set)
    """Those that the policy excludes, and that stay in DX since it does not retract them."""
    unchanged: int = 0

    def totals(self) -> dict[str, int]:
        """Count the changes by kind."""
        kinds = Counter(each.kind for each in self.changes.values())
        return {kind: kinds[kind] for kind in ("add", "update", "remove")} | {"unchanged": self.unchanged}


class Planner:
    """Plans the change to a policy."""

    def __init__(
        self, engine: Engine, sources: Mapping[str, Source], policy: Policy, destination: str | None
    ) -> None:
        self._engine, self._sources = engine, sources
        self._policy, self._destination = policy, destination
        self._refold = Refold(engine, sources, policy)

    def plan(self, tick: Callable[[int], None] = lambda _: None) -> Plan:
        """Re-fold everything that is stored; `tick` is told of each portion of incidents that is done."""
        plan = Plan()
        extra: dict[Key, list[State]] = {}
        for astray in self._refold.loose():
            extra.setdefault(astray.key, []).append(astray.state)
        for page in self._refold.incidents():
            for rebuilt in page:
                self._note(plan, rebuilt.stored, rebuilt.state, rebuilt.problem)
                for astray in rebuilt.astray:
                    extra.setdefault(astray.key, []).append(astray.state)
            tick(len(page))
        for key, states in extra.items():
            self._note_extra(plan, key, states)
        return plan

    def _note_extra(self, plan: Plan, key: Key, states: list[State]) -> None:
        """Plan an incident to which events lead that went elsewhere, or nowhere, before."""
        with reading(self._engine).begin() as connection:
            stored = incidents.by_key(connection, key)
        if stored is None or stored.held.state is None:
            after = judge(self._policy, self._sources, key, reduce(merge, states))
            _put(plan, key, None, after)
            return
        for rebuilt in self._refold.again([stored.held.id]):
            plan.unchanged -= key not in plan.changes
            self._note(plan, stored, reduce(merge, states, rebuilt.state), rebuilt.problem)

    def _note(self, plan: Plan, stored: Stored, state: State, problem: str) -> None:
        held = stored.held
        if problem:
            plan.kept[held.key] = problem
        standing = Standing(codec.load_override(held.override), held.in_dx(self._destination))
        _put(plan, held.key, stored, judge(self._policy, self._sources, held.key, state, standing))


def change(key: Key, stored: Stored | None, wanted: Wanted | None) -> Change | None:
    """Return what would change for an incident; a source that the policy does not know changes nothing."""
    before: Body | None = None
    if stored and stored.desired and stored.held.action == "upsert":
        before = orjson.loads(stored.desired)
    after = before
    if wanted is not None:
        after = orjson.loads(codec.dump_document(wanted.document)) if wanted.action == "upsert" else None
    if before == after:
        return None
    reference = str((after or before or {})["reference_id"])
    return Change(key[0], reference, before, after, wanted.reason if wanted else "")


def _put(plan: Plan, key: Key, stored: Stored | None, wanted: Wanted | None) -> None:
    plan.changes.pop(key, None)
    plan.sticky.discard(key)
    if wanted and wanted.kept:
        plan.sticky.add(key)
    found = change(key, stored, wanted)
    if found is None:
        plan.unchanged += 1
    else:
        plan.changes[key] = found


def refusals(connection: Connection, policy: Policy) -> Iterator[str]:
    """Return why a policy cannot be applied: DX knows incidents by references that it would change."""
    for source in sorted(incidents.sources(connection)):
        of_source = policy.source(source)
        if of_source and (count := incidents.renamed(connection, source, of_source.prefix)):
            yield (
                f"[sources.{source}] reference_prefix: {count} incidents are in DX under other references: "
                "set it back, or give the source another name"
            )
