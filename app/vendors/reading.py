"""What reading a vendor's REST API gives: pages of records, each as its mapper's `from_api` takes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mappers.observation import Nanoseconds

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and where to go on after them; `upto` tells how far in time reading has come."""

    records: Sequence[Body]
    cursor: str
    upto: Nanoseconds


class VendorError(Exception):
    """A vendor's API cannot be read; the text says what to do."""


class Note(str):
    """What is worth knowing, and may be just as it is meant to be."""

    __slots__ = ()


class Reader(Protocol):
    """Reads one vendor's REST API; every method raises VendorError."""

    def history(self, since: Nanoseconds, until: Nanoseconds, cursor: str = "") -> Iterator[Page]:
        """Read all that was created from `since` to before `until`, oldest first; go on after a page's cursor."""

    def changed(self, cursor: str = "") -> Iterator[Page]:
        """Read what has changed since the cursor of the last run's last page; without one, only give a cursor."""

    def record(self, vendor_id: str, kind: str) -> Body | None:
        """Read one incident or alert; None where the vendor knows none such."""

    def problems(self) -> Iterator[str]:
        """Tell what is wrong with the access, or with the webhooks that the vendor is to send; or a Note."""
