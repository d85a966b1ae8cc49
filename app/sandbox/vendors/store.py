"""Records as ready-made JSON, found by id and in the order of their times."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

Json = dict[str, Any]
PLACE = "place"  # the order of records that have no times: by id


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its JSON, the numbers that it is ordered by (times in ms), and what filters ask about."""

    id: str
    raw: bytes
    keys: Mapping[str, int]
    facts: Mapping[str, Any]


class Records:
    """Rows of one kind; not safe for threads by itself."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows = {row.id: row for row in rows}
        orders = {key for row in self._rows.values() for key in row.keys}
        self._indices = {order: sorted(self._entries(order)) for order in orders}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def get(self, key: str) -> Row | None:
        """Return one row by its id."""
        return self._rows.get(key)

    def add(self, row: Row) -> None:
        """Put a row in, in the place of one with its id."""
        self.drop(row.id)
        self._rows[row.id] = row
        for order, value in row.keys.items():
            insort(self._indices.setdefault(order, []), (value, row.id, row))

    def drop(self, key: str) -> bool:
        """Take a row out; False if there is none."""
        row = self._rows.pop(key, None)
        for order, value in row.keys.items() if row else ():
            index = self._indices[order]
            del index[bisect_left(index, (value, key))]
        return row is not None

    def between(
        self, order: str, since: int | None = None, until: int | None = None, *, down: bool = False
    ) -> Iterator[Row]:
        """Give the rows whose number is at least `since` and below `until`, upwards or downwards."""
        index = self._indices.get(order, [])
        first = 0 if since is None else bisect_left(index, (since,))
        end = len(index) if until is None else bisect_left(index, (until,))
        span = range(first, end)
        return (index[place][2] for place in (reversed(span) if down else span))

    def _entries(self, order: str) -> Iterator[tuple[Any, ...]]:
        # Shorter tuples sort before longer ones that begin alike, so (value,) finds the first of a value.
        return ((row.keys[order], row.id, row) for row in self._rows.values() if order in row.keys)


def page(rows: Iterator[Row], offset: int, limit: int) -> tuple[list[Row], bool]:
    """Return the rows of one page, and whether there are more."""
    found = list(islice(rows, offset, offset + limit + 1))
    return found[:limit], len(found) > limit
