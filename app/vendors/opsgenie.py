"""Opsgenie's REST API: incidents, and the alerts that no incident spawned.

Sources: docs.opsgenie.com on the Incident, Service, Team and Alert APIs, and on rate limiting.
"""

from collections.abc import Iterator, Mapping

from app.document import timestamp
from app.vendors.alerts import Alerts, team_ids
from app.vendors.asking import OVERLAP, allowed, at_path, end, found, refusals, stamp
from app.vendors.client import Answer, Client, Wait, retry_after, time_of
from app.vendors.lists import Listing, Names, Pages, created
from app.vendors.reading import Body, Page
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

_INCIDENTS, _ALERTS = Listing("/v1/incidents"), Listing("/v2/alerts")
_SERVICES, _TEAMS = Listing("/v1/services"), Listing("/v2/teams")
_DAY = 86_400 * SECOND
_WITHOUT = "Opsgenie gives alerts, but no incidents: their API needs a key of the whole account, and a plan with incidents"


def wait(headers: Mapping[str, str], status: int) -> float | None:
    """Return the seconds until calls are taken again: those of `Retry-After`, else the limit's whole period."""
    if status != 429:
        return None
    asked, period = retry_after(headers), headers.get("X-RateLimit-Period-In-Sec", "")
    return float(period) if asked is None and period.isdecimal() else asked


class Opsgenie:
    """Reads one account."""

    WAIT: Wait = staticmethod(wait)

    def __init__(self, client: Client) -> None:
        self._client = client
        self._forget()

    def history(self, since: Nanoseconds, until: Nanoseconds, cursor: str = "") -> Iterator[Page]:
        """Read the incidents created in this time, then the alerts; a cursor tells how far each has come."""
        self._forget()
        begun = [time_of(time) for time in cursor.split()] or [since, since]
        incidents, alerts = begun
        for items, answer in self._incidents(incidents, until):
            incidents = items[-1].at if items else incidents
            records = [self._record(item.record, answer) for item in items]
            yield Page(records, f"{stamp(incidents)} {stamp(alerts)}", incidents)
        for bodies, upto in self._alerts.history(alerts, until):
            yield Page(bodies, f"{stamp(incidents)} {stamp(upto)}", upto)

    def changed(self, cursor: str = "") -> Iterator[Page]:
        """Read the open incidents, those created since, and the alerts updated since.

        Incidents cannot be listed by their last change, so one that was open has to be read by its id.
        """
        self._forget()
        first = self._alerts.glance().read_at
        if not cursor:
            yield end(first)
            return
        since, seen = time_of(cursor) - OVERLAP, set[str]()
        until = self._client.now() + _DAY
        for pages in (self._incidents(since, until), self._incidents(0, until, " AND status:open")):
            for items, answer in pages:
                fresh = [item for item in items if item.id not in seen]
                seen.update(item.id for item in fresh)
                yield Page([self._record(item.record, answer) for item in fresh], "", answer.read_at)
        for bodies, answer in self._alerts.changed(since):
            yield Page(bodies, "", answer.read_at)
        yield end(first)

    def record(self, vendor_id: str, kind: str) -> Body | None:
        """Read one incident or alert."""
        if kind == "alert":
            return self._alerts.one(vendor_id)
        answer = found(self._client, at_path(_INCIDENTS.path, vendor_id))
        return self._record(answer.body["data"], answer) if answer else None

    def problems(self) -> Iterator[str]:
        """Tell whether alerts and incidents can be read."""
        refused = refusals(self._alerts.glance)
        yield from refused
        if not refused:
            yield from refusals(self._gives_incidents)
            if self._has_incidents is False:
                yield _WITHOUT

    def _forget(self) -> None:
        """Begin anew: between two runs, teams and services get other names, and the plan may change."""
        self._has_incidents: bool | None = None
        self._services = Names(self._client, _SERVICES)
        self._teams = Names(self._client, _TEAMS)
        self._alerts = Alerts(self._client, _ALERTS, self._teams, "data")

    def _incidents(self, since: Nanoseconds, until: Nanoseconds, also: str = "") -> Pages:
        if self._gives_incidents():
            yield from created(self._client, _INCIDENTS, since, until, also)

    def _gives_incidents(self) -> bool:
        if self._has_incidents is None:
            self._has_incidents = allowed(self._client, _INCIDENTS.path, {"limit": 1}) is not None
        return self._has_incidents

    def _record(self, incident: Body, answer: Answer) -> Body:
        return {
            "read_at": timestamp(answer.read_at),
            "incident": incident,
            "services": self._services.of(incident.get("impactedServices") or ()),
            "teams": self._teams.of([incident.get("ownerTeam"), *team_ids(incident)]),
        }
