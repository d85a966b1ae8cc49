"""What vendors' JSON is read with: one base schema and a few tolerant marshmallow fields."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing

from mappers.observation import Nanoseconds, Unmappable

SECOND: Nanoseconds = 1_000_000_000
_EARLIEST = 946_684_800 * SECOND  # 2000-01-01: before every vendor; an epoch of 0 is no time
_LATEST = 4_102_444_800 * SECOND  # 2100-01-01
_T = TypeVar("_T")
_NUMBER = re.compile(r"\d{1,20}(\.\d{1,20})?(E\+?\d\d?)?", re.ASCII)
_PRINTABLE = re.compile(r"[^\x00-\x20\x7f]{1,255}")
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:?\d\d)", re.ASCII)


class VendorSchema(Schema):
    """Reads the keys it names and passes over the rest: vendors add keys at any time.

    Every nested schema derives from this one too: marshmallow does not hand `unknown` down.
    """

    class Meta:
        """Unknown keys are excluded."""

        unknown = EXCLUDE


class Plain(fields.Field[_T | None]):
    """A field that may be absent or null, without the defaults, validators and hooks that cost most of the time."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        """Return None for null, and what is read of any other value; raise ValidationError."""
        if value is not None and value is not missing:
            return self._deserialize(value, attr, data, **kwargs)
        if self.required and value is missing:
            raise self.make_error("required")
        return value


class Identifier(Plain[str]):
    """A vendor's id: 1 to 255 printable characters, kept as they are; null is none."""

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the id, or what stands for a missing one; raise ValidationError."""
        if value is None:
            raise self.make_error("null")
        return super().deserialize(value, *args, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Not a valid string.")
        if not _PRINTABLE.fullmatch(value):
            raise ValidationError("String does not match expected pattern.")
        return value


class Text(Plain[str]):
    """A text as it came, a number as text; null and blank are None, the cleared value."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str | None:
        return text(value)


def text(value: Any) -> str | None:
    """Return a text as it came, a number as text, None for null and blank; raise ValidationError for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValidationError("Not a valid string.")
    return str(value) if str(value).strip() else None


class Number(Plain[int]):
    """A whole number, or its digits as a text; anything else counts as not given."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return int(value) if re.fullmatch(r"\d{1,18}", str(value), re.ASCII) else missing


class HttpUrl(Plain[str]):
    """An http(s) URL; any other scheme counts as not given, since a page may link to it."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        known = isinstance(value, str) and re.fullmatch(r"https?://[^\s\x00-\x1f]+", value, re.IGNORECASE)
        return value if known else missing


class Lenient(Plain[Any]):
    """Reads as another field does; what that refuses counts as not given.

    For all but ids and times: an odd side remark must not cost an incident its resolution.
    """

    def __init__(self, inner: fields.Field[Any]) -> None:
        super().__init__()
        self._inner = inner

    def _bind_to_schema(self, field_name: str, parent: Any) -> None:
        super()._bind_to_schema(field_name, parent)
        self._inner = deepcopy(self._inner)
        self._inner._bind_to_schema(field_name, self)  # noqa: SLF001 - as marshmallow's own List does

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return self._inner.deserialize(value, attr, data, **kwargs)
        except ValidationError:
            return missing


class Instant(Plain[Nanoseconds]):
    """A time as nanoseconds since the epoch, from ISO-8601 with a zone or an epoch of any unit.

    Opsgenie's `createdAt` is milliseconds and `updatedAt` nanoseconds, both sometimes strings,
    so the unit is told from the magnitude and never from the key. Blank and 0 are no time at all.
    """

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Nanoseconds | None:
        if str(value).strip() in ("", "0"):
            return None
        instant = read_instant(str(value).upper())
        if instant is None or not _EARLIEST <= instant < _LATEST:
            raise ValidationError("Not a time (ISO-8601 with a zone, or an epoch) between 2000 and 2100.")
        return instant


def read_instant(text: str) -> Nanoseconds | None:
    """Read ISO-8601 with a zone, in capitals, or an epoch of any unit; None where it is neither."""
    if _NUMBER.fullmatch(text):
        return _from_epoch(Decimal(text))
    if parts := _ISO.fullmatch(text):
        return _from_iso(*parts.groups(default=""))
    return None


def _from_epoch(number: Decimal) -> Nanoseconds:
    """Scale seconds, milliseconds, microseconds or nanoseconds: each covers the years 1973 to 5138."""
    for power in (9, 6, 3):
        if number < 10 ** (20 - power):
            return int(number * 10**power)
    return int(number)


def _from_iso(second: str, fraction: str, zone: str) -> Nanoseconds | None:
    try:
        whole = datetime.fromisoformat(second + zone)
    except (ValueError, OverflowError):
        return None
    return int(whole.timestamp()) * SECOND + int(fraction.ljust(9, "0"))


def load(schema: Schema, body: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """Read `body`, or the part of it at `path`, with `schema`; raise Unmappable naming every wrong place, `event.data.id: …`."""
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise Unmappable("; ".join(_sentences(error.messages, path))) from None
    return loaded


def _sentences(messages: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(messages, dict):
        for key, value in messages.items():
            yield from _sentences(value, path if key == "_schema" else (*path, str(key)))
    else:
        yield f"{'.'.join(path) or 'body'}: {' '.join(messages)}"
