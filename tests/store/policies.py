"""Random policies, webhooks of every source, and a bridge that lives through changes of policy step by step."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from random import Random
from types import SimpleNamespace
from typing import Any

import orjson
from sqlalchemy import Engine, select, update

from app.apply import Application
from app.config import read_config
from app.errors import OverrideError
from app.fold import Folder
from app.in_force import InForce
from app.override import Change, Corrections
from app.plan import Plan, Planner
from app.policy import Policy
from app.renew import Renewal
from app.sources import Source, default_sources
from app.store import claims, events, incidents, policies, tables
from tests.histories import history
from tests.histories.values import OPSGENIE_SERVICE_IDS, PAGERDUTY_SERVICES
from tests.store.dx import (
    BUSY,
    BUSY_APPLIED,
    CONFIRMED,
    REFUSED,
    TIMEOUT,
    TIMEOUT_APPLIED,
    TIMEOUT_LATE,
    UNREACHABLE,
)
from tests.store.world import START, URL, World, empty

FURTHER = "pagerduty-eu"
SOURCES = default_sources() | {FURTHER: Source(FURTHER, "pagerduty", "PAGERDUTY_EU_WEBHOOK_SECRETS")}
ISSUE_TYPES = ("[System] Incident", "Incident", "Task")
OUTCOMES = (CONFIRMED,) * 6 + (
    BUSY,
    BUSY_APPLIED,
    REFUSED,
    TIMEOUT,
    TIMEOUT_APPLIED,
    TIMEOUT_LATE,
    UNREACHABLE,
)
RULES = (
    'priority in ["P1", "P2"]',
    'priority == ""',
    'urgency == "high"',
    'priority in ["P1"] or urgency == "high"',
    'kind == "incident"',
    'kind == "incident" and not merged',
    "not merged",
    "not deleted",
    'status == "open"',
    'status == "resolved"',
    '"API Service" in services',
    '"PSVC001" in service_ids',
    "services.is_empty",
    '"vip" in tags',
    '"Payments" in teams',
    'source != "opsgenie"',
    'vendor == "pagerduty"',
    'incident_type == "major_default"',
    'metadata["urgency"] == "high"',
    'name =~~ "queue"',
    "true",
    "false",
)
_KEYS = ("source", "kind", "urgency", "teams", "number", "incident_type", "tags", "alias", "acknowledged_at")
_SERVICES = (*PAGERDUTY_SERVICES, "API Service", "billing", *OPSGENIE_SERVICE_IDS)
_PRIORITIES = ("P1", "P2", "P3", "P5", "SEV-1", "SEV-3", "Highest")

_KEY = (tables.incidents.c.source, tables.incidents.c.reference_id)

Table = dict[str, Any]
Held = dict[str, Table]


@dataclass(frozen=True, slots=True)
class Told:
    """A webhook as the bridge stores it."""

    source: str
    key: str
    body: bytes
    received_at: int


def policy_table(random: Random, **incidents_too: Any) -> Table:
    """Return a random `bridge.toml`, parsed; `incidents_too` is what its `[incidents]` has to say."""
    names = random.sample(_KEYS, random.randrange(3))
    said: Table = {"retract": random.sample(("merged", "deleted", "excluded"), random.randrange(4))}
    if random.random() < 0.75:
        said["include"] = random.choice(RULES)
    if random.random() < 0.4:
        said["metadata"] = random.sample(_KEYS, random.randrange(len(_KEYS)))
    said["rename"] = {name: f"x_{name}" for name in names}
    return {
        "services": {
            "unmapped": random.choice(("slug", "slug", "id", "omit")),
            "map": {each: _identifiers(random) for each in random.sample(_SERVICES, random.randrange(4))},
        },
        "priorities": {
            each: random.choice(("p1", "low", "", "P2"))
            for each in random.sample(_PRIORITIES, random.randrange(4))
        },
        "incidents": said | incidents_too,
        "sources": _sources(random),
    }


def _identifiers(random: Random) -> str | list[str]:
    return random.choice(("payments-service", ["api-gateway", "edge"], "edge"))


def _sources(random: Random) -> Table:
    further: Table = {
        "vendor": "pagerduty",
        "secrets_env": "PAGERDUTY_EU_WEBHOOK_SECRETS",
        "reference_prefix": "eu-",
    }
    told: Table = {FURTHER: further, "opsgenie": {}, "jira": {}}
    for each in told.values():
        if random.random() < 0.3:
            each["include"] = random.choice(RULES)
    if random.random() < 0.5:
        told["jira"]["issue_types"] = random.sample(ISSUE_TYPES, random.randrange(1, 4))
    return told


def policy(table: Table) -> Policy:
    """Return the policy that a parsed `bridge.toml` gives."""
    config, problems = read_config(table)
    assert problems == []
    return config.policy


def without_include(table: Table) -> Table:
    """Return the same file without anything that leaves incidents out, but for what it retracts by name."""
    said = {key: value for key, value in table["incidents"].items() if key != "include"}
    sources = {
        name: {key: value for key, value in each.items() if key != "include"}
        for name, each in table["sources"].items()
    }
    sources["jira"]["issue_types"] = list(ISSUE_TYPES)
    return table | {"incidents": said, "sources": sources}


def webhooks(random: Random, histories: int, issues: int) -> list[Told]:
    """Return the webhooks of random histories, shuffled; some PagerDuty accounts are the further one."""
    told = []
    for number in range(histories):
        seed = random.randrange(1_000_000)
        eu = random.random() < 0.3
        for place, each in enumerate(history(seed, f"h{number}-").events):
            source = FURTHER if eu and each.source == "pagerduty" else each.source
            received_at = round(datetime.fromisoformat(each.received_at).timestamp() * 1000) * 1_000_000
            told.append(Told(source, f"{number}-{place}", orjson.dumps(each.body), received_at))
    for number in range(issues):
        told += [
            Told("jira", f"j{number}-{place}", orjson.dumps(body), START)
            for place, body in enumerate(_issue(random, number))
        ]
    random.shuffle(told)
    return told


def _issue(random: Random, number: int) -> Iterator[Table]:
    """Write the life of a Jira issue; it may change its type, be resolved, reopened and deleted."""
    at, kind = START // 1_000_000 + number * 1000, random.choice(ISSUE_TYPES)
    status = "new"
    for step in range(random.randrange(1, 5)):
        at += 60_000
        event = "created" if step == 0 else "updated"
        if step and random.random() < 0.15:
            kind = random.choice(ISSUE_TYPES)
        if step:
            status = random.choice(("indeterminate", "done", "new"))
        if step and random.random() < 0.2:
            event = "deleted"
        fields: Table = {
            "created": _jira_time(START // 1_000_000 + number * 1000),
            "summary": random.choice(("Checkout answers 503", "The queue is stuck")),
            "priority": {"name": random.choice(_PRIORITIES)},
            "issuetype": {"name": kind},
            "labels": random.sample(("vip", "db"), random.randrange(3)),
            "status": {"statusCategory": {"key": status}},
            "resolutiondate": _jira_time(at) if status == "done" else None,
        }
        yield {
            "timestamp": at,
            "webhookEvent": f"jira:issue_{event}",
            "issue": {
                "id": f"{10_000 + number}",
                "key": f"OPS-{number}",
                "self": f"https://acme.atlassian.net/rest/api/2/issue/{10_000 + number}",
                "fields": fields,
            },
            "changelog": {"items": [{"field": "status", "fieldId": "status"}] if step else []},
        }


def _jira_time(milliseconds: int) -> str:
    written = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return written.isoformat(timespec="milliseconds")


class KilledError(Exception):
    """Stands for a process that ends in the middle."""


class Life:
    """A bridge on one database: the real folder, renewal, deliverer and applications, and a DX that obeys."""

    def __init__(self, world: World, own: Policy, sources: dict[str, Source] = SOURCES) -> None:
        self.world, self.own, self.sources = world, own, sources
        self.clock = world.time.clock()
        self.folder = Folder(world.engine, sources, URL, self.clock, own)
        self.renewal = Renewal(world.engine, sources, URL, InForce(own), self.clock)
        self.deliverer = world.deliverer()

    def receive(self, told: Iterable[Told]) -> None:
        """Store webhooks."""
        with self.world.engine.begin() as connection:
            for each in told:
                events.add(connection, each.source, each.key, each.body, each.received_at)

    def apply(self, policy: Policy, tick: Callable[[int], None] = lambda _: None) -> None:
        """Run `dx-bridge apply` to its end, or until `tick` raises."""
        Application(self.world.engine, self.sources, policy, URL, self.clock).run(tick)

    def plan(self, policy: Policy) -> Plan:
        """Run `dx-bridge plan`."""
        return Planner(self.world.engine, self.sources, policy, URL).plan()

    def fold(self) -> None:
        """Fold everything received."""
        while self.folder.fold():
            pass

    def renew(self) -> None:
        """Let the pipeline's chore bring everything under the policy in force."""
        self.renewal.look()
        while self.renewal._under_way:
            self.renewal.page()

    def step(self, random: Random) -> None:
        """Let the pipeline do one thing; a call ends in any way."""
        begun = len(self.deliverer.begun)
        steps: list[Callable[[], object]] = [
            self.folder.fold,
            self.renewal.look,
            self.renewal.page,
            self.deliverer.claim,
            self.deliverer.settle,
            self.deliverer.turn,
            self.deliver_some,
            lambda: self.world.time.pass_by(random.choice((1, 60, 3600))),
        ]
        if begun:
            steps += [lambda: self.deliverer.call(random.choice(OUTCOMES), random.randrange(begun))] * 3
        else:
            steps.append(self.outlive)
        random.choice(steps)()

    def deliver_some(self) -> None:
        """Confirm a few calls."""
        self.deliverer.deliver()

    def correct(self, random: Random) -> None:
        """Let an operator correct some incident, in any way that is possible."""
        with self.world.engine.begin() as connection:
            keys = connection.execute(select(*_KEY).where(tables.incidents.c.state.is_not(None))).all()
        if not keys:
            return
        settings = SimpleNamespace(policy=self.own, sources=self.sources, dx_base_url=URL)
        operator = Corrections(self.world.engine, settings, self.clock, "test")
        source, reference = random.choice(sorted(map(tuple, keys)))
        times = (START - random.randrange(10**18), START + random.randrange(10**18))
        change: Change = random.choice(
            ({"included": True}, {"included": False}, {"started_at": times[0]}, {"resolved_at": times[1]})
        )
        with suppress(OverrideError):
            if random.random() < 0.3:
                operator.clear(reference, source)
            else:
                operator.add(reference, change, source)

    def outlive(self) -> None:
        """Let DX finish what it is at work on, and leases without a call die."""
        self.world.dx.land()
        self.world.outlive(self.deliverer)

    def rest(self) -> None:
        """DX is well and answers: fold, renew and deliver until nothing is left to do."""
        self.deliverer.call()
        self.deliverer.settle()
        self.outlive()
        self.fold()
        self.renew()
        self.world.unpark_all()
        for _ in range(1000):
            self.world.time.pass_by(3600)
            self.fold()
            self.renew()
            if not self.deliverer.deliver() and not self.has_work():
                return
        raise AssertionError("the bridge does not come to rest")

    def has_work(self) -> bool:
        """Whether anything is left to renew, fold or deliver."""
        with self.world.engine.begin() as connection:
            in_force = policies.in_force(connection) or ""
            waits = incidents.counts(connection)["due"] + events.counts(connection)["unfolded"]
            return bool(waits or incidents.stale(connection, in_force, 1) or claims.leases(connection))

    def held(self) -> Held:
        """Return what DX holds, by reference, as it shows it."""
        return {str(key): dict(body) for key, body in self.world.dx.incidents.items()}

    def in_force(self) -> str | None:
        """Return the digest of the policy in force."""
        with self.world.engine.begin() as connection:
            return policies.in_force(connection)


