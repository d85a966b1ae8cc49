import pytest
from structlog.testing import capture_logs

from app.store import sender
from app.store.engine import connect
from tests.store.world import World, empty


@pytest.fixture(autouse=True)
def _quiet():
    """Render no log lines: these tests make thousands of calls."""
    with capture_logs():
        yield


@pytest.fixture(scope="session")
def shared_postgres_url(postgres_server, migrated_template):
    """Return the URL of one migrated PostgreSQL database for all tests of this folder."""
    return postgres_server.create_database(migrated_template)


@pytest.fixture
def postgres_url(shared_postgres_url):
    """Return the URL of the shared database, emptied: that takes less time than a new one."""
    engine = connect(shared_postgres_url)
    empty(engine)
    engine.dispose()
    return shared_postgres_url


@pytest.fixture
def world_of(monkeypatch):
    """Return a function from an engine to a world on it, whose time is the database's, too."""

    def create(engine):
        world = World(engine)
        monkeypatch.setattr(sender, "_pace_now", lambda _: world.time.wall)
        return world

    return create


@pytest.fixture
def world(engine, world_of):
    """Return a world on a migrated, empty database."""
    return world_of(engine)


@pytest.fixture
def postgres_engine(postgres_url):
    """Return an engine on an emptied PostgreSQL."""
    engine = connect(postgres_url, pool_size=6)
    yield engine
    engine.dispose()
