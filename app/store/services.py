"""The services that incidents name, counted."""

from collections import Counter

from sqlalchemy import Engine

from app.store import codec, incidents
from app.store.engine import reading
from app.view import view
from mappers.observation import Service

_PAGE = 500


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


def _named(state: str | None) -> list[Service]:
    named = view(codec.load_state(state)).fields.get("services") if state else None
    return [each for each in named if isinstance(each, Service)] if isinstance(named, tuple) else []
