"""A webhook's body: checked, redacted, and with the key that tells it from others of its source."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeGuard

import orjson

from app.sources import Source
from mappers import MAPPERS

_LONGEST_KEY = 200
_LEVELS = 250  # orjson writes 254 and reads 1024


class NotJSONError(ValueError):
    """A body that is no JSON object, in words."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A body as it is kept, and its key: the vendor's event id, else the digest of the body."""

    key: str
    body: Mapping[str, Any]
    kept: bytes


def parse(raw: bytes) -> dict[str, Any]:
    """Read a JSON object; raise NotJSONError for anything else, NaN, lone surrogates or deep nesting."""
    try:
        body = orjson.loads(raw)
        if raw.count(b"{") + raw.count(b"[") > _LEVELS:
            orjson.dumps(body)  # what it could not write again, others could not either
    except orjson.JSONDecodeError as error:
        raise NotJSONError(error.msg) from None
    except orjson.JSONEncodeError:
        raise NotJSONError("it is nested too deeply") from None
    if not isinstance(body, dict):
        raise NotJSONError(f"it is a {type(body).__name__}")
    return body


def read_webhook(source: Source, raw: bytes, delivery: str = "") -> Webhook:
    """Read a webhook of a source; raise NotJSONError.

    `delivery` is what the vendor calls this delivery in a header that it does not sign, so the digest
    stands beside it: nobody can pass one body off as another that was delivered already.
    """
    mapper, body = MAPPERS[source.vendor], parse(raw)
    redacted = mapper.redact(body)
    kept = raw if redacted is body else _exact(mapper.redact(json.loads(raw)))
    vendor_id = mapper.event_id(redacted)
    if _is_key(vendor_id):
        return Webhook(vendor_id, redacted, kept)
    named = f"{delivery}:" if _is_key(delivery) else ""
    return Webhook(named + digest(kept), redacted, kept)


def digest(kept: bytes) -> str:
    """Return the digest of a body, whatever the order of its keys: 64 hex digits of SHA-256.

    The standard library's parser keeps numbers of any length apart, which orjson turns into floats.
    """
    return sha256(_exact(json.loads(kept))).hexdigest()


def _exact(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True).encode()


def _is_key(vendor_id: str | None) -> TypeGuard[str]:
    text = vendor_id or ""
    return bool(text.strip()) and len(text) <= _LONGEST_KEY and text.isascii() and text.isprintable()
