"""What the bridge tells those who have no token: next to nothing."""

from collections.abc import Callable, Iterator

import pytest
from werkzeug.routing import Rule

from tests.harness import ADMIN_TOKEN
from tests.http.conftest import METRICS_TOKEN
from tests.http.web import Site, change, opsgenie, pagerduty, refusal

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
OPEN = {"health.alive", "health.ready", "health.pipeline"}
SIGNING_IN = {"dashboard.sign_in", "dashboard.sign_in_by_link", "dashboard.sign_out", "dashboard.static"}
"""What a browser needs before anybody has signed in: a form, its style, and the way out."""
BELOW = [
    "/api/v1",
    "/api/v1/",
    "/api/v1/nosuch",
    "/api/v1/incidents/",
    "/api/v1/incidents/%2F",
    "/api/v1//stats",
]
SECRET = "Checkout is slow"


def requests(site: Site) -> Iterator[tuple[Rule, str, str]]:
    """Return every route with each of its methods and a path that leads there."""
    for rule in site.app.url_map.iter_rules():
        values = dict.fromkeys(rule.arguments, "1") | {"source": "opsgenie", "act": "pause", "link": "x"}
        with site.app.test_request_context():
            _, path = rule.build({name: values[name] for name in rule.arguments}) or ("", rule.rule)
        for method in sorted(rule.methods or ()):
            yield rule, method, path


@pytest.fixture
def told(guarded: Site) -> Site:
    """A guarded application that holds something worth telling."""
    guarded.post("opsgenie", opsgenie(alert={"alertId": "1", "message": SECRET}))
    guarded.post("pagerduty", pagerduty("01ABC", title=SECRET))
    change(guarded.path, "UPDATE sender SET state = 'held', reason = ?", SECRET)
    return guarded


def test_every_route_is_walked(guarded: Site) -> None:
    """The walk below meets the routes that matter."""
    walked = {rule.rule for rule, *_ in requests(guarded)}
    assert {"/", "/metrics", "/api/v1/stats", "/api/v1/incidents", "/webhooks/<source>", "/readyz"} <= walked


def test_without_a_token(told: Site) -> None:
    """No route but health answers a request without a token with anything but a refusal or the way to sign in."""
    for rule, method, path in requests(told):
        response = told.client.open(path, method=method)
        if rule.endpoint in OPEN | SIGNING_IN:
            assert SECRET not in response.text, (method, path)
        elif rule.endpoint.startswith("dashboard.") and method != "OPTIONS":
            assert response.status_code == 303, (method, path)
            assert "/sign-in" in response.headers["Location"]
        elif method != "OPTIONS" or rule.rule.startswith("/api/"):
            assert response.status_code == 401, (method, path)
            assert SECRET not in response.text


def test_nothing_is_done_without_a_token(told: Site) -> None:
    """The walk leaves no act, no event and no pause behind."""
    before = told.stored()
    for _, method, path in requests(told):
        told.client.open(path, method=method, json=None if method in ("GET", "HEAD") else {"all": True})
    with told.app.extensions["engine"].connect() as connection:
        acts = connection.exec_driver_sql("SELECT count(*) FROM acts").scalar_one()
        paused = connection.exec_driver_sql("SELECT paused FROM sender").scalar_one()
    assert (told.stored(), acts, paused) == (before, 0, "")


@pytest.mark.parametrize("method", [*METHODS, "TRACE", "BREW"])
@pytest.mark.parametrize("path", BELOW)
def test_no_path_below_the_api_answers(guarded: Site, method: str, path: str) -> None:
    """Whatever the path and the method, the token is asked for first."""
    assert guarded.client.open(path, method=method).status_code == 401


@pytest.mark.parametrize("path", ["//api/v1/stats", "///api/v1/stats", "//api/v1/nosuch"])
def test_slashes_in_front(guarded: Site, path: str) -> None:
    """More slashes in front of a path lead past no guard."""
    assert guarded.client.get("/", environ_overrides={"PATH_INFO": path}).status_code == 401


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", [*BELOW, "/api/v1/stats", "/api/v1/openapi.json"])
def test_without_an_admin_token_there_is_no_api(site: Site, method: str, path: str) -> None:
    """Without BRIDGE_ADMIN_TOKEN every path below the API is answered 404, for every method."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    assert site.client.open(path, method=method, headers=headers).status_code == 404


def test_without_an_admin_token_there_is_nothing_to_sign_in_to(site: Site) -> None:
    """Without BRIDGE_ADMIN_TOKEN no page of the dashboard is there, not even the one to sign in."""
    for rule, method, path in requests(site):
        if (
            rule.endpoint.startswith("dashboard.")
            and rule.endpoint != "dashboard.static"
            and method != "OPTIONS"
        ):
            assert site.client.open(path, method=method).status_code == 404, (method, path)


def test_metrics_without_their_token(site: Site) -> None:
    """Without METRICS_TOKEN the metrics are open."""
    assert site.client.get("/metrics").status_code == 200


@pytest.mark.parametrize(("path", "token"), [("/metrics", ADMIN_TOKEN), ("/api/v1/stats", METRICS_TOKEN)])
def test_each_token_opens_its_own_routes(guarded: Site, path: str, token: str) -> None:
    """The token of the metrics opens nothing else, and the admin's does not open the metrics."""
    assert refusal(guarded.client.get(path, headers={"Authorization": f"Bearer {token}"}))[0] == 401


def test_a_session_does_not_open_the_api(guarded: Site) -> None:
    """Who has signed in to the dashboard by its cookie still needs the token for the API."""
    signed = guarded.client.post("/sign-in", data={"token": ADMIN_TOKEN})
    assert signed.status_code == 303
    assert guarded.client.get("/").status_code == 200
    assert refusal(guarded.client.get("/api/v1/stats"))[0] == 401
    assert refusal(guarded.client.post("/api/v1/sender/pause"))[0] == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz/pipeline"])
def test_health_answers_codes(told: Site, path: str) -> None:
    """Public health answers carry words of a fixed list, and one fixed sentence."""
    codes = {"ok", "not_ok", "ready", "not_ready", "not_delivering", "running", "silent", "unknown", "held"}
    body = told.client.get(path).get_json()
    body.pop("message", None)
    assert set(body.values()) <= codes


def test_health_of_a_broken_database(guarded: Site) -> None:
    """A database that does not answer is told in codes, too: no path, no statement, no cause."""
    guarded.path.write_bytes(b"something else entirely " * 500)
    for path in ("/readyz", "/healthz/pipeline"):
        told = guarded.client.get(path)
        assert told.status_code == 503
        assert not any(word in told.text.lower() for word in ("sqlite", "bridge.db", "select", "file is not"))


def test_a_refusal_asks_for_the_bearer(guarded: Site) -> None:
    """A 401 says which kind of token it wants."""
    assert guarded.client.get("/api/v1/stats").headers["WWW-Authenticate"] == "Bearer"


def test_a_wrong_webhook_tells_nothing(build: Callable[..., Site], database: object) -> None:
    """A webhook without its signature is refused without a word about what is held."""
    assert refusal(build().client.post("/webhooks/pagerduty", json=pagerduty("01ABC"))) == (
        401,
        "not_authentic",
    )
