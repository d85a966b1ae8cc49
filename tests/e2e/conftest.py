import pytest

from tests.harness import running_sandbox


@pytest.fixture
def sandbox():
    """Return a sandbox of the test's own."""
    with running_sandbox() as running:
        yield running
