import os

import pytest
from hypothesis import HealthCheck, settings

from app.store import migrate
from app.store.engine import connect
from tests.postgres import PostgresServer, running_server

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def postgres_server():
    """Return a real PostgreSQL server: that of TEST_DATABASE_URL, else one of its own."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield PostgresServer(url)
        return
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres_server):
    """Return the name of a migrated database to copy from."""
    url = postgres_server.create_database()
    engine = connect(url)
    migrate.upgrade(engine)
    engine.dispose()
    return engine.url.database


@pytest.fixture
def sqlite_url(tmp_path):
    """Return the URL of a migrated SQLite file."""
    url = f"sqlite:///{tmp_path}/bridge.db"
    engine = connect(url)
    migrate.upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture
def postgres_url(postgres_server, migrated_template):
    """Return the URL of a migrated PostgreSQL database."""
    return postgres_server.create_database(migrated_template)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """Return the URL of a migrated, empty database: each test runs on both."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
def engine(database_url):
    """Return an engine on a migrated, empty database."""
    engine = connect(database_url, pool_size=6)
    yield engine
    engine.dispose()
