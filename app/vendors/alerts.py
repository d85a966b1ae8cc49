"""Alerts of Opsgenie and of Jira Service Management Operations: listed, then read one by one.

Only a single alert shows its details, and with them its service and the incident that spawned it.
"""

from collections.abc import Iterator, Mapping, Sequence

from app.document import timestamp
from app.vendors.asking import at_path, found
from app.vendors.client import Answer, Client
from app.vendors.lists import Listing, Names, created, updated
from app.vendors.reading import Body
from app.vendors.window import Item
from mappers.observation import Nanoseconds
from mappers.opsgenie_alert import incident_of


class Alerts:
    """Reads the alerts of one account; `wrapped` is the key under which a single alert is given, if any."""

    def __init__(self, client: Client, listing: Listing, teams: Names, wrapped: str = "") -> None:
        self._client, self._listing, self._teams, self._wrapped = client, listing, teams, wrapped

    def glance(self) -> Answer:
        """Read as little as there is, to see that it can be read, and when."""
        return self._client.get(self._listing.path, {self._listing.size: 1})

    def history(self, since: Nanoseconds, until: Nanoseconds) -> Iterator[tuple[Sequence[Body], Nanoseconds]]:
        """Read those created from `since` to before `until`, with how far in time each page has come."""
        for items, _ in created(self._client, self._listing, since, until):
            since = items[-1].at if items else since
            yield self._records(items), since

    def changed(self, since: Nanoseconds) -> Iterator[tuple[Sequence[Body], Answer]]:
        """Read those updated since, with the answers that named them."""
        for items, answer in updated(self._client, self._listing, since):
            yield self._records(items), answer

    def one(self, vendor_id: str) -> Body | None:
        """Read one alert; None where there is none."""
        answer = found(self._client, at_path(self._listing.path, vendor_id))
        if answer is None:
            return None
        alert = answer.body[self._wrapped] if self._wrapped else answer.body
        teams = self._teams.of([*team_ids(alert), alert.get("ownerTeamId")])
        return {"read_at": timestamp(answer.read_at), "alert": alert, "teams": teams}

    def _records(self, items: Sequence[Item]) -> list[Body]:
        alone = (item for item in items if not incident_of({"alias": item.record.get("alias")}))
        return [body for item in alone if (body := self.one(item.id))]


def team_ids(record: Mapping[str, object]) -> list[str]:
    """Return the ids of the teams that respond to an alert or incident."""
    responders = record.get("responders")
    listed = responders if isinstance(responders, list) else []
    return [each["id"] for each in listed if each.get("type") == "team" and each.get("id")]
