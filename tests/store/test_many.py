"""Statements about many rows, on both stores."""

from sqlalchemy import Engine, select

from app.store import events
from app.store.events import Folded, StoredEvent
from app.store.incidents import lock
from app.store.tables import events as stored
from app.store.tables import incidents

FAR = 2**62 + 1
HARD = 'a "quoted" \\ \\u0000 name, NULL, {é}\n'


def test_each_row_keeps_its_own_values(engine: Engine) -> None:
    """Quotes, escapes, nulls and 64-bit numbers reach the row that they were given for."""
    with engine.begin() as connection:
        for key in ("first", "second"):
            events.add(connection, "pagerduty", key, b"{}", 1)
        lock(connection, [("pagerduty", HARD)], FAR)
        lock(connection, [("pagerduty", HARD), ("pagerduty", "Q2")], 2)
        first, second = (each.id for each in events.unfolded(connection, 2))
        told = [
            Folded(StoredEvent(first, "pagerduty", "first", 1, b"{}"), "ignored", HARD),
            Folded(StoredEvent(second, "pagerduty", "second", 1, b"{}"), "upsert"),
        ]
        events.mark_folded(connection, told)
        made = connection.execute(
            select(incidents.c.vendor_id, incidents.c.updated_at).order_by(incidents.c.id)
        ).all()
        marked = connection.execute(
            select(stored.c.outcome, stored.c.reason, stored.c.folded).order_by(stored.c.id)
        ).all()
    assert [tuple(row) for row in made] == [(HARD, FAR), ("Q2", 2)]
    assert [tuple(row) for row in marked] == [("ignored", HARD, True), ("upsert", None, True)]


def test_no_rows_are_no_statement(engine: Engine) -> None:
    """Nothing to mark changes nothing."""
    with engine.begin() as connection:
        events.add(connection, "pagerduty", "first", b"{}", 1)
        events.mark_folded(connection, [])
        assert events.count_unfolded(connection) == 1
