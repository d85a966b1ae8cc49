"""Time of a batch with a long past in the store, against a short one."""

from collections.abc import Iterator

from tests.bench import past
from tests.bench.bulk import fill
from tests.bench.companion import apart
from tests.bench.context import SQLITE, STORES, Context
from tests.bench.rows import Row, at_most, compared
from tests.bench.servers import log_file
from tests.bench.tell import tell

_AIM = at_most(1.3, "ratio")


def measure(context: Context) -> Iterator[Row]:
    """Time batches on stores of each size; PostgreSQL's largest is left out, but for the full form."""
    sizes = context.pick((1_000, 100_000, 1_000_000), (1_000, 5_000))
    for store in STORES:
        chosen = sizes if context.form.full or store == SQLITE else sizes[:2]
        log = log_file(f"history {store}", context.folder)
        urls = {size: _fill(context, store, size) for size in chosen}
        tell(f"history: {store}, {context.form.rounds} rounds")
        yield from _rows(store, apart(past.rounds, urls, context.form.rounds, log=log))


def _fill(context: Context, store: str, size: int) -> str:
    tell(f"history: {store}, {size:,} incidents")
    url = context.database(store)
    apart(fill, url, size, log=log_file(f"history {store}", context.folder))
    return url


def _rows(store: str, found: dict[int, past.Times]) -> Iterator[Row]:
    smallest, *others = found
    for step in past.STEPS_TIMED:
        aims = () if step == "store" else (_AIM,)
        base = Row(f"history, {step}: {store}, {smallest:,} incidents", "ms", tuple(found[smallest][step]))
        yield base
        for size in others:
            what = f"history, {step}: {store}, {size:,} incidents"
            yield compared(what, "ms", found[size][step], base, *aims)
