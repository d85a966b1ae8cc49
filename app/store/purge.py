"""Retention: raw events go some time after the last one of their incident; incidents stay."""

from sqlalchemy import Engine, delete, exists, select

from app.store.tables import beats, calls, events
from mappers.observation import Nanoseconds

_PAGE = 500


def purge(engine: Engine, before: Nanoseconds) -> int:
    """Delete what was received before `before`, page by page; return how many events went."""
    purged = 0
    while page := purge_page(engine, before):
        purged += page
    return purged


def purge_page(engine: Engine, before: Nanoseconds) -> int:
    """Delete one page of events, short enough that no webhook has to wait; return how many went.

    Never an unfolded event, nor one whose incident has a later event: a re-fold needs all of them.
    """
    later = events.alias("later")
    needed = exists().where(later.c.incident_id == events.c.incident_id, later.c.received_at >= before)
    old = (
        select(events.c.id)
        .where(events.c.received_at < before, events.c.folded, ~needed)
        .order_by(events.c.received_at)
        .limit(_PAGE)
    )
    with engine.begin() as connection:
        purged = connection.execute(delete(events).where(events.c.id.in_(old.scalar_subquery()))).rowcount
        for table in (calls, beats):
            connection.execute(delete(table).where(table.c.at < before))
    return purged
