"""What DX accepts, by docs.getdx.com/datacloudapi; where that is silent, the strict side is taken."""

import re
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.sandbox.body import reference_of, sentence

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:?\d\d)", re.ASCII)
_PRECEDENCE = ("invalid_arguments", "invalid_timestamp", "metadata_invalid")

_text = validate.Regexp(r".*\S", re.DOTALL, error="Must not be empty.")
_key = validate.Regexp(r"[A-Za-z0-9_-]+\Z", error="A key has letters, digits, dashes and underscores only.")


class Refusal(Exception):  # noqa: N818  an answer, not a failure
    """A refusal in DX's words: an error code and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def instant(text: str) -> datetime:
    """Return the time that an ISO-8601 text with date, time and zone names; ValidationError for any other."""
    if not _TIMESTAMP.fullmatch(text):
        raise ValidationError("Not an ISO-8601 date and time with a zone.")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValidationError("No such date and time.") from error


def _reference(value: Any) -> None:
    if reference_of({"reference_id": value}) is None:
        raise ValidationError("Must be a text that is not empty, or an integer.")


class ServiceSchema(Schema):
    """One item of `services`."""

    identifier = fields.String(required=True, validate=_text)
    name = fields.String(allow_none=True)


class UpsertSchema(Schema):
    """The body of incidents.upsert; keys that it does not name are refused."""

    reference_id = fields.String(required=True, validate=_text)
    started_at = fields.String(required=True, validate=instant)
    resolved_at = fields.String(allow_none=True, validate=instant)
    name = fields.String(allow_none=True)
    priority = fields.String(allow_none=True)
    source_url = fields.String(allow_none=True)
    services = fields.List(fields.Nested(ServiceSchema), allow_none=True)
    metadata = fields.Dict(keys=fields.String(validate=_key), allow_none=True)

    @validates_schema
    def _ends_after_start(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("resolved_at") and instant(data["resolved_at"]) < instant(data["started_at"]):
            raise ValidationError("Is before started_at.", "resolved_at")


class DeleteSchema(Schema):
    """The body of incidents.delete."""

    reference_id = fields.Raw(required=True, validate=_reference)


class QuerySchema(Schema):
    """The query of customData.getAllByReference."""

    reference = fields.String(required=True, validate=_text)


UPSERT, DELETE, QUERY = UpsertSchema(), DeleteSchema(), QuerySchema()


def check(schema: Schema, body: Any) -> None:
    """Raise the Refusal that DX would answer with, if a body does not fit."""
    if not isinstance(body, dict):
        raise Refusal("invalid_arguments", "The body is not a JSON object.")
    if errors := schema.validate(body):
        codes = (_code(key, present=key in body) for key in errors)
        raise Refusal(min(codes, key=_PRECEDENCE.index), sentence(errors))


def _code(key: str, *, present: bool) -> str:
    if present and key in ("started_at", "resolved_at"):
        return "invalid_timestamp"
    return "metadata_invalid" if key == "metadata" else "invalid_arguments"
