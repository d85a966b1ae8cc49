"""What the pipeline does, step by step and timed, on a store with a past."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from statistics import median

from app.fold import BATCH
from app.store.engine import connect
from app.store.intake import Intake
from tests.bench import bulk, stored
from tests.bench.bodies import STEPS, body

STEPS_TIMED = ("store", "fold", "claim", "settle")
_BATCHES = 3
"""A round."""
_NEW = 0.2
"""The share of events that begin an incident; the others are about any of the past."""
_ONE_BY_ONE = 20
"""Events of a batch that are stored as webhooks are, each in a transaction when it comes alone."""

Times = dict[str, list[float]]
"""Milliseconds by step."""


def rounds(urls: dict[int, str], number: int) -> dict[int, Times]:
    """Return by size what a batch of each step took in each round; all sizes take turns in one process."""
    with stored.as_pipeline():
        pasts = {size: _Past(url, size) for size, url in urls.items()}
        for past in pasts.values():
            past.batch(defaultdict(list))  # warms up
        found: dict[int, Times] = {size: defaultdict(list) for size in urls}
        for _ in range(number):
            for size, past in pasts.items():
                for step, took in past.round().items():
                    found[size][step].append(took)
        for past in pasts.values():
            past.close()
    return {size: dict(times) for size, times in found.items()}


class _Past:
    def __init__(self, database_url: str, size: int) -> None:
        self._engine, self._size, self._random = connect(database_url), size, Random(size)
        self._intake, self._folder = Intake(self._engine), stored.folder(self._engine, bulk.DESTINATION)
        self._deliverer = bulk.Instant(self._engine)
        self._number = 10_000

    def round(self) -> dict[str, float]:
        """Return the median of each step's batches."""
        times: Times = defaultdict(list)
        for _ in range(_BATCHES):
            self.batch(times)
        return {step: median(took) for step, took in times.items()}

    def batch(self, times: Times) -> None:
        """Store as many events as one fold takes, fold them, and deliver what is due, batch by batch."""
        bodies = list(self._bodies())
        for raw in bodies[:_ONE_BY_ONE]:
            _timed(times["store"], partial(self._intake.add, stored.as_event(raw)))
        stored.store(self._engine, bodies[_ONE_BY_ONE:])
        _timed(times["fold"], self._folder.fold)
        while _timed(times["claim"], self._deliverer.claim):
            self._deliverer.await_answers()
            _timed(times["settle"], self._deliverer.settle)
        times["claim"].pop()  # it found nothing

    def close(self) -> None:
        """End its threads and connections."""
        self._deliverer.end()
        self._engine.dispose()

    def _bodies(self) -> Iterator[bytes]:
        for each in range(BATCH):
            self._number += 1
            is_new = each < BATCH * _NEW
            incident = f"N{self._number:013}" if is_new else bulk.name(self._random.randint(2, self._size))
            yield body(self._number, incident, STEPS[1], title=f"Disk {self._number} is nearly full")


def _timed(times: list[float], step: Callable[[], object]) -> object:
    begun = time.perf_counter()
    done = step()
    times.append((time.perf_counter() - begun) * 1000)
    return done
