"""The statement that makes webhooks durable: straight on the driver, for nothing runs more often.

SQLAlchemy keeps the connections; its statements and transactions cost three times what the drivers' do.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Protocol

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.exc import OperationalError

from app.store import turns

_WHAT = "storing webhooks"


class _LostError(OperationalError):
    """The connection was no more."""


class Arrival(Protocol):
    """What is stored of a webhook; `received_at` in nanoseconds since the epoch."""

    source: str
    key: str
    body: bytes
    received_at: int


class Arrivals:
    """Stores groups of webhooks, each group in one transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._insert = _postgresql if engine.dialect.name == "postgresql" else _sqlite
        self._error: type[Exception] = engine.dialect.loaded_dbapi.Error

    def add(self, group: Sequence[Arrival]) -> set[tuple[str, str]]:
        """Commit a group; return source and key of those not held before; raise SQLAlchemyError, then none counts.

        A connection that has died since its last use is replaced once: what the first attempt may have
        committed is then found to be held.
        """
        try:
            return self._add(group)
        except _LostError:
            return self._add(group)

    def _add(self, group: Sequence[Arrival]) -> set[tuple[str, str]]:
        try:
            connection = self.engine.raw_connection()
        except self._error as error:
            raise OperationalError(_WHAT, None, error) from error
        try:
            return {(source, key) for source, key in self._insert(connection, group)}
        except self._error as error:
            is_lost = getattr(connection.driver_connection, "closed", False)
            connection.invalidate()
            raise (_LostError if is_lost else OperationalError)(_WHAT, None, error) from error
        finally:
            connection.close()


def _postgresql(connection: PoolProxiedConnection, group: Sequence[Arrival]) -> list[Any]:
    """One statement is a transaction and a round trip; in order of keys, so that two groups cannot deadlock."""
    driver: Any = connection.driver_connection
    rows = sorted((each.source, each.key, each.body, each.received_at) for each in group)
    driver.autocommit = True
    found: list[Any] = driver.execute(_statement(len(rows), "%b"), list(chain(*rows))).fetchall()
    driver.autocommit = False
    return found


def _sqlite(connection: PoolProxiedConnection, group: Sequence[Arrival]) -> list[Any]:
    turns.wait(connection.info)
    rows = ((each.source, each.key, each.body, each.received_at) for each in group)
    driver: Any = connection.driver_connection
    driver.execute("BEGIN IMMEDIATE")
    found: list[Any] = driver.execute(_statement(len(group), "?"), list(chain(*rows))).fetchall()
    driver.execute("COMMIT")
    return found


@lru_cache
def _statement(rows: int, mark: str) -> str:
    row = f"({', '.join([mark] * 4)})"
    return (
        f"INSERT INTO events (source, key, body, received_at) VALUES {', '.join([row] * rows)}"  # noqa: S608 - marks only
        " ON CONFLICT (source, key) DO NOTHING RETURNING source, key"
    )
