"""Fold: events of whole lifecycles, shuffled, so that hardly two of an incident meet in one batch."""

from collections.abc import Iterator

from tests.bench.bodies import STEPS, lifecycles
from tests.bench.companion import apart
from tests.bench.context import STORES, Context
from tests.bench.rows import Row, at_least
from tests.bench.servers import log_file
from tests.bench.stored import WARM_UP, fold_all, shuffled


def measure(context: Context) -> Iterator[Row]:
    """Fold so many events a round on each store; PostgreSQL's own processor time is not counted."""
    number = context.pick(10_000, 400) + WARM_UP
    urls = {store: context.database(store) for store in STORES}
    found: dict[str, list[tuple[float, float]]] = {store: [] for store in STORES}
    for each in context.rounds("fold"):
        bodies = shuffled(lifecycles(1 + each * number, number // len(STEPS)))
        for store in STORES:
            log = log_file(f"fold {store}", context.folder)
            found[store].append(apart(fold_all, urls[store], "https://acme.example.com", bodies, log=log))
    for store in STORES:
        rates = tuple(1 / seconds for seconds, _ in found[store])
        yield Row(f"fold: {store}", "events/s", rates, aims=(at_least(5000),))
    for store in STORES:
        yield Row(f"fold, CPU: {store}", "µs/event", tuple(cpu * 1e6 for _, cpu in found[store]))
