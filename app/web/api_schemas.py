"""What the admin API is sent: strict schemas, in which every key has to be known."""

import re
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from app.decide import Override
from app.store.browse import STATES
from mappers.fields import Instant
from mappers.observation import Nanoseconds

_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*"
_MOST_REFERENCES = 1000
_LONGEST_REFERENCE = 400


class Given(Schema):
    """What a request carries; an unknown key is a mistake, and told."""

    class Meta:
        """Nothing is passed over."""

        unknown = RAISE


class Line(fields.String):
    """A text of so many characters, none of them a control character: PostgreSQL stores no NUL."""

    def __init__(self, longest: int, least: int = 1, **kwargs: Any) -> None:
        checks = (
            validate.Length(least, longest),
            validate.Regexp(_NO_CONTROLS + r"\Z", error="Not one line."),
        )
        super().__init__(validate=checks, metadata={"pattern": _NO_CONTROLS + "$"}, **kwargs)


class Flag(fields.Boolean):
    """true or false, and none of the words that others take for them."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Neither true nor false.")
        return value


class Whole(fields.Integer):
    """A whole number in a query: digits alone."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not _DIGITS.fullmatch(value):
            raise ValidationError("Not a whole number.")
        return int(value)


class Moment(fields.Field[Nanoseconds]):
    """A time as ISO-8601 with a zone; nanoseconds since the epoch within."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Nanoseconds:
        try:
            is_text = isinstance(value, str) and "T" in value.upper()
            moment: Nanoseconds | None = Instant().deserialize(value) if is_text else None
        except ValidationError:
            moment = None
        if moment is None:
            raise ValidationError("Not a time between 2000 and 2100: write it as 2026-01-02T03:04:05Z.")
        return moment


class IncidentsQuery(Given):
    """Which incidents to list; all of what is given holds, and an empty value counts as none."""

    state = fields.String(validate=validate.OneOf(STATES))
    source = Line(100, 0)
    q = Line(200, 0)
    limit = Whole(load_default=50, validate=validate.Range(1, 200))
    cursor = Line(100, 0)


class SourceQuery(Given):
    """Which of several incidents of one reference."""

    source = Line(100, 0)


class OverrideBody(Given):
    """All that is to be corrected; what is missing or null is as the vendor shows it."""

    included = Flag(allow_none=True, load_default=None)
    started_at = Moment(allow_none=True, load_default=None)
    resolved_at = Moment(allow_none=True, load_default=None)

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Override:
        return Override(**data)


class RedeliverReferences(Given):
    """Incidents by their references."""

    references = fields.List(
        Line(_LONGEST_REFERENCE), required=True, validate=validate.Length(1, _MOST_REFERENCES)
    )


class RedeliverAll(Given):
    """Every incident."""

    all = Flag(required=True, validate=validate.Equal(comparable=True))


class RedeliverSelection(Given):
    """Incidents of which all of this holds; at least one of the three."""

    parked = Flag(validate=validate.Equal(comparable=True))
    since = Moment()
    source = Line(100)


SELECTIONS = (RedeliverReferences(), RedeliverAll(), RedeliverSelection())
"""What `POST /api/v1/redeliver` takes: one of these."""
