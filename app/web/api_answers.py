"""What the routes answer: schemas that answers are written with, and that the OpenAPI document shows."""

from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from app.store.browse import STATES
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


def _one_of(*words: str) -> fields.String:
    return fields.String(validate=validate.OneOf(words))


def _text_or_null(description: str) -> fields.String:
    return fields.String(allow_none=True, metadata={"description": description})


def _document(description: str) -> fields.Dict:
    return fields.Dict(allow_none=True, metadata={"description": description})


class Error(Answer):
    """Any refusal."""

    error = fields.String(metadata={"description": "A code for programs."})
    message = fields.String(metadata={"description": "One sentence for people."})


class Accepted(Answer):
    """An act was done and recorded; the pipeline does what follows from it."""

    status = _one_of("accepted")


class Redelivered(Accepted):
    """An act on a selection of incidents."""

    incidents = fields.Integer(metadata={"description": "How many of them are known."})
    unknown = fields.List(fields.String(), metadata={"description": "References that are not."})


class Override(Answer):
    """An operator's correction; null is as the vendor shows it."""

    included = fields.Boolean(allow_none=True)
    started_at = At(allow_none=True)
    resolved_at = At(allow_none=True)
    at = At(metadata={"description": "When it was made."})
    by = fields.String(metadata={"description": "The way it came: dashboard, API or command line."})


class Call(Answer):
    """A call to DX, and its answer."""

    at = At()
    method = _one_of("incidents.upsert", "incidents.delete")
    digest = fields.String(metadata={"description": "Of the document that was sent."})
    meaning = _one_of("confirmed", "not_now", "unauthorised", "refused")
    code = fields.String()
    words = fields.String(metadata={"description": "DX's own."})
    status = fields.Integer(allow_none=True)
    duration_ms = fields.Integer()


class Event(Answer):
    """A webhook, without its body."""

    id = fields.Integer()
    key = fields.String(metadata={"description": "The vendor's event id, else a digest."})
    source = fields.String()
    received_at = At()
    outcome = fields.String(allow_none=True, metadata={"description": "null: not folded yet."})
    reason = fields.String(allow_none=True)


class Act(Answer):
    """What an operator did."""

    at = At()
    by = fields.String()
    act = fields.String()


class Incident(Answer):
    """An incident as a list shows it."""

    reference_id = fields.String()
    source = fields.String()
    vendor_id = fields.String()
    name = fields.String(allow_none=True)
    states = fields.List(_one_of(*STATES))
    action = _one_of("upsert", "delete", "none")
    reason = _text_or_null("Why DX is not to hold it, or holds it all the same.")
    parked = _text_or_null("DX's words for refusing it.")
    in_doubt = fields.Boolean(metadata={"description": "Whether a call has had no definite answer."})
    started_at = At(allow_none=True)
    resolved_at = At(allow_none=True)
    updated_at = At(metadata={"description": "When the desired document last changed."})
    delivered_at = At(allow_none=True, metadata={"description": "When a document was last confirmed."})


class IncidentPage(Answer):
    """Some incidents, the newest first."""

    incidents = fields.List(fields.Nested(Incident))
    next_cursor = _text_or_null("Where the next page begins; null after the last.")


class IncidentDetail(Incident):
    """All that is known of one incident; of calls, events and acts the newest 200, the newest first."""

    desired = _document("The body that DX should get; with action `none` what it would get were it not left out.")
    delivered = _document("The body last confirmed by DX; null where DX holds nothing.")
    destination = _text_or_null("The DX_BASE_URL that `delivered` belongs to.")
    override = fields.Nested(Override, allow_none=True)
    calls = fields.List(fields.Nested(Call))
    events = fields.List(fields.Nested(Event))
    events_purged = fields.Boolean(metadata={"description": "Whether some events are gone by their age."})
    acts = fields.List(fields.Nested(Act))
