"""The web side on PostgreSQL, where it might differ from SQLite."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.http.web import Site, opsgenie, pagerduty, refusal


@pytest.fixture
def site(environment: pytest.MonkeyPatch, build: Callable[..., Site], postgres_url: str) -> Site:
    """The application on a migrated PostgreSQL database."""
    environment.setenv("DATABASE_URL", postgres_url)
    return build()


@pytest.fixture
def run(postgres_url: str) -> Iterator[Callable[[str], list]]:
    """Run a statement on the database as somebody else."""
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")

    def _run(statement: str) -> list:
        with engine.connect() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    yield _run
    engine.dispose()


def statuses(site: Site, *bodies: dict) -> list[int]:
    return [site.post("opsgenie", body).status_code for body in bodies]


def test_new_and_held(site: Site) -> None:
    """A new event is answered 202, a held one 200, and another new one 202."""
    assert statuses(site, opsgenie("Create"), opsgenie("Create"), opsgenie("Close")) == [202, 200, 202]


def test_committed_before_the_answer(site: Site, run: Callable[[str], list]) -> None:
    """A process that is ready commits what it acknowledges: another connection sees it."""
    assert site.client.get("/readyz").status_code == 200
    site.post("pagerduty", pagerduty("01ABC"))
    assert run("SELECT source, key FROM events") == [("pagerduty", "01ABC")]


def test_one_of_simultaneous_deliveries_is_accepted(site: Site) -> None:
    """The same event arriving many times at once is accepted once."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: site.post("pagerduty", pagerduty("01ABC")).status_code, range(24)))
    assert sorted(answers) == [200] * 23 + [202]


def test_not_migrated(site: Site, run: Callable[[str], list]) -> None:
    """Without its tables the process is not ready, and answers 503."""
    run("DROP TABLE alembic_version, events CASCADE")
    assert site.client.get("/readyz").status_code == 503
    assert refusal(site.post("pagerduty", pagerduty("01ABC"))) == (503, "no_commit")


def test_read_only(site: Site, run: Callable[[str], list], postgres_url: str) -> None:
    """On a server that takes no writes, as after a failover, the process is not ready, and answers 503."""
    run(f"ALTER DATABASE {make_url(postgres_url).database} SET default_transaction_read_only TO on")
    assert site.client.get("/readyz").status_code == 503
    assert refusal(site.post("pagerduty", pagerduty("01ABC"))) == (503, "no_commit")


def test_connections_that_have_died(site: Site, run: Callable[[str], list]) -> None:
    """When the server has ended all connections, the next event is acknowledged all the same."""
    site.post("pagerduty", pagerduty("01ABC"))
    run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert site.post("pagerduty", pagerduty("01ABD")).status_code in (200, 202)
    assert len(run("SELECT 1 FROM events")) == 2


def test_no_server(environment: pytest.MonkeyPatch, build: Callable[..., Site]) -> None:
    """Without a server the process is not ready, and answers 503."""
    environment.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    site = build()
    assert site.client.get("/readyz").status_code == 503
    assert refusal(site.post("pagerduty", pagerduty("01ABC"))) == (503, "no_commit")
