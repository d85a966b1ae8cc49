"""/api/v1/openapi.json: it describes every route, and every answer is as it says."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from structlog.testing import capture_logs

from app.store import sender
from app.web.described import ROUTES
from tests.http.conftest import METRICS_TOKEN
from tests.http.incidents import NAMES, RIGHT, Operated, operated
from tests.http.web import Site, opsgenie, refusal

OWN = "openapi.openapi"
BARE = ("health.", "stats.", "dashboard.")
"""Routes that take nothing, so nothing wrong can be sent to them."""
VALID, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
DOUBLED = "QTWICE"
SENT = [
    (name, mode)
    for name in ROUTES
    for mode in (VALID, WRONG)
    if name != OWN and (mode == VALID or not name.startswith(BARE))
]
few = settings(max_examples=15, deadline=None, derandomize=True, database=None)
with_and_without = pytest.mark.parametrize("headers", [RIGHT, {}], ids=["token", "none"])
load_all_checks()
# A year that the bridge takes, and that has passed by the tests' clock.
since_2000 = st.datetimes(datetime(2000, 1, 1), datetime(2026, 1, 1)).map("{:%Y-%m-%dT%H:%M:%SZ}".format)  # noqa: DTZ001 - the Z says it
schemathesis.openapi.format("date-time", since_2000)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bridge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A bridge with incidents in every state, two of one reference, and a sign of life of its pipeline."""
    folder = tmp_path_factory.mktemp("described")
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('migrated'), folder / 'bridge.db')}"
    else:
        server = request.getfixturevalue("postgres_server")
        url = server.create_database(request.getfixturevalue("migrated_template"))
    with operated(folder, url) as made, capture_logs():
        made.fill()
        made.receive(DOUBLED)
        made.site.post("opsgenie", opsgenie(alert={"alertId": DOUBLED, "createdAt": 1_767_323_045_000}))
        made.fold()
        with made.world.engine.begin() as connection:
            sender.beat(connection, "pipeline", made.world.time.wall)
        yield made


@pytest.fixture(scope="module")
def operations(bridge: Operated) -> dict[str, Any]:
    """The described operations by endpoint, but for the one that describes them."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", bridge.site.app, headers=RIGHT)
    wrong = schema.config.checks.negative_data_rejection
    wrong.expected_statuses = [*wrong.expected_statuses, "413"]
    every = [each.ok() for each in schema.get_all_operations()]
    return {each.definition.raw["operationId"].replace("_", ".", 1): each for each in every}


def send(case: Case, headers: dict[str, str], **more: Any) -> None:
    """Send a case; its answer has to be as described, no 5xx, and no refusal of what is valid or the reverse."""
    query = case.query or {}
    if query.get("cursor"):  # opaque: no schema tells which ones were given out
        more = {"excluded_checks": [positive_data_acceptance]}
    if "" not in query.values():  # an empty value counts as none, whatever its schema says
        case.call_and_validate(headers=headers, **more)


@with_and_without
@pytest.mark.parametrize(("endpoint", "mode"), SENT)
def test_edges(operations: dict, endpoint: str, mode: GenerationMode, headers: dict) -> None:
    """Each case at the edge of what a route takes, or just beyond, is answered as described."""
    operation = operations[endpoint]
    config = operation.schema.config.generation
    every = operation.schema.iter_coverage_cases(operation, generation_modes=[mode], generation_config=config)
    for case in every:
        send(case, headers)


@with_and_without
@pytest.mark.parametrize(("endpoint", "mode"), SENT)
def test_anything(operations: dict, endpoint: str, mode: GenerationMode, headers: dict) -> None:
    """Whatever is sent to a route is answered as described."""

    @few
    @given(case=operations[endpoint].as_strategy(mode))
    def each(case: Case) -> None:
        send(case, headers)

    each()


@pytest.mark.parametrize("mode", [VALID, WRONG])
@pytest.mark.parametrize("endpoint", [name for name in ROUTES if name.startswith("api.")])
def test_anything_about_what_there_is(operations: dict, endpoint: str, mode: GenerationMode) -> None:
    """Whatever is asked about an incident in any state, or done to it, is answered as described."""
    known = {"reference_id": st.sampled_from([DOUBLED, *NAMES]), "event_id": st.integers(1, 9)}

    @few
    @given(case=operations[endpoint].as_strategy(mode), ids=st.fixed_dictionaries(known))
    def each(case: Case, ids: dict[str, Any]) -> None:
        case.path_parameters = {name: ids[name] for name in case.path_parameters or {}}
        judged_by_state = [positive_data_acceptance, negative_data_rejection]
        send(case, RIGHT, excluded_checks=judged_by_state)

    each()


def test_every_route_is_described(guarded: Site) -> None:
    """Each route is in the document with its methods; of the dashboard's pages the first stands for all."""
    paths = guarded.client.get("/api/v1/openapi.json", headers=RIGHT).get_json()["paths"]
    told = {
        (operation["operationId"], method.upper())
        for path in paths.values()
        for method, operation in path.items()
    }
    served = {
        (rule.endpoint.replace(".", "_"), method)
        for rule in guarded.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.endpoint.startswith("dashboard.") or rule.rule == "/"
    }
    assert told == served


