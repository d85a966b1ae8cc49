"""Statements on what operators did, and on refused webhooks; both for people to read."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from app.store.tables import acts, links, refusals
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

HOUR = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Act:
    """What an operator did; `at` in nanoseconds since the epoch."""

    at: Nanoseconds
    by: str
    act: str
    about: str


def record(connection: Connection, act: Act) -> None:
    """Write an act down, in the transaction that does it."""
    connection.execute(insert(acts).values(at=act.at, by=act.by, act=act.act, about=act.about))


def latest(connection: Connection, limit: int) -> list[Act]:
    """Return the latest acts, the newest first."""
    columns = (acts.c.at, acts.c.by, acts.c.act, acts.c.about)
    return [Act(*row) for row in connection.execute(select(*columns).order_by(acts.c.id.desc()).limit(limit))]


def about(connection: Connection, reference_id: str, limit: int) -> list[Act]:
    """Return the acts on one incident, the newest first."""
    columns = (acts.c.at, acts.c.by, acts.c.act, acts.c.about)
    found = select(*columns).where(acts.c.about == reference_id).order_by(acts.c.id.desc()).limit(limit)
    return [Act(*row) for row in connection.execute(found)]


def add_refused(connection: Connection, source: str, count: int, now: Nanoseconds) -> None:
    """Count webhooks of a source that were refused for their signature or token, by the hour."""
    insert_ = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert_(refusals).values(source=source, hour=now // HOUR, count=count)
    more = {"count": refusals.c.count + statement.excluded.count}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "hour"], set_=more))


def refused_since(connection: Connection, since: Nanoseconds) -> dict[tuple[str, int], int]:
    """Return the counts by source and hour (since the epoch)."""
    statement = select(refusals.c.source, refusals.c.hour, refusals.c.count)
    found = connection.execute(statement.where(refusals.c.hour >= since // HOUR))
    return {(source, hour): count for source, hour, count in found}


def use_link(connection: Connection, nonce: str, now: Nanoseconds) -> bool:
    """Use a one-time link up; false if it was used before."""
    insert_ = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert_(links).values(nonce=nonce, at=now).on_conflict_do_nothing(index_elements=["nonce"])
    return connection.execute(statement.returning(links.c.nonce)).first() is not None
