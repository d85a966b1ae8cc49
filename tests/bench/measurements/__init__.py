"""One module a measurement, each with `measure(context) -> Iterator[Row]`; in the order in which they run."""

from collections.abc import Callable, Iterator

from tests.bench.context import Context
from tests.bench.measurements import accept, drain, fold, history, latency, mapping, memory, outage, start
from tests.bench.rows import Row

MEASUREMENTS: dict[str, Callable[[Context], Iterator[Row]]] = {
    "accept": accept.measure,
    "fold": fold.measure,
    "map": mapping.measure,
    "latency": latency.measure,
    "drain": drain.measure,
    "outage": outage.measure,
    "history": history.measure,
    "memory": memory.measure,
    "start": start.measure,
}
