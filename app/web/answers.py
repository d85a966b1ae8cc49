"""What most routes answer: schemas that answers are written with, or that the OpenAPI document shows."""

from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from app.web.api_schemas import Moment
from mappers.fields import SECOND
from mappers.observation import Nanoseconds


class Answer(Schema):
    """An answer: all of its keys are always there."""

    class Meta:
        """There are no other keys."""

        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make each field required."""
        super().on_bind_field(field_name, field_obj)
        field_obj.required = True


class At(Moment):
    """A time in an answer: UTC, with milliseconds."""

    def _serialize(self, value: Nanoseconds | None, *_: Any, **__: Any) -> str | None:
        if value is None:
            return None
        second = datetime.fromtimestamp(value // SECOND, UTC)
        return f"{second:%Y-%m-%dT%H:%M:%S}.{value % SECOND // 1_000_000:03}Z"


def one_of(*words: str) -> fields.String:
    """Return a field of one of these words."""
    return fields.String(validate=validate.OneOf(words))


def text_or_null(description: str) -> fields.String:
    """Return a field of a text, or null."""
    return fields.String(allow_none=True, metadata={"description": description})


class Error(Answer):
    """Any refusal."""

    error = fields.String(metadata={"description": "A code for programs."})
    message = fields.String(metadata={"description": "One sentence for people."})


class Accepted(Answer):
    """An act was done and recorded; the pipeline does what follows from it."""

    status = one_of("accepted")


class Redelivered(Accepted):
    """An act on a selection of incidents."""

    incidents = fields.Integer(metadata={"description": "How many of them are known."})
    unknown_references = fields.List(
        fields.String(), metadata={"description": "Those that are not, of `references`."}
    )


class Stored(Answer):
    """A webhook was stored, now or before."""

    status = one_of("accepted", "duplicate")
    event_id = fields.String(metadata={"description": "The vendor's event id, else a digest."})


class Alive(Answer):
    """The process lives."""

    status = one_of("ok")


class Well(Answer):
    """The answer is yes."""

    status = one_of("ok", "ready")
    pipeline = one_of("running", "silent", "unknown")
    sender = one_of("running", "probing", "held", "paused", "unknown")


class Unwell(Well):
    """The answer is no, in the shape of a refusal too."""

    status = one_of("not_ok", "not_ready")
    error = one_of("not_delivering", "not_ready")
    message = fields.String()


class _Events(Answer):
    received = fields.Integer()
    unfolded = fields.Integer()
    unmappable = fields.Integer()


class _Incidents(Answer):
    total = fields.Integer()
    due = fields.Integer()
    parked = fields.Integer()
    delivered = fields.Integer()


class _Sender(Answer):
    state = one_of("running", "probing", "held", "paused")
    reason = fields.String()


class Stats(Answer):
    """Counts, and the sender's state."""

    events = fields.Nested(_Events)
    incidents = fields.Nested(_Incidents)
    sender = fields.Nested(_Sender)
