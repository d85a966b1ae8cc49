from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from app.sandbox import create_sandbox, running
from tests.sandbox.shared import TOKEN, World


@pytest.fixture
def world() -> World:
    """Return a sleep and a timer by hand."""
    return World()


@pytest.fixture
def client(world: World) -> FlaskClient:
    """Return a client of a sandbox whose time is by hand."""
    return create_sandbox(TOKEN, seed=1, sleep=world.slept.append, later=world.later).test_client()


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """Return host and port of a sandbox that listens."""
    with running(create_sandbox(TOKEN)) as url:
        host, port = url.removeprefix("http://").split(":")
        yield host, int(port)
