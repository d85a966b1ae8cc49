"""The services that incidents name, counted."""

from collections import Counter

from sqlalchemy import Connection, Engine, select

from app.store import codec, incidents
from app.store.engine import reading
from app.store.tables import incidents as table
from app.view import view
from mappers.observation import Service

_PAGE = 500
_NEWEST = select(table.c.state).where(table.c.state.is_not(None)).order_by(table.c.id.desc()).limit(_PAGE)


def seen(engine: Engine) -> Counter[Service]:
    """Count the incidents of each service, by what its vendor calls it; reads in pages."""
    counted: Counter[Service] = Counter()
    last = 0
    while True:
        with reading(engine).begin() as connection:
            page = incidents.page(connection, last, _PAGE)
        if not page:
            return counted
        for stored in page:
            counted.update(_named(stored.held.state))
        last = page[-1].held.id


def recent(connection: Connection) -> tuple[Counter[Service], int]:
    """Count the services of the newest incidents alone; return also how many incidents were looked at."""
    states = connection.execute(_NEWEST).scalars().all()
    counted: Counter[Service] = Counter()
    for state in states:
        counted.update(_named(state))
    return counted, len(states)


def _named(state: str | None) -> list[Service]:
    named = view(codec.load_state(state)).fields.get("services") if state else None
    return [each for each in named if isinstance(each, Service)] if isinstance(named, tuple) else []
