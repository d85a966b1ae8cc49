"""What the admin API answers about incidents."""

from marshmallow import fields

from app.store.browse import STATES
from app.web.answers import Answer, At, one_of, text_or_null


def _document(description: str) -> fields.Dict:
    return fields.Dict(allow_none=True, metadata={"description": description})


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
    method = one_of("incidents.upsert", "incidents.delete")
    digest = fields.String(metadata={"description": "Of the document that was sent."})
    meaning = one_of("confirmed", "not_now", "unauthorised", "refused")
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
    states = fields.List(one_of(*STATES))
    action = one_of("upsert", "delete", "none")
    reason = text_or_null("Why DX is not to hold it, or holds it all the same.")
    parked = text_or_null("DX's words for refusing it.")
    in_doubt = fields.Boolean(metadata={"description": "Whether a call has had no definite answer."})
    started_at = At(allow_none=True)
    resolved_at = At(allow_none=True)
    updated_at = At(metadata={"description": "When the desired document last changed."})
    delivered_at = At(allow_none=True, metadata={"description": "When a document was last confirmed."})


class IncidentPage(Answer):
    """Some incidents, the newest first."""

    incidents = fields.List(fields.Nested(Incident))
    next_cursor = text_or_null("Where the next page begins; null after the last.")


class IncidentDetail(Incident):
    """All that is known of one incident; of calls, events and acts the newest 200, the newest first."""

    desired = _document(
        "The body that DX should get; with action `none` what it would get were it not left out."
    )
    delivered = _document("The body last confirmed by DX; null where DX holds nothing.")
    destination = text_or_null("The DX_BASE_URL that `delivered` belongs to.")
    override = fields.Nested(Override, allow_none=True)
    calls = fields.List(fields.Nested(Call))
    events = fields.List(fields.Nested(Event))
    events_purged = fields.Boolean(metadata={"description": "Whether some events are gone by their age."})
    acts = fields.List(fields.Nested(Act))
