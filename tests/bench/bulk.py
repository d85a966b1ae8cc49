"""A store with a long past, made by SQL: copies of one incident that was folded and delivered."""

from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text

from app.answers import Answer
from app.calling import Callers, Destination
from app.clock import Clock
from app.deliver import Deliverer
from app.secret import Secret
from app.store import tables
from app.store.engine import connect
from tests.bench import stored
from tests.bench.bodies import STEPS, body
from tests.harness import wait_until

CONCURRENCY = 16
EVENTS = 5
"""Of each incident."""
DESTINATION = "https://acme.example.com"
_TEMPLATE = f"H{0:013}"
_EVENT = b'{"event":{"id":"past","data":{"id":"past","type":"incident","title":"%s"}}}'
_BODY = _EVENT % (b"x" * (200 - len(_EVENT) + 2))
_PAGE = 50_000
_SECOND = 1_000_000_000
_NAME = "'H' || substr(CAST(10000000000000 + n.i AS TEXT), 2)"
_NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT CAST(:low AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < :high)"
)
_OWN = {
    "incidents": {
        "id": "n.i",
        "vendor_id": _NAME,
        "reference_id": _NAME,
        "desired": f"replace(t.desired, '{_TEMPLATE}', {_NAME})",
        "settled_document": f"replace(t.settled_document, '{_TEMPLATE}', {_NAME})",
        "digest": f"'{'0' * 18}' || {_NAME}",
        "settled": f"'{'0' * 18}' || {_NAME}",
        "settled_at": f"t.settled_at + n.i * {_SECOND}",
        "updated_at": f"t.updated_at + n.i * {_SECOND}",
        "started_at": f"t.started_at + n.i * {_SECOND}",
        "resolved_at": f"t.resolved_at + n.i * {_SECOND}",
    },
    "events": {
        "id": f"n.i * {EVENTS} + t.id",
        "incident_id": "n.i",
        "key": f"{_NAME} || '-' || t.id",
        "received_at": f"t.received_at + n.i * {_SECOND}",
        "body": ":body",
    },
    "calls": {"id": "n.i", "incident_id": "n.i", "at": f"t.at + n.i * {_SECOND}"},
}
"""What each copy has of its own."""


class _Confirmed(Callers):
    def _exchange(self, claim: Any, begun: float) -> Answer:
        return Answer("confirmed", "ok", status=200)

    def are_done(self, number: int) -> bool:
        return self._results.qsize() == number

    def end(self) -> None:
        self._pool.shutdown()


class Instant(Deliverer):
    """Delivers, but for the call: DX confirms at once."""

    def __init__(self, engine: Engine) -> None:
        to = Destination(DESTINATION, Secret("bench-token-0123456789"), 15, 30, CONCURRENCY, 0)
        super().__init__(engine, to, Clock(), Random(1))
        self._callers: _Confirmed = _Confirmed(to, Clock(), lambda: None)

    def claim(self) -> bool:
        """Claim a batch; return whether anything was due."""
        return self._transact(self._room())

    def end(self) -> None:
        """End its threads."""
        self._callers.end()

    def await_answers(self) -> None:
        """Wait until every call of the batch has its answer."""
        wait_until(lambda: self._callers.are_done(self._in_flight), what="the answers")


def name(number: int) -> str:
    """Return the vendor's id of an incident of the past."""
    return f"H{number:013}"


def fill(database_url: str, number: int) -> None:
    """Make so many incidents, the first of them by folding and delivering, each with its events and a call."""
    engine = connect(database_url)
    _make_first(engine)
    engine.dispose()
    plain = create_engine(database_url)
    with plain.connect() as connection:
        if plain.dialect.name == "sqlite":
            connection.exec_driver_sql(
                "PRAGMA synchronous = OFF"
            )  # a failure loses the benchmark's file alone
        for low in range(2, number + 1, _PAGE):
            _copy(connection, low, min(number, low + _PAGE - 1))
            connection.commit()
        _tidy(connection)
    plain.dispose()


def _make_first(engine: Engine) -> None:
    steps = [*STEPS, *STEPS[-1:] * (EVENTS - len(STEPS))]
    bodies = [
        body(number, _TEMPLATE, step, opened=1, title="Disk of the database is nearly full")
        for number, step in enumerate(steps, 1)
    ]
    stored.store(engine, bodies)
    stored.folder(engine, DESTINATION).fold()
    deliverer = Instant(engine)
    deliverer.claim()
    deliverer.await_answers()
    deliverer.settle()
    deliverer.end()


def _copy(connection: Connection, low: int, high: int) -> None:
    for table, own in _OWN.items():
        columns = [each.name for each in tables.metadata.tables[table].columns]
        names = ", ".join(f'"{each}"' for each in columns)
        values = ", ".join(own.get(each, f't."{each}"') for each in columns)
        first = "t.id = 1" if table == "incidents" else "t.incident_id = 1"
        copies = f"SELECT {values} FROM n CROSS JOIN {table} t WHERE {first}"
        given = {"low": low, "high": high} | ({"body": _BODY} if table == "events" else {})
        connection.execute(text(f"INSERT INTO {table} ({names}) {_NUMBERS} {copies}"), given)


def _tidy(connection: Connection) -> None:
    """Do what the database itself would have done meanwhile."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    for table in _OWN:
        last = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
        connection.execute(text(last))
    connection.commit()
    connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
