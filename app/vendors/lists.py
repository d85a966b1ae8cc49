"""Lists of records as Opsgenie gives them, and Jira Service Management Operations too.

An offset and a limit together stay below 20,000, so long lists are asked for by time.
Sources: docs.opsgenie.com on the Incident, Alert and Service APIs; developer.atlassian.com, JSM Operations API.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.vendors.asking import allowed, at_path, milliseconds
from app.vendors.client import Answer, Client, time_of
from app.vendors.reading import Body
from app.vendors.window import Item, walk
from mappers.observation import Nanoseconds

_LIMIT, _FURTHEST = 100, 20_000
_AGAIN = 10
"""So many are asked for twice, since a record that is deleted between two pages moves the rest up."""

Pages = Iterator[tuple[list[Item], Answer]]


@dataclass(frozen=True, slots=True)
class Listing:
    """Where a vendor lists records, and the keys of its answers."""

    path: str
    size: str = "limit"
    items: str = "data"
    links: str = "paging"
    id: str = "id"
    name: str = "name"

    def read(self, answer: Answer) -> tuple[list[Body], bool]:
        """Return the records of an answer, and whether there are more."""
        return answer.body[self.items], bool((answer.body.get(self.links) or {}).get("next"))

    def page(self, offset: int, **query: Any) -> dict[str, Any]:
        """Return the parameters of a page."""
        return {**query, "offset": offset, self.size: _LIMIT}


def created(
    client: Client, listing: Listing, since: Nanoseconds, until: Nanoseconds, also: str = ""
) -> Pages:
    """Read what was created from `since` to before `until`, oldest first; `also` is a further condition."""
    answers: list[Answer] = []

    def ask(bound: Nanoseconds, offset: int) -> tuple[list[Item], bool]:
        query = f"createdAt >= {milliseconds(bound)} AND createdAt < {milliseconds(until)}{also}"
        answers[:] = [
            client.get(listing.path, listing.page(offset, query=query, sort="createdAt", order="asc"))
        ]
        records, more = listing.read(answers[0])
        return [Item(each["id"], time_of(each["createdAt"]), each) for each in records], more

    for items in walk(ask, since):
        yield [item for item in items if since <= item.at < until], answers[0]


def updated(client: Client, listing: Listing, since: Nanoseconds) -> Pages:
    """Read what was updated since, latest first, none twice.

    What is updated meanwhile comes to the front, behind the reader's back: it belongs to the next run.
    A search by `updatedAt` is not documented, so it is used only where offsets end.
    """
    query: dict[str, str] = {"sort": "updatedAt", "order": "desc"}
    seen, offset = set[str](), 0
    while True:
        answer = client.get(listing.path, listing.page(offset, **query))
        records, more = listing.read(answer)
        items = [Item(each["id"], time_of(each["updatedAt"]), each) for each in records]
        yield [item for item in items if item.at >= since and item.id not in seen], answer
        if not more or not items or items[-1].at < since:
            return
        seen.update(item.id for item in items)
        offset += _LIMIT - _AGAIN
        if offset + _LIMIT >= _FURTHEST:
            query["query"], offset = f"updatedAt <= {milliseconds(items[-1].at)}", 0


class Names:
    """The names of services or teams by id, read when first needed; one that cannot be read has none."""

    def __init__(self, client: Client, listing: Listing, *, single: bool = True) -> None:
        self._client, self._listing, self._single = client, listing, single
        self._known: dict[str, str | None] | None = None

    def of(self, ids: Iterable[str | None]) -> dict[str, str]:
        """Return the names that are known, by id."""
        named = {id_: self._name(id_) for id_ in ids if id_}
        return {id_: name for id_, name in named.items() if name}

    def _name(self, id_: str) -> str | None:
        """Return a name; what was made after the list was read is read by itself."""
        if self._known is None:
            self._known = self._list()
        if id_ not in self._known and self._single:
            answer = allowed(self._client, at_path(self._listing.path, id_))
            self._known[id_] = answer.body[self._listing.items].get(self._listing.name) if answer else None
        return self._known.get(id_)

    def _list(self) -> dict[str, str | None]:
        named: dict[str, str | None] = {}
        while answer := allowed(self._client, self._listing.path, self._listing.page(len(named))):
            records, more = self._listing.read(answer)
            fresh = {each[self._listing.id]: each.get(self._listing.name) for each in records}
            if fresh.keys() <= named.keys() or not more:
                return named | fresh
            named |= fresh
        self._single = False
        return named
