"""Methods and paths: every answer that is an error has the one shape of errors."""

import pytest

from tests.http.web import Site, pagerduty, refusal

READ_ROUTES = ["/healthz", "/readyz", "/healthz/pipeline", "/metrics"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
@pytest.mark.parametrize("source", ["pagerduty", "nosuch"])
def test_webhooks_are_posted(site: Site, method: str, source: str) -> None:
    """Another method on a webhook's route is refused with 405, naming POST."""
    response = site.client.open(f"/webhooks/{source}", method=method)
    assert refusal(response)[0] == 405
    assert "POST" in response.headers["Allow"]


def test_head_on_a_webhook_route(site: Site) -> None:
    """HEAD on a webhook's route is refused with 405 and, as HEAD has to be, without a body."""
    response = site.client.head("/webhooks/pagerduty")
    assert (response.status_code, response.data) == (405, b"")


@pytest.mark.parametrize("path", READ_ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
def test_read_routes_are_read(site: Site, path: str, method: str) -> None:
    """Another method on a route for reading is refused with 405, naming GET."""
    response = site.client.open(path, method=method)
    assert refusal(response)[0] == 405
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("path", READ_ROUTES)
def test_head_answers_as_get(site: Site, path: str) -> None:
    """HEAD on a route for reading has GET's status and no body."""
    response = site.client.head(path)
    assert (response.status_code, response.data) == (site.client.get(path).status_code, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/HEALTHZ",
        "/healthz/",
        "/healthz/nope",
        "/api/v1/nope",
        "/webhooks",
        "/webhooks/",
        "/webhooks/pagerduty/",
        "/webhooks/pagerduty/more",
        "/webhooks/PagerDuty",
        "/webhooks/pagerduty%20",
        "/webhooks/pagerduty%00",
        "/webhooks/page%2Fduty",
        "/webhooks/..%2Fhealthz",
        "/webhooks/%2e%2e",
        "/webhooks/pagerduty%3Fa=b",
        "/webhooks/%ff%fe",
        "/webhooks/%ed%a0%80",
        "/webhooks/\u00fc\u4e2d\U0001f600",
        "/webhooks/%C3%BC",
        "/webhooks/{source}",
        "/webhooks/<script>",
        "/webhooks/%0d%0aX-Injected:%20yes",
        f"/webhooks/{'x' * 3000}",
    ],
)
def test_unknown_paths(site: Site, path: str) -> None:
    """A path that leads nowhere is refused with 404, however it is written; nothing is stored."""
    response = site.client.post(path, json=pagerduty("01ABC"))
    assert refusal(response)[0] == 404
    assert "X-Injected" not in response.headers
    assert site.stored() == []


def test_name_in_a_refusal_is_bounded(site: Site) -> None:
    """A source's name, which anybody can choose, does not make the answer long."""
    assert len(site.client.post(f"/webhooks/{'x' * 3000}").data) < 500


def test_doubled_slash(site: Site) -> None:
    """A doubled slash is refused in JSON: a vendor takes a redirect for a failure."""
    assert refusal(site.client.post("/webhooks//pagerduty", json=pagerduty("01ABC")))[0] == 404


def test_message_is_one_sentence(site: Site) -> None:
    """The message of an unknown route is one sentence."""
    message = site.client.get("/nope").get_json()["message"]
    assert message.count(".") == 1


def test_query_does_not_matter(site: Site) -> None:
    """A query string changes nothing about a webhook."""
    raw = b'{"event":{"id":"01ABC"}}'
    headers = {"X-PagerDuty-Signature": "v1=0"}
    assert refusal(site.client.post("/webhooks/pagerduty?x=%ff&y", data=raw, headers=headers))[0] == 401
