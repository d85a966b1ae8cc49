"""How a vendor behaves: the `settings` of its world."""

import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from app.sandbox.vendors.failures import Failure
from app.sandbox.vendors.times import zone_of

COMMON = frozenset({"token", "clock_offset", "rate", "latency", "fail"})
_header = fields.String(validate=validate.Regexp(r"[A-Za-z0-9-]+\Z"))
_content = fields.String(validate=validate.Regexp(r"[\x20-\x7e]*\Z"))


@dataclass(frozen=True, slots=True)
class Settings:
    """Seconds for `clock_offset` and `latency`, requests a minute for `rate`; `issue_types` None: any name."""

    token: str = "sandbox-vendor-token-0123"  # noqa: S105  the sandbox's
    clock_offset: float = 0.0
    rate: int = 600
    latency: float = 0.0
    fail: tuple[Failure, ...] = ()
    zone: str = "America/New_York"
    email: str = "bridge@example.com"
    cloud_id: str = "11111111-2222-3333-4444-555555555555"
    incident_api: bool = True
    issue_types: tuple[str, ...] | None = None

    @property
    def tz(self) -> tzinfo:
        """The zone in which the vendor takes and shows times that name none."""
        return zone_of(self.zone)


class FailureSchema(Schema):
    """One fault."""

    path = fields.String(validate=validate.Regexp(re.compile("/")))
    method = fields.String()
    status = fields.Integer(strict=True, validate=validate.Range(400, 599))
    times = fields.Integer(strict=True, validate=validate.Range(min=1))
    after = fields.Integer(strict=True, validate=validate.Range(min=0))
    html = fields.Boolean()
    cut = fields.Boolean()
    headers = fields.Dict(keys=_header, values=_content)

    @post_load
    def _failure(self, data: dict[str, Any], **_: Any) -> Failure:
        return Failure(**data)


def _known_zone(name: str) -> None:
    try:
        zone_of(name)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class SettingsSchema(Schema):
    """The settings of every vendor; each takes its own only."""

    token = fields.String(validate=validate.Length(min=1))
    clock_offset = fields.Float()
    rate = fields.Integer(strict=True, validate=validate.Range(min=1))
    latency = fields.Float(validate=validate.Range(0, 600))
    fail = fields.List(fields.Nested(FailureSchema))
    zone = fields.String(validate=_known_zone)
    email = fields.String(validate=validate.Length(min=1))
    cloud_id = fields.String(validate=validate.Length(min=1))
    incident_api = fields.Boolean()
    issue_types = fields.List(fields.String(), allow_none=True)


def load_settings(document: Any, own: frozenset[str]) -> dict[str, Any]:
    """Return the values that a JSON object gives; ValidationError if it is none, or has others' keys."""
    loaded: dict[str, Any] = SettingsSchema(only=COMMON | own).load(document)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in loaded.items()}