def test_every_operation_says_what_it_is_for(guarded: Site) -> None:
    """Each operation has a summary, and each answer a description."""
    paths = guarded.client.get("/api/v1/openapi.json", headers=RIGHT).get_json()["paths"]
    for path, methods in paths.items():
        for operation in methods.values():
            assert operation["summary"].endswith("."), path
            assert all(answer["description"] for answer in operation["responses"].values())


def test_the_document_names_what_opens_a_route(guarded: Site, operations: dict) -> None:
    """Below the API the admin token is asked for, the metrics have their own where it is set, health has none."""
    document = guarded.client.get("/api/v1/openapi.json", headers=RIGHT).get_json()
    assert document["openapi"] == "3.1.0"
    asked = {
        path: operation["get"]["security"]
        for path, operation in document["paths"].items()
        if "get" in operation
    }
    assert asked["/api/v1/stats"] == [{"adminToken": []}]
    assert (asked["/metrics"], asked["/healthz"]) == ([{"metricsToken": []}], [])
    assert operations["stats.prometheus"].definition.raw["security"] == []


def test_answers_promise_all_of_their_keys(guarded: Site) -> None:
    """Each answer's schema requires all of its keys and allows no other."""
    schemas = guarded.client.get("/api/v1/openapi.json", headers=RIGHT).get_json()["components"]["schemas"]
    answers = {
        name: each for name, each in schemas.items() if not name.startswith(("Redeliver", "OverrideBody"))
    }
    assert len(answers) >= 10
    for name, each in answers.items():
        assert (sorted(each["required"]), each["additionalProperties"]) == (
            sorted(each["properties"]),
            False,
        ), name


def test_a_correction_of_one_of_two_is_described(bridge: Operated, operations: dict) -> None:
    """The refusal of a correction that does not say of which source is in the document."""
    for endpoint in ("api.put_override", "api.delete_override"):
        case = operations[endpoint].Case(
            path_parameters={"reference_id": DOUBLED}, body={}, media_type="application/json"
        )
        answer = case.call_and_validate(headers=RIGHT, excluded_checks=[positive_data_acceptance])
        assert answer.status_code == 409


def test_the_document_holds_no_secret(guarded: Site) -> None:
    """The document names no token and no address of this bridge."""
    document = guarded.client.get("/api/v1/openapi.json", headers=RIGHT).text
    assert not any(word in document for word in (METRICS_TOKEN, "admin-token", "getdx.net", "sqlite"))


def test_the_document_needs_the_token(guarded: Site) -> None:
    """The document itself is below the API."""
    assert refusal(guarded.client.get("/api/v1/openapi.json"))[0] == 401
