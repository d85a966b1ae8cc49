"""Random histories under a random sequence of policies: DX ends as if the last one had always held.

A short run by default; SOAK=1 makes a long one.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random

import orjson
import pytest
from sqlalchemy import select, update

from app import fold, refold, renew
from app.errors import PolicyRefusedError
from app.policy import DEFAULT
from app.store import migrate, tables
from app.store.engine import connect
from app.store.purge import purge
from mappers import MAPPERS
from mappers.fields import SECOND
from mappers.observation import Ignored, Observation, Unmappable
from tests.store.policies import (
    FURTHER,
    KilledError,
    Life,
    Told,
    as_shown,
    dump,
    fresh,
    overrides_of,
    policy,
    policy_table,
    webhooks,
    without_include,
)
from tests.store.world import START, empty, pagerduty

SOAK = os.environ.get("SOAK") == "1"
EU = {"vendor": "pagerduty", "secrets_env": "PAGERDUTY_EU_WEBHOOK_SECRETS"}
DAY = 86_400 * SECOND
SEEDS = range(400 if SOAK else 5)
OF_NO_MATTER = ("applied_at", "updated_at", "lane", "action", "desired", "digest")
"""To a second application; a deletion that DX has confirmed turns into nothing to do."""


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """Let every page and batch hold a few, so that much happens between them."""
    monkeypatch.setattr(fold, "BATCH", 7)
    monkeypatch.setattr(renew, "PAGE", 3)
    monkeypatch.setattr(refold, "PAGE", 4)


@pytest.fixture
def spare(tmp_path):
    """Return an engine on another database, for the bridge to compare with."""
    url = f"sqlite:///{tmp_path}/spare.db"
    engine = connect(url)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def spare_with(spare, world_of):
    """Return a function from a policy and webhooks to what DX holds of a bridge that never had another."""
    return lambda *chosen: fresh(spare, world_of, *chosen)


@pytest.fixture
def begin(engine, world_of):
    """Return a function that starts a bridge with its own policy on the emptied database."""

    def start(own):
        empty(engine)
        return Life(world_of(engine), own)

    return start


def portions(random: Random, told: list) -> Iterator[list]:
    """Cut webhooks into portions of random lengths."""
    while told:
        count = random.randrange(1, 12)
        yield told[:count]
        told = told[count:]


def live(life: Life, random: Random, told: list, chosen: list) -> None:
    """Let webhooks arrive, policies be applied, and the pipeline work, in a random order; some is left undone."""
    waiting = list(chosen)
    for portion in portions(random, told):
        life.receive(portion)
        for _ in range(random.randrange(12)):
            life.step(random)
        if waiting and random.random() < 0.4:
            apply_somehow(life, random, waiting.pop(0))
    for each in waiting:
        apply_somehow(life, random, each)
        for _ in range(random.randrange(20)):
            life.step(random)


def apply_somehow(life: Life, random: Random, new) -> None:
    """Apply a policy while the pipeline works; it may be killed after some page, and then be left or run again."""
    pages = random.randrange(6)

    def tick(_):
        nonlocal pages
        for _ in range(random.randrange(3)):
            life.step(random)
        pages -= 1
        if pages == 0:
            raise KilledError

    try:
        life.apply(new, tick)
    except KilledError:
        if random.random() < 0.5:
            life.apply(new)


@pytest.mark.parametrize("seed", SEEDS)
def test_with_excluded_retracted_dx_holds_what_the_policy_always_gave(begin, spare_with, seed):
    """Whatever was in force before, and however calls end: DX holds exactly the last policy's incidents."""
    random = Random(seed)
    told = webhooks(random, 6, 6)
    tables = [policy_table(random) for _ in range(random.randrange(3))]
    retract = ["excluded", *random.sample(("merged", "deleted"), random.randrange(3))]
    last = policy(policy_table(random, retract=retract))
    life = begin(policy(policy_table(random)) if random.random() < 0.7 else DEFAULT)
    live(life, random, told, [*map(policy, tables), last])
    life.rest()
    assert life.held() == spare_with(last, told)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_it_everything_in_dx_is_true(begin, spare_with, seed):
    """Everything included is held; whatever DX holds has its true fields under the last policy."""
    random = Random(seed)
    told = webhooks(random, 6, 6)
    tables = [policy_table(random) for _ in range(random.randrange(3))]
    table = policy_table(random, retract=random.sample(("merged", "deleted"), random.randrange(3)))
    life = begin(policy(policy_table(random)) if random.random() < 0.7 else DEFAULT)
    live(life, random, told, [*map(policy, tables), policy(table)])
    life.rest()
    held, whole = life.held(), spare_with(policy(without_include(table)), told)
    assert held == {reference: whole[reference] for reference in held}
    assert spare_with(policy(table), told).keys() <= held.keys()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_an_operator_corrected_survives_everything(begin, spare_with, seed):
    """Corrections made at any time hold under the last policy, as on a bridge where they were made at first."""
    random = Random(seed)
    told = webhooks(random, 5, 5)
    last = policy(policy_table(random, retract=["excluded"]))
    life = begin(policy(policy_table(random)))
    for portion in portions(random, told):
        life.receive(portion)
        for _ in range(random.randrange(8)):
            life.step(random)
        life.correct(random)
    apply_somehow(life, random, last)
    life.correct(random)
    life.rest()
    overrides = overrides_of(life.world.engine)
    assert overrides
    assert life.held() == spare_with(last, told, overrides)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_prefix_is_changed_or_refused_as_a_whole(begin, spare_with, seed):
    """A refused policy changes no row; else DX holds each incident under the new prefix, and none twice."""
    random = Random(seed)
    told = webhooks(random, 6, 0)
    life, applied = begin(policy({"sources": {FURTHER: EU}})), policy({"sources": {FURTHER: EU}})
    for portion in portions(random, told):
        life.receive(portion)
        for _ in range(random.randrange(12)):
            life.step(random)
        table = policy_table(random, retract=["excluded"])
        table["sources"][FURTHER]["reference_prefix"] = random.choice(("", "eu-", "eu-"))
        before = dump(life.world.engine)
        try:
            life.apply(policy(table))
            applied = policy(table)
        except PolicyRefusedError:
            assert dump(life.world.engine) == before
    life.rest()
    held, expected = life.held(), spare_with(applied, told)
    assert held == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_names_exactly_what_changes(begin, seed):
    """A plan has each incident that DX holds differently after apply, with what DX held and then holds; no other."""
    random = Random(seed)
    life, told = begin(policy(policy_table(random))), webhooks(random, 6, 6)
    live(life, random, told, [policy(policy_table(random))])
    life.rest()
    before, new = life.held(), policy(policy_table(random))
    plan = life.plan(new)
    planned = {
        each.reference_id: (as_shown(each.before), as_shown(each.after)) for each in plan.changes.values()
    }
    life.apply(new)
    life.rest()
    after = life.held()
    differ = [each for each in before.keys() | after.keys() if before.get(each) != after.get(each)]
    assert planned == {each: (before.get(each), after.get(each)) for each in differ}
    assert plan.kept == {}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_writes_nothing_and_is_empty_after_apply(begin, seed):
    """A plan leaves every row of every table as it was; once its policy is applied there is nothing to do."""
    random = Random(seed)
    life = begin(policy(policy_table(random)))
    live(life, random, webhooks(random, 4, 4), [policy(policy_table(random))])
    new = policy(policy_table(random))
    before = dump(life.world.engine)
    life.plan(new)
    assert dump(life.world.engine) == before
    life.apply(new)
    assert life.plan(new).changes == {}
    life.rest()
    assert life.plan(new).changes == {}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_second_apply_changes_nothing(begin, seed):
    """Applied again, a policy changes nothing that was evidence, is due or was sent, and DX is not called."""
    random = Random(seed)
    life, new = begin(DEFAULT), policy(policy_table(random))
    live(life, random, webhooks(random, 4, 4), [new])
    life.rest()
    before, calls = dump(life.world.engine, but=OF_NO_MATTER), len(life.world.dx.arrived)
    life.apply(new)
    assert dump(life.world.engine, but=OF_NO_MATTER) == before
    life.rest()
    assert len(life.world.dx.arrived) == calls


