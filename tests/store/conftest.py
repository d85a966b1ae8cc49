import pytest

from tests.store.world import World


@pytest.fixture
def world(engine):
    """Return a world on a migrated, empty database."""
    return World(engine)
