"""Retention: raw events go some time after the last one of their incident; incidents stay."""

from sqlalchemy import Connection, Engine, delete, exists, select, update

from app.store.acts import HOUR
from app.store.tables import beats, calls, events, incidents, links, refusals
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
        select(events.c.id, events.c.incident_id)
        .where(events.c.received_at < before, events.c.folded, ~needed)
        .order_by(events.c.received_at)
        .limit(_PAGE)
    )
    with engine.begin() as connection:
        page = connection.execute(old).all()
        _mark(connection, {row.incident_id for row in page} - {None})
        connection.execute(delete(events).where(events.c.id.in_([row.id for row in page])))
        for table in (calls, beats, links):
            connection.execute(delete(table).where(table.c.at < before))
        connection.execute(delete(refusals).where(refusals.c.hour < before // HOUR))
    return len(page)


def _mark(connection: Connection, ids: set[int]) -> None:
    """Note of incidents that they cannot be re-folded any more; locked in the order of folds."""
    marked = incidents.c.id.in_(ids)
    order = (incidents.c.source, incidents.c.vendor_id)
    connection.execute(select(incidents.c.id).where(marked).order_by(*order).with_for_update()).all()
    connection.execute(update(incidents).where(marked).values(events_purged=True))
