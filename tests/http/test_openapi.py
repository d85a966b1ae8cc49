"""/api/v1/openapi.json: it describes every route, and every answer is as it says."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from app.web.described import ROUTES
from tests.http.incidents import NAMES, RIGHT, Operated, operated
from tests.http.web import refusal

MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
few = settings(max_examples=12, deadline=None, derandomize=True, database=None)


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Operated]:
    """A bridge with incidents in every state."""
    folder = tmp_path_factory.mktemp("described")
    path = shutil.copy(migrated, folder / "bridge.db")
    with operated(folder, f"sqlite:///{path}") as made:
        made.fill()
        yield made


@pytest.fixture(scope="module")
def operations(bridge: Operated) -> dict[str, Any]:
    """The described operations by endpoint."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", bridge.site.app, headers=RIGHT)
    every = [each.ok() for each in schema.get_all_operations()]
    return {each.definition.raw["operationId"]: each for each in every}


def cases(operation: Any, mode: GenerationMode) -> Iterator[Case]:
    """Return the cases at the edges of an operation's schemas."""
    config = operation.schema.config.generation
    return operation.schema.iter_coverage_cases(operation, generation_modes=[mode], generation_config=config)


@pytest.mark.parametrize("headers", [RIGHT, {}], ids=["token", "none"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("endpoint", ROUTES)
def test_edges(operations: dict[str, Any], endpoint: str, mode: GenerationMode, headers: dict[str, str]) -> None:
    """Each case at the edge of what a route takes, or just beyond, is answered as described, never with a 5xx."""
    for case in cases(operations[endpoint.replace(".", "_")], mode):
        case.call_and_validate(headers=headers)


@pytest.mark.parametrize("headers", [RIGHT, {}], ids=["token", "none"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("endpoint", ROUTES)
def test_anything(operations: dict[str, Any], endpoint: str, mode: GenerationMode, headers: dict[str, str]) -> None:
    """Whatever is sent to a route is answered as described, and never with a 5xx."""
    operation = operations[endpoint.replace(".", "_")]

    @few
    @given(case=operation.as_strategy(mode))
    def send(case: Case) -> None:
        case.call_and_validate(headers=headers)

    send()