@pytest.mark.parametrize("again", [True, False], ids=["run again", "left to the pipeline"])
def test_an_apply_killed_after_any_page_ends_the_same(begin, spare_with, again):
    """Killed after its first, second, … page, an application that is run again or left ends as a whole one."""
    random = Random(7)
    told, old = webhooks(random, 5, 5), policy(policy_table(random))
    new = policy(policy_table(random, retract=["excluded"]))
    expected = spare_with(new, told)
    for page in range(1, 30) if SOAK else (1, 2, 4):
        life = begin(old)
        life.receive(told)
        life.rest()
        assert is_killed(life, new, page) or page > 4
        if again:
            life.apply(new)
        life.rest()
        assert life.held() == expected


def is_killed(life: Life, new, page: int) -> bool:
    """Apply a policy and kill it after a page; return whether it had come so far."""
    left = page

    def tick(_):
        nonlocal left
        left -= 1
        if left == 0:
            raise KilledError

    try:
        life.apply(new, tick)
    except KilledError:
        return True
    return False


# -- the rest of this file: mappers that have changed, and single cases that random ones have found or missed


class Changed:
    """A vendor's mapper as another version might have it."""

    def __init__(self, mapper, change) -> None:
        self._mapper, self._change = mapper, change

    def __getattr__(self, name):
        return getattr(self._mapper, name)

    def from_webhook(self, body):
        """Map a body, then change what is seen."""
        return self._change(self._mapper.from_webhook(body), body)


