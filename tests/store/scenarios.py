"""All short histories of one incident: what its document became, how each call ended, and when.

A letter stands for a document, a dash for an incident that DX should not hold.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from app.document import Document
from app.store.claims import Claim
from tests.store.dx import CONFIRMED, REFUSED, TIMEOUT, TIMEOUT_APPLIED, TIMEOUT_LATE, FakeDX, Outcome

ENDS: dict[str, Outcome | None] = {
    "confirmed": CONFIRMED,
    "refused": REFUSED,
    "lost": TIMEOUT,
    "lost, applied": TIMEOUT_APPLIED,
    "lost, applied late": TIMEOUT_LATE,
    "crash before": None,
    "crash after": CONFIRMED,
    "frozen": None,
    "frozen long": None,
}
DEFINITE = ("confirmed", "refused", "crash before")
GONE = "-"


@dataclass(slots=True)
class Scenario:
    """One history, played with an incident of its own."""

    name: str
    documents: str
    ends: tuple[str, ...]
    """How the call for each document ends, if there is one."""
    under: tuple[bool, ...]
    """Whether each call but the last is still under way when its document changes."""
    calls: list[str] = field(default_factory=list)
    open: tuple[Claim, int, str] | None = None
    """The call under way: its claim, its round, and how it will end."""
    frozen: list[tuple[Claim, int]] = field(default_factory=list)
    """Claims of frozen processes, each with the round in which it goes on."""

    newest: int = 0
    """How many changes there have been."""

    def document(self) -> Document:
        """Return the newest document; each has a key that the others lack."""
        letter = self.documents[self.newest]
        return Document(self.name, "2026-01-01T00:00:00Z", None, {"name": letter, f"only_{letter}": 1})

    def is_gone(self) -> bool:
        """Whether DX should hold nothing by now."""
        return self.documents[self.newest] == GONE

    def end(self, number: int) -> str:
        """Return how the call of a round ends; after the last document's, every call is confirmed."""
        return self.ends[number] if number < len(self.ends) else "confirmed"

    def ends_at_once(self, number: int) -> bool:
        """Whether the call of a round ends before the next change."""
        return number >= len(self.under) or not self.under[number]

    def most_calls(self) -> int:
        """One for each change, one for each doubt (a frozen call gives two), one for an operator's wish.

        Until a document has been wished for there is nothing to delete.
        """
        doubts = sum(end not in DEFINITE for end in self.calls) + self.calls.count("frozen")
        return len(self.documents.lstrip(GONE)) + doubts + ("refused" in self.calls)

    def holds_newest(self, dx: FakeDX) -> bool:
        """Whether DX shows the last document and nothing of the others; nothing at all where it is gone."""
        held, last = dx.incidents.get(self.name), self.documents[-1]
        if held is None or last == GONE:
            return held is None and last == GONE
        return {key: held[key] for key in held if key.startswith(("name", "only"))} == {
            "name": last,
            f"only_{last}": 1,
        }


def scenarios(documents: tuple[str, ...], ends: tuple[str, ...] = tuple(ENDS)) -> Iterator[Scenario]:
    """Yield every history with these documents."""
    for letters in documents:
        unders = list(product((False, True), repeat=len(letters) - 1))
        for chosen, under in product(product(ends, repeat=len(letters)), unders):
            name = f"{letters} {' / '.join(chosen)} {''.join('+' if each else '-' for each in under)}"
            yield Scenario(name, letters, chosen, under)


def all_scenarios() -> list[Scenario]:
    """Return every history of up to three documents; SOAK=1 leaves out none of the longest ones.

    For DX a crash before the call is a lost call, and a crash after it a lost answer; and a third
    document tells less than a return to the first.
    """
    if os.environ.get("SOAK"):
        return list(scenarios(("A", "AB", "ABA", "ABC", "A-", "-A", "A-A", "A-B", "AB-", "-A-", "A--")))
    fewer = tuple(end for end in ENDS if end not in ("crash before", "crash after", "frozen long"))
    found = [
        *scenarios(("A", "AB", "A-", "-A")),
        *scenarios(("ABA", "A-B"), fewer),
        *scenarios(("ABC", "A-A", "AB-"), ("confirmed", "refused", "lost, applied late", "frozen")),
        *scenarios(("A-B", "A--", "-A-"), _LATE),
        *scenarios(("A-B-", "AB-A", "A--B"), ("confirmed", "frozen long")),
    ]
    return list({each.name: each for each in found}.values())


def short_scenarios() -> list[Scenario]:
    """Return every history of up to two documents, and those in which an incident is gone for long, or comes back."""
    return [*scenarios(("A", "AB", "A-")), *scenarios(("A-B", "A--"), _LATE)]


_LATE = ("confirmed", "lost, applied late", "frozen long")
