"""Reading in order of time past a vendor's limit on offsets: each question begins where the last answer ended."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.vendors.reading import Body
from mappers.observation import Nanoseconds


@dataclass(frozen=True, slots=True)
class Item:
    """A record with its id and the time by which the vendor orders it."""

    id: str
    at: Nanoseconds
    record: Body


Ask = Callable[[Nanoseconds, int], tuple[Sequence[Item], bool]]
"""Asks for the items from a time on (or back), after an offset; also tells whether there are more."""


def walk(ask: Ask, bound: Nanoseconds, *, newest_first: bool = False) -> Iterator[list[Item]]:
    """Give the items of each answer in the vendor's order, none twice.

    The next question begins at the time of the last item, whose neighbours of the same time come again.
    Only where that does not lead on (a whole answer of one time) does the offset grow.
    """
    offset, known = 0, frozenset[str]()
    while True:
        items, more = ask(bound, offset)
        yield [item for item in items if item.id not in known]
        if not more or not items:
            return
        last = items[-1].at
        same = frozenset(item.id for item in items if item.at == last)
        if last < bound if newest_first else last > bound:
            bound, offset, known = last, 0, same
        else:
            offset, known = offset + len(items), same | known
