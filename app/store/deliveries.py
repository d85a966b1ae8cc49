"""Statements on incidents with which somebody asks for their delivery anew, or looks where they went."""

from typing import Any

from sqlalchemy import Connection, case, func, or_, select, update

from app.store.tables import incidents


def redeliver(connection: Connection, *where: Any, lane: int) -> int:
    """Make incidents due whatever was settled, parked ones too, but none that is left out; return how many.

    What was sent is in doubt, since somebody doubts that DX holds it. What is due already keeps its lane.
    """
    sent = incidents.c.settled_document.is_not(None) | (incidents.c.in_doubt > 0)
    waits = incidents.c.due_at.is_not(None) & (incidents.c.lane < lane)
    again = {
        "due_at": 0,
        "parked": None,
        "in_doubt": incidents.c.in_doubt + case((sent, 1), else_=0),
        "lane": case((waits, incidents.c.lane), else_=lane),
    }
    gone = incidents.c.action == "none", (incidents.c.action == "delete") & ~sent
    known = (incidents.c.desired.is_not(None), ~or_(*gone))
    these = (*known, *where)
    if connection.dialect.name == "postgresql":
        connection.execute(_IN_ORDER.where(*these))
    return connection.execute(update(incidents).where(*these).values(**again)).rowcount


_IN_ORDER = select(incidents.c.id).order_by(incidents.c.source, incidents.c.vendor_id).with_for_update()
"""Locks in the order in which fold and settlement do, so that none waits for another in a circle."""


def elsewhere(connection: Connection, destination: str) -> int:
    """Count the incidents that were delivered to another destination and not yet to this one."""
    where = (incidents.c.settled.is_not(None), incidents.c.destination != destination)
    return connection.execute(select(func.count()).select_from(incidents).where(*where)).scalar_one()
