"""The definitions that PUT /sandbox/faults takes."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from app.sandbox.faults import EFFECTS, METHODS, Fault

LONGEST = 86_400.0  # seconds; time.sleep overflows somewhere above

_seconds = validate.Range(0, LONGEST)
_header = fields.String(validate=validate.Regexp(r"[A-Za-z0-9-]+\Z", error="Not the name of a header."))
_content = fields.String(validate=validate.Regexp(r"[\x20-\x7e]*\Z", error="Not one line of ASCII."))


class Delay(fields.Field[tuple[float, float]]):
    """Seconds: a number, or a list of the least and the most."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[float, float]:
        match value if isinstance(value, list) else [value, value]:
            case [bool(), _] | [_, bool()]:
                pass
            case [int() | float() as least, int() | float() as most] if 0 <= least <= most <= LONGEST:
                return float(least), float(most)
        raise ValidationError("Must be seconds or [least, most].")


class FaultSchema(Schema):
    """One definition: selectors, and one effect or a delay."""

    name = fields.String(validate=validate.Length(min=1))
    method = fields.String(validate=validate.OneOf(METHODS))
    reference_id = fields.String()
    share = fields.Float(validate=validate.Range(0, 1))
    times = fields.Integer(strict=True, validate=validate.Range(min=1))
    delay = Delay()
    status = fields.Integer(strict=True, validate=validate.Range(200, 599))
    headers = fields.Dict(keys=_header, values=_content)
    body = fields.Raw()
    reset = fields.String(validate=validate.OneOf(("before", "after")))
    hang = fields.Float(validate=_seconds)
    late = fields.Float(validate=_seconds)
    error = fields.String(validate=validate.Length(min=1))
    non_json = fields.Boolean(validate=validate.Equal(comparable=True))
    apply = fields.Boolean(validate=validate.Equal(comparable=True))

    @validates_schema
    def _one_effect(self, data: dict[str, Any], **_: Any) -> None:
        effects = [effect for effect in EFFECTS if effect in data]
        if len(effects) > 1 or not (effects or "delay" in data):
            raise ValidationError(f"Needs one effect of {', '.join(EFFECTS)}, or a delay.")
        if {"headers", "body"} & data.keys() and "status" not in data:
            raise ValidationError("headers and body go with status only.")
        if "apply" in data and not {"status", "non_json"} & data.keys():
            raise ValidationError("apply goes with status and non_json only.")

    @post_load
    def _fault(self, data: dict[str, Any], **_: Any) -> Fault:
        effect = next((effect for effect in EFFECTS if effect in data), "delay")
        return Fault(**{"name": effect} | data)


_SCHEMA = FaultSchema(many=True)


def load_faults(definitions: Any) -> list[Fault]:
    """Return the faults that a list of definitions names; ValidationError if any is bad."""
    faults: list[Fault] = _SCHEMA.load(definitions)
    return faults