@pytest.fixture
def mapper_of_pagerduty(monkeypatch):
    """Return a function that puts a changed mapper in PagerDuty's place."""
    right = MAPPERS["pagerduty"]
    return lambda change: monkeypatch.setitem(MAPPERS, "pagerduty", Changed(right, change))


def renamed(seen, _):
    """Give incidents other names."""
    if not isinstance(seen, Observation) or "name" not in seen.fields:
        return seen
    return replace(seen, fields={**seen.fields, "name": f"[{seen.fields['name']}]"})


def picky(seen, body):
    """Refuse and ignore some bodies; the choice is the body's."""
    chance = Random(orjson.dumps(body)).random()
    if chance < 0.15:
        raise Unmappable("not understood by this version")
    return Ignored("of no interest to this version") if chance < 0.3 else seen


def astray(seen, body):
    """Take some events, but none that creates, for those of a neighbour."""
    if not isinstance(seen, Observation) or Random(orjson.dumps(body)).random() > 0.3:
        return seen
    is_first = body["event"]["event_type"] == "incident.triggered"
    return seen if is_first else replace(seen, vendor_id=f"{seen.vendor_id[:1]}NEIGHBOUR")


def same(seen, _):
    """Leave it as it is."""
    return seen


VERSIONS = {"renamed": renamed, "picky": picky, "astray": astray, "same": same}
UPGRADES = [(old, new) for old in VERSIONS for new in ("astray", "same") if old != new]


@pytest.mark.parametrize("upgrade", UPGRADES, ids=" to ".join)
@pytest.mark.parametrize("seed", range(40 if SOAK else 1))
def test_a_changed_mapper_rebuilds_what_it_can(begin, spare_with, mapper_of_pagerduty, upgrade, seed):
    """After apply DX holds what the new mapper always gave; a plan names each change and nothing that stays."""
    (old, new), random = upgrade, Random(f"{upgrade} {seed}")
    told, chosen = webhooks(random, 6, 2), policy(policy_table(random, retract=["excluded"]))
    mapper_of_pagerduty(VERSIONS[old])
    life = begin(chosen)
    live(life, random, told, [])
    life.rest()
    mapper_of_pagerduty(VERSIONS[new])
    before, plan = life.held(), life.plan(chosen)
    life.apply(chosen)
    assert life.plan(chosen).changes == {}
    life.rest()
    after, expected = life.held(), spare_with(chosen, told)
    orphans = {each for (_, each), why in plan.kept.items() if "no stored event" in why}
    assert {key: body for key, body in after.items() if key.removeprefix("eu-") not in orphans} == expected
    assert {each.reference_id for each in plan.changes.values()} == differing(before, after)


