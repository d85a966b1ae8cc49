"""Jira's REST API: the issues that are incidents.

JQL reads absolute times in the account's zone and to the minute, so it is asked by how many minutes ago,
a minute more than needed, and what comes is chosen here.
Source: developer.atlassian.com, Jira Cloud platform REST API v3, issue search.
"""

from collections.abc import Iterator, Sequence

import orjson

from app.document import timestamp
from app.vendors.asking import OVERLAP, allowed, at_path, end, found, refusals, stamp
from app.vendors.client import Answer, Client, Wait, retry_after, time_of
from app.vendors.reading import Body, Page, VendorError
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

_SEARCH, _ISSUE = "/rest/api/3/search/jql", "/rest/api/3/issue"
_FIELDS = "*all,-comment,-worklog,-attachment"
_MINUTE = 60 * SECOND
_SAME = "Jira gives the same page again and again: try again later"


class Jira:
    """Reads one site; `site` is where its pages are, "" if that is not known."""

    WAIT: Wait = staticmethod(retry_after)

    def __init__(self, client: Client, issue_types: Sequence[str], site: str = "") -> None:
        self._client, self._wanted, self._site = client, tuple(issue_types), site
        self._types: tuple[str, ...] = ()
        self._ahead: Nanoseconds = 0

    def history(self, since: Nanoseconds, until: Nanoseconds, cursor: str = "") -> Iterator[Page]:
        """Read the issues created in this time; a minute before the cursor comes again."""
        self._begin()
        upto = begin = max(since, time_of(cursor) - _MINUTE) if cursor else since
        before = self._minutes(until) - 3
        bound = f' AND created <= "-{before}m"' if before > 0 else ""
        for issues, answer in self._search(f'created >= "-{self._minutes(begin)}m"{bound}', "created ASC"):
            times = [time_of(each["fields"]["created"]) for each in issues]
            chosen = [each for each, at in zip(issues, times, strict=True) if begin <= at < until]
            upto = max([upto, *(at for at in times if at < until)])
            yield Page([self._record(each, answer) for each in chosen], stamp(upto), upto)

    def changed(self, cursor: str = "") -> Iterator[Page]:
        """Read the issues updated since the last run, latest first: what is updated meanwhile is for the next."""
        first = self._begin().read_at
        if cursor:
            yield from self._updated(time_of(cursor) - OVERLAP)
        yield end(first)

    def record(self, vendor_id: str, kind: str) -> Body | None:  # noqa: ARG002 - there are no alerts here
        """Read one issue."""
        answer = found(self._client, at_path(_ISSUE, vendor_id), {"fields": _FIELDS})
        return self._record(answer.body, answer) if answer else None

    def problems(self) -> Iterator[str]:
        """Tell whether issues can be searched."""
        yield from refusals(self._begin)

    def _updated(self, since: Nanoseconds) -> Iterator[Page]:
        seen = set[str]()
        for issues, answer in self._search(f'updated >= "-{self._minutes(since)}m"', "updated DESC"):
            fresh = [
                each
                for each in issues
                if each["id"] not in seen and time_of(each["fields"]["updated"]) >= since
            ]
            seen.update(each["id"] for each in fresh)
            yield Page([self._record(each, answer) for each in fresh], "", answer.read_at)

    def _begin(self) -> Answer:
        """Learn the vendor's time, and which of the types the site has: a search by another is refused."""
        self._types = self._wanted
        answer = allowed(self._client, _SEARCH, _probe(*self._wanted))
        if answer is None:
            known = (each for each in self._wanted if allowed(self._client, _SEARCH, _probe(each)))
            self._types = tuple(known) or self._wanted
            answer = self._client.get(_SEARCH, _probe(*self._types))
        self._ahead = answer.read_at - self._client.now()
        return answer

    def _minutes(self, at: Nanoseconds) -> int:
        """Return how many minutes ago a time was by the vendor's clock, generously."""
        return max(0, (self._client.now() + self._ahead - at) // _MINUTE) + 2

    def _search(self, condition: str, order: str) -> Iterator[tuple[list[Body], Answer]]:
        jql = f"{_jql(self._types, condition)} ORDER BY {order}"
        query = {"jql": jql, "fields": _FIELDS, "maxResults": "100"}
        while True:
            answer = self._client.get(_SEARCH, query)
            yield answer.body["issues"], answer
            token = answer.body.get("nextPageToken")
            if not token:
                return
            if token == query.get("nextPageToken"):
                raise VendorError(_SAME)
            query["nextPageToken"] = token

    def _record(self, issue: Body, answer: Answer) -> Body:
        told = {key: issue[key] for key in ("id", "key", "self", "fields") if key in issue}
        return {"read_at": timestamp(answer.read_at), "issue": told, "site": self._site}


def _probe(*types: str) -> dict[str, str]:
    return {"jql": _jql(types, 'updated >= "-1m"'), "maxResults": "1"}


def _jql(types: Sequence[str], condition: str) -> str:
    return f"issuetype in ({', '.join(orjson.dumps(each).decode() for each in types)}) AND {condition}"
