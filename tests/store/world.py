"""A world in which the real folder and deliverer run step by step: clocks, DX and threads are the test's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import orjson
from sqlalchemy import Engine, Row, delete, insert, select

from app.calling import Destination
from app.clock import Clock
from app.decide import Action, Wanted
from app.deliver import Deliverer
from app.document import Document, request
from app.fold import Folder
from app.policy import DEFAULT, Policy
from app.retry import Sender
from app.secret import Secret
from app.sources import default_sources
from app.store import codec, deliveries, events, incidents, sender, tables
from app.store.claims import Claim
from app.store.incidents import Held, Renewed
from mappers.fields import SECOND
from tests.store.dx import CONFIRMED, FakeDX, Outcome

START = 1_767_225_600 * SECOND  # 2026-01-01
URL = "https://acme.example"
TIMEOUT_SECONDS, OUTLIVE_SECONDS = 15.0, 30.0
LEASE_SECONDS = TIMEOUT_SECONDS + OUTLIVE_SECONDS


@dataclass(slots=True)
class FakeTime:
    """Both clocks; neither moves by itself."""

    wall: int = START
    steady: float = 1000.0

    def clock(self) -> Clock:
        """Return what the code under test reads."""
        return Clock(wall=lambda: self.wall, steady=lambda: self.steady)

    def pass_by(self, seconds: float) -> None:
        """Let time pass for both."""
        self.wall += round(seconds * SECOND)
        self.steady += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back."""
        self.wall += round(seconds * SECOND)


@dataclass(slots=True)
class Begun:
    """A call that waits in the pool until the test makes it."""

    claim: Claim
    make: Callable[[], object]


@dataclass(slots=True)
class HeldPool:
    """A pool without threads: calls wait until the test makes them."""

    waiting: list[Begun] = field(default_factory=list)

    def submit(self, function: Callable[..., object], *args: Any) -> None:
        """Keep a call."""
        claim = next(each for each in args if isinstance(each, Claim))
        self.waiting.append(Begun(claim, lambda: function(*args)))


@dataclass(slots=True)
class NotedWaits:
    """Stands in for the stop event: notes the waits, and waits not at all."""

    stopped: bool = False
    waits: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> bool:
        """Note a wait."""
        self.waits.append(seconds)
        return self.stopped

    def is_set(self) -> bool:
        """Whether the deliverer was told to stop."""
        return self.stopped

    def set(self) -> None:
        """Stop."""
        self.stopped = True


class Stepped(Deliverer):
    """The real deliverer; what it would do in threads happens when the test says so."""

    def __init__(self, engine: Engine, to: Destination, time: FakeTime, random: Random, dx: FakeDX) -> None:
        super().__init__(engine, to, time.clock(), random)
        self._callers._pool = self.pool = HeldPool()
        self._callers._stopping = self.waits = NotedWaits()
        self._callers._client = lambda: dx
        self.dx = dx

    @property
    def begun(self) -> list[Claim]:
        """The claims whose calls have not been made yet."""
        return [each.claim for each in self.pool.waiting]

    def claim(self) -> list[Claim]:
        """Claim what is due and settle nothing; return the new claims."""
        before = len(self.pool.waiting)
        self._transact(self._room())
        return self.begun[before:]

    def call(
        self, outcome: Outcome = CONFIRMED, number: int | None = None, *, under_way: bool = False
    ) -> None:
        """Make the calls that wait, or one of them; their answers are settled later.

        One that was `under_way` had begun before the answers to others came in.
        """
        self._callers.is_open |= under_way
        chosen = list(self.pool.waiting) if number is None else [self.pool.waiting[number]]
        for each in chosen:
            self.pool.waiting.remove(each)
            self.dx.outcome = outcome
            each.make()

    def deliver(self, outcome: Outcome = CONFIRMED) -> list[Claim]:
        """Claim, call and settle once; return the claims."""
        claims = self.claim()
        self.call(outcome)
        self.settle()
        return claims


