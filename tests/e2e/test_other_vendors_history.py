"""History and truth of Opsgenie, JSM Operations and Jira, with real processes; vendors and DX are the sandbox."""

import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest
import requests

from tests.demo import _access
from tests.e2e.load import Load, _known
from tests.harness import Bridge, Sandbox, running_sandbox, wait_until

Json = dict[str, Any]

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MARCH = 1_772_323_200_000  # 2026-03-01
MONTH = ("--since", "2026-03-01T00:00:00Z", "--until", "2026-04-01T00:00:00Z")
QUICK = {"DX_TIMEOUT": "2", "DX_OUTLIVE": "1", "DX_CONCURRENCY": "16", "WEB_CONCURRENCY": "1"}
NONE = 10**9
SERVICES = {f"5e2f0000-0000-4000-8000-00000000000{n}": f"Service {n}" for n in range(4)}
TEAMS = {f"7ea30000-0000-4000-8000-00000000000{n}": name for n, name in enumerate(("Edge", "Pay"))}
TITLES = ("Checkout answers 503", "Queue is stuck", "Zahlung schlägt fehl")


def now() -> int:
    """Return the time in milliseconds."""
    return time.time_ns() // 1_000_000


def iso(ms: int | None) -> str | None:
    """Return a time as DX shows it."""
    return None if ms is None else f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def uuid(random: Random) -> str:
    """Return a random UUID."""
    return str(UUID(int=random.getrandbits(128), version=4))


