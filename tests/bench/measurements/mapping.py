"""`dx-bridge map` on a file of JSON Lines: the whole command, and without what one body takes."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.bodies import STEPS, lifecycles
from tests.bench.context import Context
from tests.bench.rows import Row, at_least
from tests.bench.servers import BRIDGE, environment

_SHORTEST = 1e-3
"""Seconds; on a busy machine the long file may seem to take no longer than the short one."""


def measure(context: Context) -> Iterator[Row]:
    """Map a long file and one of one body in each round."""
    number = context.pick(20_000, 2_000)
    bodies = list(lifecycles(1, number // len(STEPS)))
    long, short = context.folder / "many.jsonl", context.folder / "one.jsonl"
    long.write_bytes(b"\n".join(bodies))
    short.write_bytes(bodies[0])
    found = [(_seconds(long, number), _seconds(short, 1)) for _ in context.rounds("map")]
    aim = (at_least(10_000),)
    yield Row("map: the whole command", "events/s", tuple(number / both for both, _ in found), aims=aim)
    rates = (number / max(_SHORTEST, both - start) for both, start in found)
    yield Row("map: without its start", "events/s", tuple(rates), aims=aim)
    yield Row("map: one body", "s", tuple(start for _, start in found))


def _seconds(file: Path, number: int) -> float:
    """Return how long mapping a file takes; raise where it does not give so many upserts."""
    made = file.with_suffix(".out")
    begun = time.perf_counter()
    with made.open("wb") as out:
        subprocess.run(
            [*BRIDGE, "map", str(file)], stdout=out, env=environment(), cwd=file.parent, check=True
        )
    took = time.perf_counter() - begun
    if (found := made.read_bytes().count(b'"outcome":"upsert"')) != number:
        raise RuntimeError(f"map gave {found} upserts for {number} bodies")
    return took
