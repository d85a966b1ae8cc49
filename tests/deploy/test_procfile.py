"""The Procfile as Heroku runs it: honcho, a dyno's environment, a folder that does not last, PostgreSQL by TLS alone."""

import shutil
from contextlib import ExitStack
from random import Random

import psutil
import pytest
import requests

from tests.deploy.dynos import Dyno, tls_only
from tests.deploy.tls import self_signed
from tests.e2e.load import Load
from tests.harness import ADMIN_TOKEN, DX_TOKEN, SECRETS, Bridge, running_sandbox, wait_until

QUICK_LEASES = {"DX_TIMEOUT": "2", "DX_OUTLIVE": "1", "DX_CONCURRENCY": "16", "DX_MAX_RPS": "0"}

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None, reason="git is not installed: no slug can be made"
)


@pytest.fixture
def sandbox():
    """Return a sandbox as DX."""
    with running_sandbox() as running:
        yield running


@pytest.fixture
def database(postgres_server, tmp_path):
    """Return a front that gives the one way to a new, empty database."""
    with tls_only(postgres_server.create_database(), *self_signed(tmp_path)) as front:
        yield front


@pytest.fixture
def dyno(tmp_path, sandbox, database):
    """Return a function that makes a dyno; all are killed in the end."""
    settings = {
        **dict(SECRETS.values()),
        **QUICK_LEASES,
        "DX_BASE_URL": sandbox.url,
        "DX_API_TOKEN": DX_TOKEN,
        "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
        "DATABASE_URL": database.address,
        "WEB_CONCURRENCY": "1",
        "HOME": str(tmp_path),
    }
    with ExitStack() as stack:

        def make(name, **more):
            made = Dyno(name, tmp_path, settings | more)
            stack.callback(made.kill)
            return made

        yield make


def router(tmp_path, sandbox):
    """Return the way to a web dyno, on a port of its own."""
    return Bridge(tmp_path, sandbox.url)


def test_histories_come_out_exact(dyno, sandbox, database, tmp_path):
    """Release, web and worker; both killed and restarted under load; a second web; SIGTERM: DX holds the truth."""
    assert dyno("release.1").start().wait(30) == 0
    way, other_way = router(tmp_path, sandbox), router(tmp_path, sandbox)
    web, worker = dyno("web.1", PORT=str(way.port)), dyno("worker.1")
    web.start(), worker.start()
    way.wait_ready()
    sandbox.faults({"delay": [0, 0.1]})
    load, random = Load(45, seed=11), Random(12)
    with load.being_posted(way) as done:
        for each in (worker, web):
            done.wait(random.uniform(0.1, 0.6))
            assert not done.is_set(), "killed too late to tell anything"
            each.kill()
            each.start()
            way.wait_ready()
        wait_until(lambda: way.stats()["incidents"]["delivered"] > 5)
        assert (worker.stop(), web.stop()) == (0, 0)
        web.start(), worker.start()
        way.wait_ready()
    sandbox.faults()
    second = dyno("web.2", PORT=str(other_way.port)).start()
    other_way.wait_ready()
    more = Load(15, seed=13)
    assert more.post(way, other_way) == len(more.webhooks)
    wait_until(way.is_settled, 60, f"delivery: {web.log.read_text()[-3000:]}")
    load.truth |= more.truth
    assert load.differences(sandbox) == []
    assert sandbox.calls()["max_in_flight_per_incident"] == 1
    family = [
        each for one in (web, worker, second) for each in psutil.Process(one.process.pid).children(True)
    ]
    assert [each.stop() for each in (web, worker, second)] == [0, 0, 0]
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert all("pipeline starts" in each.log.read_text() for each in (web, worker, second))
    assert (database.taken > 0, database.refused) == (True, 0)


def test_a_dyno_believes_herokus_router(dyno, sandbox, tmp_path):
    """The session's cookie is Secure, and who fails to sign in is told by what the router adds."""
    way = router(tmp_path, sandbox)
    dyno("web.1", PORT=str(way.port)).start()
    way.wait_ready()

    def sign_in(token, claimed, client):
        headers = {"X-Forwarded-For": f"{claimed}, {client}", "X-Forwarded-Proto": "https"}
        url, form = f"{way.url}/sign-in", {"token": token}
        return requests.post(url, data=form, headers=headers, timeout=10, allow_redirects=False)

    tries = [sign_in("wrong", f"198.51.100.{number}", "203.0.113.7") for number in range(6)]
    assert [each.status_code for each in tries] == [401] * 5 + [429]
    signed_in = sign_in(ADMIN_TOKEN, "203.0.113.7", "203.0.113.8")
    assert signed_in.status_code == 303
    assert "Secure" in signed_in.headers["Set-Cookie"]


def test_a_dyno_without_postgresql_refuses_to_start(dyno):
    """Rather than lose events with the dyno's disk, each process exits 1 and names the command that adds one."""
    dynos = [dyno(name, DATABASE_URL="").start() for name in ("release.1", "web.1", "worker.1")]
    assert [each.wait(20) for each in dynos] == [1, 1, 1]
    told = "heroku addons:create heroku-postgresql:essential-0"
    assert all(told in each.log.read_text() for each in dynos)