def responders(teams: Iterable[str], *, named: bool) -> list[Json]:
    """Return responders as webhooks tell them, or as the API does: without names."""
    return [{"type": "team", "id": each} | ({"name": TEAMS[each]} if named else {}) for each in teams]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; times in milliseconds. `role` and `incident` belong to one that an incident spawned."""

    id: str
    number: int
    created: int
    acked: int | None = None
    closed: int | None = None
    incident: str = ""
    role: str = ""
    services: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    source: str = "opsgenie"

    def webhooks(self) -> list[Json]:
        """Return its webhooks in the order of their times: a note without news among them."""
        times = {"Create": self.created, "Acknowledge": self.acked, "Close": self.closed}
        told = [(action, at) for action, at in times.items() if at is not None]
        return [self._webhook(*each) for each in (*told, ("AddNote", self.created + 5))]

    def record(self) -> Json:
        """Return the alert as the API shows it."""
        report = {"ackTime": self.acked, "closeTime": self.closed}
        return self._common(named=False) | {
            "id": self.id,
            "status": "open" if self.closed is None else "closed",
            "createdAt": self.created,
            "updatedAt": max(filter(None, (self.created, self.acked, self.closed))),
            "report": {key: at - self.created for key, at in report.items() if at is not None},
        }

    def document(self) -> Json:
        """Return what DX has to hold of an alert that no incident spawned."""
        page = {
            "opsgenie": f"https://app.opsgenie.com/alert/detail/{self.id}/details",
            "jsm": f"https://acme.atlassian.net/jira/ops/alerts/{self.id}",
        }
        told = {
            "source": self.source,
            "kind": "alert",
            "number": self.number,
            "teams": [TEAMS[each] for each in self.teams],
            "tags": ["eu", "service:Cart"],
            "entity": "node-1",
            "alias": f"symptom-{self.number}",
            "acknowledged_at": iso(self.acked),
        }
        return {
            "reference_id": self.id,
            "name": TITLES[self.number % 3],
            "priority": f"P{self.number % 5 + 1}",
            "source_url": page[self.source],
            "started_at": iso(self.created),
            "resolved_at": iso(self.closed),
            "services": [{"identifier": "cart", "name": "Cart"}],
            "metadata": {key: value for key, value in told.items() if value},
        }

    def _webhook(self, action: str, at: int) -> Json:
        alert = self._common(named=True) | {
            "alertId": self.id,
            "createdAt": self.created,
            "updatedAt": at * 1_000_000 + 120,
            "username": "System",
        }
        source = "incident" if self.incident and action == "Create" else "web"
        return {"action": action, "alert": alert, "source": {"name": "", "type": source}}

    def _common(self, *, named: bool) -> Json:
        details = {"incident-id": self.incident, "incident-alert-type": self.role}
        return {
            "message": TITLES[self.number % 3],
            "tags": [] if self.incident else ["eu", "service:Cart"],
            "tinyId": str(self.number),
            "entity": "" if self.incident else "node-1",
            "alias": f"{self.incident}_{self.id[:36]}" if self.incident else f"symptom-{self.number}",
            "priority": f"P{self.number % 5 + 1}",
            "responders": responders(self.teams, named=named),
            "details": details | {"impacted-services": ",".join(self.services)} if self.incident else {},
        }


@dataclass(frozen=True, slots=True)
class Incident:
    """One Opsgenie incident and the alerts that it spawned; `end` counts where the status is over."""

    id: str
    number: int
    created: int
    impact: int
    status: str
    end: int | None = None
    services: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] = ()

    def webhooks(self) -> list[Json]:
        """Return the webhooks of all its alerts."""
        return [body for alert in self.alerts for body in alert.webhooks()]

    def record(self) -> Json:
        """Return the incident as the API shows it; a reopened one with its old end."""
        return {
            "id": self.id,
            "tinyId": str(self.number),
            "message": f"Incident: {TITLES[self.number % 3]}",
            "status": self.status,
            "priority": f"P{self.number % 4 + 1}",
            "tags": ["eu"],
            "createdAt": self.created,
            "updatedAt": (self.end or self.created) + MINUTE,
            "impactStartDate": self.impact,
            "impactEndDate": self.end,
            "impactedServices": list(self.services),
            "ownerTeam": next(iter(self.teams), ""),
            "responders": responders(self.teams, named=False),
            "links": {"web": f"https://acme.app.eu.opsgenie.com/incident/detail/{self.id}"},
        }

    def document(self, *, acknowledged: bool) -> Json:
        """Return what DX has to hold; only webhooks tell when it was acknowledged: Owners', else Responders'."""
        acked = (self._first_acked("Owner") or self._first_acked("Responder")) if acknowledged else None
        told = {
            "source": "opsgenie",
            "kind": "incident",
            "number": self.number,
            "teams": [TEAMS[each] for each in self.teams],
            "tags": ["eu"],
            "acknowledged_at": iso(acked),
        }
        named = [(SERVICES[each].lower().replace(" ", "-"), SERVICES[each]) for each in self.services]
        return {
            "reference_id": self.id,
            "name": f"Incident: {TITLES[self.number % 3]}",
            "priority": f"P{self.number % 4 + 1}",
            "source_url": f"https://acme.app.eu.opsgenie.com/incident/detail/{self.id}",
            "started_at": iso(self.impact),
            "resolved_at": iso(self.end) if self.status in ("resolved", "closed") else None,
            "services": [{"identifier": identifier, "name": name} for identifier, name in named],
            "metadata": {key: value for key, value in told.items() if value},
        }

    def _first_acked(self, role: str) -> int | None:
        return min((each.acked for each in self.alerts if each.role == role and each.acked), default=None)


def incidents(count: int, seed: int = 1) -> list[Incident]:
    """Return random incidents: open, resolved, closed and reopened in turn, each with one to four alerts."""
    random = Random(seed)
    return [_incident(random, number) for number in range(1, count + 1)]


def _incident(random: Random, number: int) -> Incident:
    name, created = uuid(random), MARCH + random.randrange(30 * DAY)
    status = ("open", "resolved", "closed", "open")[number % 4]
    end = created + random.randrange(MINUTE, 5 * HOUR) if number % 4 else None
    services = tuple(random.sample(sorted(SERVICES), random.randrange(3)))
    teams = tuple(sorted(TEAMS)[: random.randrange(3)])
    spawned = tuple(
        _alert(random, 1_000 * number + place, created, role, name, services)
        for place, role in enumerate(("Owner", *random.sample(("Owner", "Responder", "Associated"), 2)))
    )
    impact = created - random.randrange(10 * MINUTE)
    return Incident(name, number, created, impact, status, end, services, teams, spawned)


def _alert(  # noqa: PLR0913, PLR0917 - an incident's and a lone one are drawn alike
    random: Random, number: int, since: int, role: str = "", of: str = "", services: tuple[str, ...] = ()
) -> Alert:
    created = since + random.randrange(1, 5_000)
    acked = created + random.randrange(6, HOUR) if random.random() < 0.7 else None
    closed = (acked or created) + random.randrange(6, 5 * HOUR) if random.random() < 0.7 else None
    name, teams = f"{uuid(random)}-{created}", tuple(sorted(TEAMS)[: random.randrange(3)])
    return Alert(name, number, created, acked, closed, of, role, services, teams)


def alerts(count: int, seed: int = 2, since: int = MARCH, span: int = 30 * DAY) -> list[Alert]:
    """Return random alerts that no incident spawned."""
    random = Random(seed)
    return [_alert(random, number, since + random.randrange(span)) for number in range(1, count + 1)]


def opsgenie_world(told: Sequence[Incident], alone: Sequence[Alert], **settings: Any) -> Json:
    """Return the stand-in's world of Opsgenie."""
    listed = [*alone, *(alert for each in told for alert in each.alerts)]
    named = ((key, names) for key, names in (("services", SERVICES), ("teams", TEAMS)))
    return {
        "incidents": [each.record() for each in told],
        "alerts": [each.record() for each in listed],
        **{key: [{"id": id_, "name": name} for id_, name in names.items()] for key, names in named},
        "settings": {"rate": 1_000_000, **settings},
    }