def fresh(
    engine: Engine,
    create: Callable[[Engine], World],
    policy: Policy,
    told: Iterable[Told],
    overrides: Mapping[tuple[str, str], str] | None = None,
) -> Held:
    """Return what DX holds of a new bridge that had this policy from the beginning, and got these webhooks.

    Overrides, by source and vendor id, are as they are stored; they are made before anything is sent.
    """
    empty(engine)
    life = Life(create(engine), policy)
    life.receive(told)
    life.fold()
    for (source, vendor_id), text in (overrides or {}).items():
        of_one = (tables.incidents.c.source == source) & (tables.incidents.c.vendor_id == vendor_id)
        with engine.begin() as connection:
            connection.execute(update(tables.incidents).where(of_one).values(override=text, policy=None))
    life.rest()
    return life.held()


def overrides_of(engine: Engine) -> dict[tuple[str, str], str]:
    """Return all overrides as they are stored, by source and vendor id."""
    columns = (tables.incidents.c.source, tables.incidents.c.vendor_id, tables.incidents.c.override)
    with engine.begin() as connection:
        rows = connection.execute(select(*columns).where(tables.incidents.c.override.is_not(None)))
        return {(row.source, row.vendor_id): row.override for row in rows}


def dump(engine: Engine, *, but: Iterable[str] = ()) -> dict[str, list[Table]]:
    """Return all rows of all tables, without the named columns."""
    with engine.begin() as connection:
        return {
            table.name: [
                {key: value for key, value in row.items() if key not in but}
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in tables.metadata.sorted_tables
        }


def as_shown(body: Table | None) -> Table | None:
    """Return what DX shows of a body: null, [] and a missing key are the same to it."""
    return body and {key: value for key, value in body.items() if value is not None and value != []}
