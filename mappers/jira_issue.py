"""What an issue of Jira says of itself, in a webhook and in a record of the REST API alike."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import INCLUDE, fields, missing

from mappers.fields import Identifier, Instant, Lenient, Text, VendorSchema
from mappers.observation import Service, Value

FIELDS = {"summary": "name", "priority": "priority", "labels": "tags", "issuetype": "incident_type"}
AFFECTED = "affectedservices"
_CUSTOM, _SERVICE_ID = "customfield_", "ari:cloud:graph::service/"
_SITE = re.compile(
    r"(https?://([^\s\x00-\x1f/?#@:]+)(?::\d+)?(?:/[^\s\x00-\x1f?#]*?)?)/rest/", re.IGNORECASE | re.ASCII
)
_GATEWAY = "api.atlassian.com"  # serves every site's API and shows no page
_KEY = re.compile(r"[a-z][a-z0-9_]*-\d+", re.IGNORECASE | re.ASCII)


class IssueId(Identifier):
    """An issue's id: digits, as a text or as a number."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        number = isinstance(value, int) and not isinstance(value, bool)
        return super()._deserialize(str(value) if number else value, *args, **kwargs)


class Within(fields.Field[str | None]):
    """A text inside an object; null in place of the object is None, anything else counts as not given."""

    def __init__(self, *path: str) -> None:
        super().__init__(allow_none=True)
        self._path = path

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        for key in self._path:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, str) and value.strip() else missing


class Labels(fields.Field[tuple[str, ...] | None]):
    """A list of labels; null and an empty list are None, anything but a list counts as not given."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, list):
            return missing
        return tuple(label for label in value if isinstance(label, str) and label.strip()) or None


class IssueFields(VendorSchema):
    """What an issue says of itself."""

    class Meta:
        """Custom fields are kept: which of them holds the affected services differs from site to site."""

        unknown = INCLUDE

    created = Instant()
    resolutiondate = Instant()
    summary = Lenient(Text())
    priority = Within("name")
    issuetype = Within("name")
    labels = Labels(allow_none=True)
    status = Within("statusCategory", "key")


class Issue(VendorSchema):
    """The issue; `self` is its address in the API of its site."""

    id = IssueId(required=True)
    key = Lenient(Text())
    self = Lenient(Text())
    told = fields.Nested(IssueFields, data_key="fields", load_default=dict, allow_none=True)


def told_of(issue: Mapping[str, Any], site: str = "") -> dict[str, Value | None]:
    """Return the fields that an issue carries; `site` is where its page is, should `self` not tell."""
    told = issue["told"] or {}
    return (
        {name: told[key] for key, name in FIELDS.items() if key in told}
        | _page(issue, site)
        | _services(told)
    )


def is_over(told: Mapping[str, Any]) -> bool:
    """Tell whether an issue's fields show it resolved."""
    return told.get("resolutiondate") is not None or category(told) == "done"


def category(told: Mapping[str, Any]) -> str:
    """Return the category of the issue's status, in lower case: new, indeterminate or done; "" if not told."""
    return (told.get("status") or "").lower()


def _page(issue: Mapping[str, Any], site: str) -> dict[str, Value | None]:
    """Find the issue's page: on the site whose API `self` names."""
    named, key = _SITE.match(issue.get("self") or ""), issue.get("key") or ""
    base = named[1] if named and named[2].lower() != _GATEWAY else site
    return {"source_url": f"{base}/browse/{key}"} if base and _KEY.fullmatch(key) else {}


def _services(told: Mapping[str, Any]) -> dict[str, Value | None]:
    """Read the affected services, where an issue carries them.

    No captured delivery shows them. They are read from a field of that name, and from each custom field
    that lists objects with ids of services; only the field of that name can tell that none is left.
    """
    found = service_fields(told)
    services = tuple(each for listed in found.values() for each in _listed(listed))
    cleared = any(listed in (None, []) for listed in found.values())
    return {"services": services or None} if services or cleared else {}


def service_fields(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that list affected services, by their keys."""
    return {
        key: value
        for key, value in told.items()
        if plain(key) == AFFECTED or (key.startswith(_CUSTOM) and _lists_services(value))
    }


def _lists_services(value: Any) -> bool:
    listed = objects_in(value)
    return bool(listed) and all(str(each.get("id")).startswith(_SERVICE_ID) for each in listed)


def _listed(services: Any) -> Iterator[Service]:
    for each in objects_in(services):
        service = Service(text_in(each, "id"), text_in(each, "name", "displayName", "value"))
        if service.id or service.name:
            yield service


def objects_in(listed: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; anything but a list has none."""
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def text_in(told: Mapping[str, Any], *keys: str) -> str | None:
    """Return the first text under these keys that is not blank."""
    texts = (told[key] for key in keys if isinstance(told.get(key), str))
    return next(filter(str.strip, texts), None)


def plain(name: str) -> str:
    """Return the name of a field without blanks, in lower case."""
    return re.sub(r"\s", "", name).lower()