class Shuffled(Load):
    """Webhooks in random order, some of them twice, and what DX has to hold."""

    def __init__(self, source: str, bodies: Iterable[Json], truth: Iterable[Json], seed: int = 3):
        random, listed = Random(seed), [orjson.dumps(body) for body in bodies]
        listed += random.choices(listed, k=len(listed) // 4) if listed else []
        random.shuffle(listed)
        self.webhooks = [(source, body) for body in listed]
        self.truth = {each["reference_id"]: each for each in truth}

    def differences(self, sandbox: Sandbox) -> list[str]:
        """Return where DX differs from the truth about these."""
        held = sandbox.incidents()
        return [each for each, true in self.truth.items() if _known(held.get(each)) != _known(true)]

    def calls(self, sandbox: Sandbox) -> list[int]:
        """Return the numbers of calls that these have taken, each number once."""
        held = sandbox.incidents()
        return sorted({held[each]["calls"] for each in self.truth})


def of_opsgenie(told: Sequence[Incident], alone: Sequence[Alert], *, acknowledged: bool) -> Shuffled:
    """Return all webhooks of Opsgenie, and the truth with or without what they alone tell."""
    truth = [each.document(acknowledged=acknowledged) for each in told]
    bodies = [body for each in (*told, *alone) for body in each.webhooks()]
    return Shuffled("opsgenie", bodies, [*truth, *(each.document() for each in alone)])


class Vendor:
    """A vendor's side of the sandbox."""

    def __init__(self, url: str, name: str) -> None:
        self.url = f"{url}/sandbox/vendors/{name}"

    def put(self, world: Json) -> None:
        """Replace the vendor's world."""
        requests.put(self.url, data=orjson.dumps(world), timeout=30).raise_for_status()

    def patch(self, world: Json) -> None:
        """Add records or change them, and the settings."""
        requests.patch(self.url, data=orjson.dumps(world), timeout=30).raise_for_status()

    def count(self, path: str) -> int:
        """Return how many times a path was read."""
        return self._requests(NONE)["by_path"].get(f"GET {path}", 0)

    def asked(self, id_: str) -> int:
        """Return how many times one record was read by its id."""
        return sum(each["path"].endswith(f"/{id_}") for each in self._requests(0)["log"])

    def _requests(self, after: int) -> Json:
        told: Json = requests.get(self.url, params={"after": after}, timeout=30).json()
        return told["requests"]


@pytest.fixture(scope="module")
def sandbox():
    """Return one sandbox for all: each test has incidents of its own."""
    with running_sandbox() as running:
        yield running


@pytest.fixture
def opsgenie(sandbox):
    """Return Opsgenie."""
    return Vendor(sandbox.url, "opsgenie")


@pytest.fixture
def atlassian(sandbox):
    """Return Atlassian: JSM Operations and Jira."""
    return Vendor(sandbox.url, "atlassian")


@pytest.fixture(scope="module")
def bridge(tmp_path_factory, sandbox):
    """Return one running bridge for all, with access to the stand-ins."""
    folder = tmp_path_factory.mktemp("bridge")
    policy = '[sources.jira]\nissue_types = ["Outage", "[System] Incident"]\n'
    (folder / "bridge.toml").write_text(policy, "utf-8")
    running = Bridge(folder, sandbox.url, **_access(sandbox), **QUICK).start().wait_ready()
    yield running
    running.kill()


def finished(bridge: Bridge, *arguments: str) -> str:
    """Run a command to its end; return what it said."""
    result = bridge.run(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def settled(bridge: Bridge) -> None:
    """Wait until everything received is folded and delivered."""
    wait_until(bridge.is_settled, 60, f"delivery ({bridge.log()})")


def killed_at(bridge: Bridge, vendor: Vendor, alerts_read: int) -> None:
    """Begin the month's backfill of Opsgenie and kill it once so many alerts were read one by one."""
    command = bridge.command("backfill", "opsgenie", *MONTH)
    with (bridge.folder / "killed.log").open("wb") as log:
        process = subprocess.Popen(command, env=bridge.environment, cwd=bridge.folder, stdout=log, stderr=log)
    wait_until(lambda: vendor.count("/v2/alerts/<key>") >= alerts_read, 60, f"alert {alerts_read}")
    assert process.poll() is None, "it was over before it could be killed"
    process.kill()
    process.wait(10)


def test_opsgenie_s_history_then_its_webhooks(bridge, sandbox, opsgenie):
    """Killed among the alerts and continued, each document is true with one call; webhooks add acknowledgements only."""
    told, alone = incidents(60), alerts(150)
    opsgenie.put(opsgenie_world(told, alone, latency=0.004))
    killed_at(bridge, opsgenie, 120)
    lists = opsgenie.count("/v1/incidents")
    said = finished(bridge, "backfill", "opsgenie", *MONTH)
    assert "An earlier run is continued after 2026-03-" in said
    assert (
        opsgenie.count("/v1/incidents") == lists + 2
    )  # whether they may be read at all, and the latest once more
    settled(bridge)
    load = of_opsgenie(told, alone, acknowledged=False)
    assert (load.differences(sandbox), load.calls(sandbox)) == ([], [1])
    load = of_opsgenie(told, alone, acknowledged=True)
    assert load.post(bridge) == len(load.webhooks)
    settled(bridge)
    assert load.differences(sandbox) == []


def test_opsgenie_s_webhooks_then_its_history(bridge, sandbox, opsgenie):
    """What webhooks only guess of an incident (its start, end, services' names) yields to the incident API."""
    told, alone = incidents(20, seed=7), alerts(20, seed=8)
    opsgenie.put(opsgenie_world(told, alone))
    load = of_opsgenie(told, alone, acknowledged=True)
    load.post(bridge)
    settled(bridge)
    assert set(load.differences(sandbox)) == {each.id for each in told}
    finished(bridge, "backfill", "opsgenie", *MONTH)
    settled(bridge)
    assert load.differences(sandbox) == []


def an_incident(
    number: int, created: int, status: str, end: int | None = None, closed: int | None = None
) -> Incident:
    """Return an incident with one Owner alert, which may be closed at another time than the incident ends."""
    id_ = str(UUID(int=number, version=4))
    alert = Alert(
        f"{UUID(int=100 + number, version=4)}-{created}", number, created, None, closed, id_, "Owner"
    )
    return Incident(id_, number, created, created - 90_000, status, end, alerts=(alert,))


def told(bridge: Bridge, source: str, bodies: Iterable[Json]) -> None:
    """Post webhooks, and wait until what follows from them is done."""
    for body in bodies:
        assert bridge.post(source, orjson.dumps(body)).status_code == 202
    settled(bridge)


def test_what_opsgenie_s_webhooks_lost_is_made_up_for(bridge, sandbox, opsgenie):
    """A lost Close, ends that only an Owner alert's Close told, a silent incident: all are true; so is a reopening."""
    opsgenie.put(opsgenie_world([], []))
    finished(bridge, "reconcile", "opsgenie")
    begin = now() - 4 * HOUR
    still_open = an_incident(1, begin, "open", begin + HOUR, closed=begin + 2 * HOUR)
    over_later = an_incident(2, begin, "closed", begin + 2 * HOUR, closed=begin + HOUR)
    lost_end = an_incident(3, begin, "resolved", begin + HOUR)
    unheard = an_incident(4, now() - 9_000, "resolved", now() - 4_000, closed=now() - 4_000)
    alone = Alert("alone", 5, begin, begin + 9, begin + HOUR)
    told(
        bridge, "opsgenie", [body for each in (still_open, over_later, lost_end) for body in each.webhooks()]
    )
    told(bridge, "opsgenie", [body for body in alone.webhooks() if body["action"] != "Close"])
    everything = [still_open, over_later, lost_end, unheard]
    opsgenie.patch(opsgenie_world(everything, [alone]))
    load = of_opsgenie(everything, [alone], acknowledged=True)
    assert len(load.differences(sandbox)) == 5
    assert ", 1 new" in finished(bridge, "reconcile", "opsgenie")
    settled(bridge)
    assert load.differences(sandbox) == []
    reopened = replace(lost_end, status="open")
    opsgenie.patch({"incidents": [reopened.record()]})
    finished(bridge, "reconcile", "opsgenie")
    settled(bridge)
    assert of_opsgenie([reopened, over_later], [], acknowledged=True).differences(sandbox) == []
    assert opsgenie.asked(over_later.id) == 1


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of Jira, resolved with a date, or by the category of its status alone."""

    number: int
    created: int
    ended: int | None = None
    kind: str = "[System] Incident"
    dated: bool = True

    def fields(self, ended: int | None) -> Json:
        """Return its fields before its end, or at it."""
        category = "done" if ended else "indeterminate"
        return {
            "issuetype": {"name": self.kind},
            "summary": TITLES[self.number % 3],
            "priority": {"name": ("Highest", "High")[self.number % 2]},
            "labels": ["eu"],
            "created": jira_time(self.created, 5.5),
            "updated": jira_time(ended or self.created, 5.5),
            "resolutiondate": jira_time(ended, 5.5) if ended and self.dated else None,
            "statuscategorychangedate": jira_time(ended or self.created, 5.5),
            "status": {"statusCategory": {"key": category}},
        }

    def record(self) -> Json:
        """Return the issue as the API shows it: `self` leads to the gateway."""
        api = f"https://api.atlassian.com/ex/jira/1/rest/api/3/issue/{self.number}"
        return {
            "id": str(self.number),
            "key": f"OPS-{self.number}",
            "self": api,
            "fields": self.fields(self.ended),
        }

    def webhooks(self) -> list[Json]:
        """Return its webhooks: created, and done where it is."""
        return [self._webhook("created", self.created, None), *self._over()]

    def document(self) -> Json:
        """Return what DX has to hold; nothing of an issue of another type."""
        told = {"source": "jira", "kind": "incident", "incident_type": self.kind, "tags": ["eu"]}
        return {
            "reference_id": f"jira-{self.number}",
            "name": TITLES[self.number % 3],
            "priority": ("Highest", "High")[self.number % 2],
            "source_url": f"https://acme.atlassian.net/browse/OPS-{self.number}",
            "started_at": iso(self.created),
            "resolved_at": iso(self.ended),
            "metadata": told,
        }

    def _over(self) -> list[Json]:
        items = [{"field": "status"}]
        return (
            [self._webhook("updated", self.ended, self.ended) | {"changelog": {"items": items}}]
            if self.ended
            else []
        )

    def _webhook(self, what: str, at: int, ended: int | None) -> Json:
        link = f"https://acme.atlassian.net/rest/api/2/issue/{self.number}"
        issue = {
            "id": str(self.number),
            "key": f"OPS-{self.number}",
            "self": link,
            "fields": self.fields(ended),
        }
        return {"timestamp": at, "webhookEvent": f"jira:issue_{what}", "issue": issue}


def jira_time(ms: int | None, hours: float) -> str | None:
    """Return a time as Jira shows it, in a zone so many hours east."""
    if ms is None:
        return None
    at = datetime.fromtimestamp(ms // 1000, timezone(timedelta(hours=hours)))
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}{at:%z}"


def issues(count: int) -> list[Issue]:
    """Return random issues: open, resolved with a date, done without one; two types count, a third does not."""
    random = Random(4)
    kinds = ("[System] Incident", "outage", "Task")
    return [
        Issue(
            number,
            created,
            created + random.randrange(20, DAY) if number % 3 else None,
            kinds[number % 2 if number % 5 else 2],
            dated=number % 7 > 2,
        )
        for number, created in enumerate((MARCH + random.randrange(30 * DAY) for _ in range(count)), 1)
    ]


def test_the_history_of_jsm_and_jira_then_their_webhooks(bridge, sandbox, atlassian):
    """Alerts and several pages of issues of the policy's types are true once each; older webhooks change nothing."""
    found = issues(180)
    alone = [replace(each, source="jsm") for each in alerts(30, seed=5)]
    teams = [{"id": id_, "name": name} for id_, name in TEAMS.items()]
    settings = {
        "rate": 1_000_000,
        "zone": "Asia/Kolkata",
        "issue_types": ["[System] Incident", "Outage", "Task"],
    }
    records = {"issues": [each.record() for each in found], "alerts": [each.record() for each in alone]}
    atlassian.put(records | {"teams": teams, "settings": settings})
    wanted = [each for each in found if each.kind != "Task"]
    load = Shuffled(
        "jira",
        [body for each in found for body in each.webhooks()],
        [each.document() for each in (*wanted, *alone)],
    )
    load.webhooks += Shuffled("jsm", [body for each in alone for body in each.webhooks()], []).webhooks
    assert f"{len(wanted)} read" in finished(bridge, "backfill", "jira", *MONTH)
    finished(bridge, "backfill", "jsm", *MONTH)
    settled(bridge)
    assert (load.differences(sandbox), load.calls(sandbox)) == ([], [1])
    assert atlassian.count("/ex/jira/<cloud>/rest/api/3/search/jql") >= 3
    load.post(bridge)
    settled(bridge)
    assert (load.differences(sandbox), load.calls(sandbox)) == ([], [1])
    assert not {f"jira-{each.number}" for each in found if each.kind == "Task"} & sandbox.incidents().keys()


def test_what_webhooks_of_jsm_and_jira_lost_is_made_up_for(bridge, sandbox, atlassian):
    """A lost Close of an alert and a lost end of an issue, both hours ago, are true after `reconcile`."""
    begin = now() - 5 * HOUR
    issue, alert = Issue(900, begin, begin + HOUR), Alert("alert", 2, begin, None, begin + HOUR, source="jsm")
    told(bridge, "jira", issue.webhooks()[:1])
    told(bridge, "jsm", [body for body in alert.webhooks() if body["action"] != "Close"])
    atlassian.put({"issues": [issue.record()], "alerts": [alert.record()]})
    load = Shuffled("jira", [], [issue.document(), alert.document()])
    assert load.differences(sandbox) == ["jira-900", "alert"]
    finished(bridge, "reconcile", "jira", "jsm")
    settled(bridge)
    assert load.differences(sandbox) == []
