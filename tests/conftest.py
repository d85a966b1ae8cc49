import pytest

from app.store import migrate
from app.store.engine import connect
from tests.postgres import create_database, running_server


@pytest.fixture(scope="session")
def postgres_server():
    """Return the URL of a real PostgreSQL server."""
    with running_server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(postgres_server):
    """Return the name of a migrated database to copy from."""
    url = create_database(postgres_server)
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
    return create_database(postgres_server, migrated_template)


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
