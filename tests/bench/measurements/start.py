"""From exec to readiness: the whole bridge."""

import time
from collections.abc import Iterator

from tests.bench.context import POSTGRESQL, SQLITE, Context
from tests.bench.rows import Row, at_most
from tests.bench.servers import starting, until_ready


def measure(context: Context) -> Iterator[Row]:
    """Start it on a new SQLite file, which it migrates, on the same again, and on a migrated PostgreSQL."""
    held = {SQLITE: context.database(SQLITE), POSTGRESQL: context.database(POSTGRESQL)}
    found: dict[str, list[float]] = {f"{SQLITE}, new file": [], SQLITE: [], POSTGRESQL: []}
    for _ in context.rounds("start"):
        for name, seconds in found.items():
            url = held.get(name) or context.database(SQLITE, migrated=False)
            seconds.append(_seconds(context, name, url))
    for name, seconds in found.items():
        yield Row(f"start to ready: {name}", "s", tuple(seconds), aims=(at_most(1.5),))


def _seconds(context: Context, name: str, database_url: str) -> float:
    begun = time.monotonic()
    with starting(f"start {name}", context.folder, database_url) as server:
        return until_ready(server) - begun
