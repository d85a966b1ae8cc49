from contextlib import closing

import pytest
from sqlalchemy import text

from app.store import events
from app.store.wake import Notifier, watch
from tests.harness import wait_until

END_LISTENERS = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
)


@pytest.fixture
def wake(engine):
    """Return what watches the database, with the noise of its beginning behind it."""
    with closing(watch(engine)) as wake:
        while wake.wait():
            pass
        yield wake


def store_and_notify(engine):
    """Store an event and wake the pipelines, as an accepted webhook does."""
    with engine.begin() as connection:
        events.add(connection, "pagerduty", "E1", b"{}", 1)
    Notifier(engine).notify()


def test_a_commit_wakes(engine, wake):
    """A commit on another connection is noticed."""
    store_and_notify(engine)
    assert wait_until(wake.wait, 2, "the wake-up")


def test_no_commit_wakes_nobody(engine, wake):
    """Without a commit nothing is noticed, and reading is no commit."""
    with engine.execution_options(readonly=True).begin() as connection:
        events.unfolded(connection, 1)
    assert not any(wake.wait() for _ in range(3))


def test_a_lost_listener_listens_again(postgres_engine):
    """When PostgreSQL ends the listening connection, a new one follows, and counts as a wake-up."""
    with closing(watch(postgres_engine)) as wake:
        wait_until(wake.wait, 2, "the first connection")
        with postgres_engine.begin() as connection:
            connection.execute(END_LISTENERS)
        wait_until(wake.wait, 5, "the second connection")
        store_and_notify(postgres_engine)
        wait_until(wake.wait, 2, "the wake-up")


def test_notifications_are_spaced(postgres_engine):
    """Of many commits at once the first wakes, and the others cost no round trip."""
    notifier = Notifier(postgres_engine)
    with closing(watch(postgres_engine)) as listening:
        wait_until(listening.wait, 2, "the connection")
        for _ in range(50):
            notifier.notify()
        wait_until(listening.wait, 2, "the wake-up")
        assert sum(listening.wait() for _ in range(5)) <= 2
