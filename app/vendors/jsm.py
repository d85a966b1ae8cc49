"""Jira Service Management Operations' REST API: alerts; its incidents are issues of Jira.

Source: developer.atlassian.com, JSM Operations REST API.
"""

from collections.abc import Iterator

from app.vendors.alerts import Alerts
from app.vendors.asking import OVERLAP, end, refusals, stamp
from app.vendors.client import Client, Wait, retry_after, time_of
from app.vendors.lists import Listing, Names
from app.vendors.reading import Body, Page
from mappers.observation import Nanoseconds

_ALERTS = Listing("/v1/alerts", "size", "values", "links")
_TEAMS = Listing("/v1/teams", "size", "platformTeams", "links", "teamId", "teamName")


class JSM:
    """Reads one site."""

    WAIT: Wait = staticmethod(retry_after)

    def __init__(self, client: Client) -> None:
        self._client = client
        self._forget()

    def history(self, since: Nanoseconds, until: Nanoseconds, cursor: str = "") -> Iterator[Page]:
        """Read the alerts created in this time."""
        self._forget()
        begin = time_of(cursor) if cursor else since
        for bodies, upto in self._alerts.history(begin, until):
            yield Page(bodies, stamp(upto), upto)

    def changed(self, cursor: str = "") -> Iterator[Page]:
        """Read the alerts updated since the last run."""
        self._forget()
        first = self._alerts.glance().read_at
        if cursor:
            for bodies, answer in self._alerts.changed(time_of(cursor) - OVERLAP):
                yield Page(bodies, "", answer.read_at)
        yield end(first)

    def record(self, vendor_id: str, kind: str) -> Body | None:
        """Read one alert; the incident that alerts speak of is not to be read here."""
        return self._alerts.one(vendor_id) if kind == "alert" else None

    def problems(self) -> Iterator[str]:
        """Tell whether alerts can be read."""
        yield from refusals(self._alerts.glance)

    def _forget(self) -> None:
        """Begin anew with names: between two runs, teams get others."""
        self._alerts = Alerts(self._client, _ALERTS, Names(self._client, _TEAMS, single=False))
