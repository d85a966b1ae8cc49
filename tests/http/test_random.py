"""Whatever arrives: never a 500, always JSON, and what is acknowledged is stored."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store.engine import connect
from app.store.migrate import upgrade
from tests.harness import SECRETS, signed
from tests.http.conftest import forget
from tests.http.web import Site, stored

EXPECTED = {200, 202, 400, 401, 404, 405, 413, 415}
PATHS = [
    "/webhooks/pagerduty",
    "/webhooks/opsgenie",
    "/webhooks/jsm",
    "/webhooks/other",
    "/api/v1/stats",
    "/nope",
]
TYPES = [
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "",
    "\u00ff",
]
NAMES = [
    "Authorization",
    "X-Webhook-Token",
    "X-PagerDuty-Signature",
    "Content-Encoding",
    "X-Forwarded-For",
    "Host",
]

latin = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)
texts = st.text(max_size=20) | st.sampled_from(["event", "id", "data", "alert", "headers", "action", "type"])
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts
values = st.recursive(scalars, lambda each: st.lists(each) | st.dictionaries(texts, each), max_leaves=12)
pagerduty = st.fixed_dictionaries({"event": values | st.fixed_dictionaries({"id": values, "data": values})})
opsgenie = st.fixed_dictionaries({"alert": values}, optional={"headers": values, "action": values})
bodies = (values | pagerduty | opsgenie).map(lambda value: json.dumps(value).encode()) | st.binary(
    max_size=200
)
headers = st.dictionaries(st.sampled_from(NAMES), latin, max_size=3)


@pytest.fixture(scope="module")
def anything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One application for all examples."""
    path: Path = tmp_path_factory.mktemp("random") / "bridge.db"
    with pytest.MonkeyPatch.context() as environment:
        forget(environment)
        environment.chdir(path.parent)
        environment.setenv("DATABASE_URL", f"sqlite:///{path}")
        for variable, secret in SECRETS.values():
            environment.setenv(variable, secret)
        engine = connect(f"sqlite:///{path}")
        upgrade(engine)
        engine.dispose()
        site = Site(path)
    yield site
    site.close()


bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def is_object(raw: bytes) -> bool:
    """Whether a body is a JSON object to a strict reader."""
    try:
        return isinstance(orjson.loads(raw), dict)
    except orjson.JSONDecodeError:
        return False


@bounded
@given(source=st.sampled_from(["pagerduty", "opsgenie", "jsm"]), body=bodies)
def test_authentic_bodies(anything: Site, source: str, body: bytes) -> None:
    """An authentic body is accepted or a duplicate where it is a JSON object, else refused with 400."""
    response = anything.post(source, body)
    assert response.is_json
    assert response.status_code in ((200, 202) if is_object(body) else (400,))


@bounded
@given(source=st.sampled_from(["pagerduty", "opsgenie", "jsm"]), body=bodies)
def test_acknowledged_bodies(anything: Site, source: str, body: bytes) -> None:
    """What is acknowledged, and nothing else, is stored under the id of the answer."""
    response = anything.post(source, body)
    held = {(event.source, event.key) for event in stored(anything.path)}
    assert ((source, response.get_json().get("event_id")) in held) == (response.status_code in (200, 202))


asked = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["POST", "POST", "GET", "HEAD", "PUT", "BREW"]),
        "path": st.sampled_from(PATHS),
        "headers": headers,
        "content_type": st.sampled_from(TYPES),
        "data": bodies,
    }
)


@bounded
@given(asked=asked, sign=st.booleans())
def test_any_request(anything: Site, asked: dict[str, Any], *, sign: bool) -> None:
    """Any request to any route gets an answer in JSON, and never a 500."""
    source = asked["path"].rpartition("/")[2]
    signature = signed(source, asked["data"]) if sign and source in SECRETS else {}
    signature.pop("Content-Type", None)
    response = anything.client.open(**{**asked, "headers": {**signature, **asked["headers"]}})
    assert response.status_code in EXPECTED
    assert response.is_json


@bounded
@given(path=st.text(min_size=1, max_size=40))
def test_any_source(anything: Site, path: str) -> None:
    """Any name of a source that is not configured is refused with 404 in JSON, and never a 500."""
    name = path.replace("/", "_").strip(".") or "_"
    response = anything.client.post(f"/webhooks/{name}", data=b"{}")
    assert response.is_json
    assert response.status_code in (401, 404)
