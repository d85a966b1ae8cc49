"""Times as the vendors read and write them; in between, all are milliseconds since the epoch."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

SECOND = 1_000
MINUTE = 60 * SECOND
DAY = 1_440 * MINUTE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def zone_of(name: str) -> tzinfo:
    """Return the zone of an IANA name; ValueError if there is none."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (OSError, LookupError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone that this machine knows") from error


def parse(value: Any, zone: tzinfo = UTC) -> int:
    """Return the milliseconds that an ISO text or a number of them says; ValueError if neither.

    A text without an offset is taken in `zone`.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a time")  # noqa: TRY004  one kind of error for all bad times
    at = datetime.fromisoformat(value)
    return ((at if at.tzinfo else at.replace(tzinfo=zone)) - _EPOCH) // timedelta(milliseconds=1)


def whole_seconds(ms: int) -> str:
    """Return `2026-03-01T10:15:30Z`, as PagerDuty writes times."""
    return f"{_at(ms // SECOND * SECOND):%Y-%m-%dT%H:%M:%SZ}"


def shortest(ms: int) -> str:
    """Return `2026-03-01T10:15:30.12Z`: as many digits as there is something to tell, as Opsgenie does."""
    fraction = f"{ms % SECOND:03}".rstrip("0")
    return whole_seconds(ms).replace("Z", f".{fraction}Z" if fraction else "Z")


def in_zone(ms: int, zone: tzinfo) -> str:
    """Return `2026-03-01T05:15:30-05:00`, or with Z in UTC."""
    return _at(ms, zone).isoformat(timespec="seconds").replace("+00:00", "Z")


def without_colon(ms: int, zone: tzinfo) -> str:
    """Return `2026-03-01T10:15:30.123+0100`, as Jira writes times."""
    at = _at(ms, zone)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % SECOND:03}{at:%z}"


def _at(ms: int, zone: tzinfo = UTC) -> datetime:
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
