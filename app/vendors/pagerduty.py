"""PagerDuty's REST API: incidents by creation time; the log for what changed and who acknowledged when.

Plain requests and not the vendor's `pagerduty` client: it stops with a warning at the limit of 10,000
records, waits by a fixed formula instead of `ratelimit-reset`, and brings a second HTTP stack along.
Source: the vendor's OpenAPI; developer.pagerduty.com on rate limits and pagination.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.document import timestamp
from app.vendors.client import Answer, Client, NotFoundError, Wait, retry_after, time_of
from app.vendors.reading import Body, Page
from app.vendors.subscriptions import problems
from app.vendors.window import Item, walk
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

ACCEPT = "application/vnd.pagerduty+json;version=2"
_LIMIT = 100
_DAY = 86_400 * SECOND
_CHUNK, _LONGEST = 7 * _DAY, 150 * _DAY
"""The vendor takes six months at most in one question; its log of a week is kept in memory."""
_OVERLAP = 60 * SECOND
"""The log may show an entry a little late."""


def wait(headers: Mapping[str, str], status: int) -> float | None:
    """Return the seconds until calls are left again; a 429 comes without the headers at times."""
    if status != 429 and headers.get("ratelimit-remaining") != "0":
        return None
    reset = headers.get("ratelimit-reset", "")
    return float(reset) if reset.isdecimal() else retry_after(headers)


class PagerDuty:
    """Reads one account."""

    WAIT: Wait = staticmethod(wait)

    def __init__(self, client: Client, source: str = "pagerduty") -> None:
        self._client, self._source = client, source

    def history(self, since: Nanoseconds, until: Nanoseconds, cursor: str = "") -> Iterator[Page]:
        """Read the incidents created in this time, week by week; acknowledgements come from the log, up to a day later.

        `since` and `until` are always given with their zone: without one the vendor takes the account's.
        """
        begin = time_of(cursor) if cursor else since
        while begin < until:
            end = min(until, begin + _CHUNK)
            acknowledged: dict[str, str] = {}
            for entries, _ in self._log(begin, end + _DAY):
                acknowledged |= _acknowledged(entries)  # newest first: the first one stays
                yield Page([], timestamp(begin), begin)
            for items, answer in self._created(begin, end):
                begin = items[-1].at if items else begin
                records = [_record(item.record, answer, acknowledged.get(item.id)) for item in items]
                yield Page(records, timestamp(begin), begin)
            begin = end

    def changed(self, cursor: str = "") -> Iterator[Page]:
        """Read the incidents that the log names since the last run, as they are now."""
        if not cursor:
            yield _end(self._client.get("/log_entries", {"limit": 1, "time_zone": "UTC"}).read_at)
            return
        seen, newest = set[str](), 0
        for items, answer in self._log(time_of(cursor) - _OVERLAP, self._client.now() + _DAY, "incidents"):
            newest = newest or answer.read_at
            incidents = {item.record["incident"]["id"]: item.record["incident"] for item in items}
            acknowledged = _acknowledged(items)
            fresh = [
                _record(each, answer, acknowledged.get(id_))
                for id_, each in incidents.items()
                if id_ not in seen
            ]
            seen |= incidents.keys()
            yield Page(fresh, "", answer.read_at)
        yield _end(newest)

    def record(self, vendor_id: str, kind: str) -> Body | None:  # noqa: ARG002 - there are no alerts here
        """Read one incident."""
        try:
            answer = self._client.get(f"/incidents/{vendor_id}", {"include[]": ["priorities"]})
        except NotFoundError:
            return None
        return _record(answer.body["incident"], answer)

    def problems(self) -> Iterator[str]:
        """Tell which webhook subscriptions are disabled, or lack event types."""
        return problems(self._client, self._source)

    def _created(self, since: Nanoseconds, until: Nanoseconds) -> Iterator[tuple[list[Item], Answer]]:
        query: dict[str, Any] = {"until": timestamp(until), "sort_by": "created_at:asc"}
        query["include[]"] = ["priorities"]
        return self._walk("incidents", since, lambda begin: {**query, "since": timestamp(begin)})

    def _log(
        self, since: Nanoseconds, until: Nanoseconds, *include: str
    ) -> Iterator[tuple[list[Item], Answer]]:
        """Read the account's log, newest first, as it comes; so the end of the window moves back."""
        since = max(since, until - _LONGEST)
        query = {"since": timestamp(since), "is_overview": "true", "include[]": list(include)}
        return self._walk(
            "log_entries",
            until,
            lambda end: {**query, "until": timestamp(end + SECOND)},
            newest_first=True,
        )

    def _walk(
        self, what: str, bound: Nanoseconds, query: Any, *, newest_first: bool = False
    ) -> Iterator[tuple[list[Item], Answer]]:
        answers: list[Answer] = []

        def ask(bound: Nanoseconds, offset: int) -> tuple[list[Item], bool]:
            page = {"limit": _LIMIT, "offset": offset, "time_zone": "UTC"}
            answers[:] = [self._client.get(f"/{what}", {**query(bound), **page})]
            body = answers[0].body
            return [Item(each["id"], time_of(each["created_at"]), each) for each in body[what]], body["more"]

        for items in walk(ask, bound, newest_first=newest_first):
            yield items, answers[0]


def _end(at: Nanoseconds) -> Page:
    return Page([], timestamp(at), at)


def _acknowledged(entries: Iterable[Item]) -> dict[str, str]:
    """Return when each incident was first acknowledged; a resolved one does not tell any more."""
    of_type = (each.record for each in entries if each.record["type"].startswith("acknowledge_log_entry"))
    return {
        each["incident"]["id"]: each["created_at"] for each in of_type
    }  # newest first: the first one stays


def _record(incident: Body, answer: Answer, acknowledged_at: str | None = None) -> Body:
    told = {"read_at": timestamp(answer.read_at), "incident": incident}
    return told | ({"acknowledged_at": acknowledged_at} if acknowledged_at else {})