@pytest.mark.parametrize("seed", range(40 if SOAK else 2))
def test_purged_incidents_stay(begin, spare_with, mapper_of_pagerduty, seed):
    """Of incidents whose events are purged a new mapper changes nothing, and a plan lists just those."""
    random = Random(seed)
    told, chosen = webhooks(random, 6, 2), policy({})
    life = begin(chosen)
    old, new = told[: len(told) // 2], told[len(told) // 2 :]
    life.receive(replace(each, received_at=START - 200 * DAY) for each in old)
    life.rest()
    before = life.held()
    with life.world.engine.begin() as connection:
        held = events_of(connection)
    purged = {vendor_id for vendor_id in held if random.random() < 0.5}
    keep(life.world.engine, purged)
    assert new
    mapper_of_pagerduty(renamed)
    plan = life.plan(chosen)
    assert {vendor_id for _, vendor_id in plan.kept} == purged
    life.apply(chosen)
    life.rest()
    after = life.held()
    changed = {each.removeprefix("eu-").removeprefix("jira-") for each in differing(before, after)}
    assert changed.isdisjoint(purged)
    expected = spare_with(chosen, [replace(each, received_at=START - 200 * DAY) for each in old])
    for reference, body in after.items():
        is_purged = reference.removeprefix("eu-").removeprefix("jira-") in purged
        assert body == (before if is_purged else expected)[reference]


def differing(before: dict, after: dict) -> set[str]:
    """Return the references under which two DX hold different things."""
    return {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}


def events_of(connection) -> set[str]:
    """Return the vendor ids of all incidents."""
    return set(connection.execute(select(tables.incidents.c.vendor_id)).scalars())


def keep(engine, purged: set[str]) -> None:
    """Purge these incidents' events as the daily purge would: the others have a later event."""
    of_purged = select(tables.incidents.c.id).where(tables.incidents.c.vendor_id.in_(purged))
    kept = tables.events.c.incident_id.is_not(None) & ~tables.events.c.incident_id.in_(of_purged)
    with engine.begin() as connection:
        connection.execute(update(tables.events).where(kept).values(received_at=START))
    purge(engine, START - 100 * DAY)
    with engine.begin() as connection:
        connection.execute(update(tables.events).where(kept).values(received_at=START - 200 * DAY))


def test_a_prefix_that_changes_while_calls_are_made_leaves_no_second_incident(begin):
    """What goes to DX while a prefix is applied goes under one reference, and DX holds each incident once."""
    old = policy({"sources": {FURTHER: EU}})
    new = policy({"sources": {FURTHER: EU | {"reference_prefix": "eu-"}}})
    life = begin(old)
    for number in range(40):
        body = orjson.dumps(pagerduty(f"Q{number:02}"))
        life.receive([Told(FURTHER, f"e{number}", body, START)])
    life.fold()

    def tick(_):
        for _ in range(2):
            life.deliver_some()

    with suppress(PolicyRefusedError):
        life.apply(new, tick)
    life.rest()
    names = [reference.removeprefix("eu-") for reference in life.held()]
    assert sorted(names) == sorted(set(names))


def test_a_plan_names_what_a_bug_has_kept_out(begin, monkeypatch):
    """An incident that could not be folded for a bug is added once that is mended: by apply, and so in the plan."""
    life = begin(DEFAULT)
    life.receive([Told("pagerduty", "e", orjson.dumps(pagerduty("Q1")), START)])
    with monkeypatch.context() as broken:
        broken.setattr(fold, "renewed", None)
        life.fold()
    planned = [each.kind for each in life.plan(DEFAULT).changes.values()]
    life.apply(DEFAULT)
    life.rest()
    assert (planned, list(life.held())) == (["add"], ["Q1"])


def test_an_alert_that_becomes_an_incident_is_there(begin, mapper_of_pagerduty):
    """Where all events of one incident lead to another under a new mapper, that one is planned and held."""
    life = begin(DEFAULT)
    life.receive([Told("pagerduty", "e", orjson.dumps(pagerduty("Q1")), START)])
    life.rest()
    mapper_of_pagerduty(lambda seen, _: replace(seen, vendor_id="Q2"))
    planned = [(each.reference_id, each.kind) for each in life.plan(DEFAULT).changes.values()]
    life.apply(DEFAULT)
    life.rest()
    assert ("Q2", "add") in planned
    assert "Q2" in life.held()