class World:
    """One database, one DX, any number of processes."""

    def __init__(self, engine: Engine, seed: int = 0) -> None:
        self.engine, self.time, self.random, self.dx = engine, FakeTime(), Random(seed), FakeDX()

    def deliverer(self, url: str = URL, **changed: float) -> Stepped:
        """Start a deliverer, by default without a pace."""
        values = {"timeout": TIMEOUT_SECONDS, "outlive": OUTLIVE_SECONDS, "concurrency": 4, "max_rps": 0.0}
        to = Destination(url, Secret("a-token-0123456789"), **(values | changed))
        return Stepped(self.engine, to, self.time, self.random, self.dx)

    def folder(self, destination: str | None = URL, policy: Policy = DEFAULT) -> Folder:
        """Start a folder with the sources that every bridge has."""
        return Folder(self.engine, default_sources(), destination, self.time.clock(), policy)

    def receive(self, key: str, body: dict[str, Any], source: str = "pagerduty") -> bool:
        """Store a webhook."""
        with self.engine.begin() as connection:
            return events.add(connection, source, key, orjson.dumps(body), self.time.wall)

    def want(self, name: str, /, **values: Any) -> int:
        """Make this the document that DX should hold for incident `name`; return the incident's id.

        `action` may be `delete`: then DX should hold nothing.
        """
        resolved_at, action = values.pop("resolved_at", None), values.pop("action", "upsert")
        document = Document(name, "2026-01-01T00:00:00Z", resolved_at, values)
        with self.engine.begin() as connection:
            [held] = incidents.lock(connection, [("pagerduty", name)], self.time.wall)
            incidents.renew(connection, [renewed(held, "{}", document, action)], URL, self.time.wall)
        return held.id

    def row(self, name: str) -> Row[Any]:
        """Return an incident's row."""
        with self.engine.begin() as connection:
            statement = select(tables.incidents).where(tables.incidents.c.vendor_id == name)
            return connection.execute(statement).one()

    def calls(self) -> list[Row[Any]]:
        """Return the history of calls."""
        with self.engine.begin() as connection:
            return list(connection.execute(select(tables.calls).order_by(tables.calls.c.id)))

    def events(self) -> list[Row[Any]]:
        """Return all stored events in the order of their ids."""
        with self.engine.begin() as connection:
            return list(connection.execute(select(tables.events).order_by(tables.events.c.id)))

    @property
    def sender(self) -> Sender:
        """The fleet's sender state."""
        with self.engine.begin() as connection:
            return sender.load(connection, self.time.wall).sender

    def outlive(self, deliverer: Deliverer) -> None:
        """Let all present leases die and `deliverer` notice it."""
        deliverer.free_dead_leases()
        self.time.pass_by(LEASE_SECONDS + 1)
        deliverer.free_dead_leases()

    def unpark_all(self) -> None:
        """Ask for everything parked again, as an operator would."""
        with self.engine.begin() as connection:
            deliveries.redeliver(connection, tables.incidents.c.parked.is_not(None), lane=0)

    def fill(self, incidents_held: int, events_held: int) -> None:
        """Hold many settled incidents and folded events."""
        rows = [
            {"source": "old", "vendor_id": f"O{n}", "reference_id": f"O{n}", "updated_at": START}
            for n in range(incidents_held)
        ]
        kept = [
            {"source": "old", "key": f"k{n}", "body": b"{}", "received_at": START, "folded": True}
            for n in range(events_held)
        ]
        with self.engine.begin() as connection:
            for table, many in ((tables.incidents, rows), (tables.events, kept)):
                if many:
                    connection.execute(insert(table), many)


def renewed(held: Held, state: str, document: Document, action: Action = "upsert") -> Renewed:
    """Return an incident's row for this document, whatever its evidence shows."""
    shown = SimpleNamespace(started_at=START, resolved_at=None, inferred=False)
    return Renewed(held, state, "policy", Wanted(action, document, shown))


def pagerduty(incident: str, kind: str = "triggered", second: int = 0, **data: object) -> dict[str, Any]:
    """Return a PagerDuty webhook body; `second` is its time after 2026-01-01."""
    data = {"id": incident, "type": "incident", "title": "Checkout is slow", **data}
    data.setdefault("status", "resolved" if kind == "resolved" else "triggered")
    at = f"2026-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    return {
        "event": {
            "id": f"{incident}-{second}",
            "event_type": f"incident.{kind}",
            "occurred_at": at,
            "data": data,
        }
    }


def shown(document: str) -> dict[str, object]:
    """Return what DX shows once it holds this document."""
    scratch = FakeDX()
    scratch.apply(request(codec.load_document(document)))
    [held] = scratch.incidents.values()
    return held


def empty(engine: Engine) -> None:
    """Empty a migrated database."""
    with engine.begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(delete(table))
        connection.execute(insert(tables.sender).values(id=1))
