"""What a transaction that only reads may see."""

from sqlalchemy import update

from app.store import claims, incidents
from app.store.engine import reading
from app.store.tables import incidents as table


def test_what_is_due_is_never_missed_between_two_statements(world):
    """Leases that end in the middle of a transaction that reads: it goes on to see one state."""
    world.want("Q1")
    with world.engine.begin() as connection:
        connection.execute(update(table).values(lease="a dead one"))
    with reading(world.engine).begin() as connection:
        assert not claims.is_due(connection, world.time.wall)
        with world.engine.begin() as another:
            claims.free(another, ["a dead one"])
        assert claims.leases(connection) == {"a dead one"}
    with reading(world.engine).begin() as connection:
        assert (incidents.count_due(connection), claims.leases(connection)) == (1, set())
