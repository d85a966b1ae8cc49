"""Retention: raw events go some time after the last one of their incident; incidents stay."""

from sqlalchemy import Engine, delete, exists, select

from app.store.tables import beats, calls, events
from mappers.observation import Nanoseconds

_PAGE = 500


def purge(engine: Engine, before: Nanoseconds) -> int:
    """Delete what was received before `before`, in pages that no webhook has to wait for; return how many.

    Never an unfolded event, nor one whose incident has a later event: a re-fold needs all of them.
    """
    purged = 0
    while page := _purge_page(engine, before):
        purged += page
    with engine.begin() as connection:
        connection.execute(delete(calls).where(calls.c.at < before))
        connection.execute(delete(beats).where(beats.c.at < before))
    return purged


def _purge_page(engine: Engine, before: Nanoseconds) -> int:
    later = events.alias("later")
    needed = exists().where(later.c.incident_id == events.c.incident_id, later.c.received_at >= before)
    old = (
        select(events.c.id)
        .where(events.c.received_at < before, events.c.folded, ~needed)
        .order_by(events.c.received_at)
        .limit(_PAGE)
    )
    with engine.begin() as connection:
        return connection.execute(delete(events).where(events.c.id.in_(old.scalar_subquery()))).rowcount
