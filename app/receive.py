"""POST /webhooks/<source>: verify, redact, commit, and only then acknowledge. Nothing is mapped here."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
import structlog
from flask import Blueprint, Request, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app import errors
from app.body import read_body
from app.clock import Clock
from app.settings import Settings, Source
from app.store import events
from app.store.trouble import cause, remedy
from app.store.wake import Notifier
from app.verify import VERIFIERS
from mappers import MAPPERS

_FORMS = ("application/x-www-form-urlencoded", "multipart/")
_LONGEST_KEY = 200

log = structlog.get_logger()
blueprint = Blueprint("webhooks", __name__)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Accepts webhooks of the configured sources into the store."""

    settings: Settings
    engine: Engine
    clock: Clock
    notifier: Notifier

    def receive(self, name: str, request: Request) -> tuple[dict[str, str], int]:
        """Return the answer for a webhook; raise Refusal, in the order that the contract gives."""
        source = self.settings.sources.get(name)
        if source is None:
            raise errors.unknown_source(name)
        if not source.secrets:
            raise errors.no_secret(source.secrets_env)
        raw = read_body(request)
        self._verify(source, request, raw)
        body = _parse(request, raw)
        redacted = MAPPERS[source.vendor].redact(body)
        key = event_key(source, redacted)
        kept = raw if redacted is body else orjson.dumps(redacted)
        return self._store(source, key, kept)

    def _verify(self, source: Source, request: Request, raw: bytes) -> None:
        secrets = [secret.reveal().encode() for secret in source.secrets]
        if not VERIFIERS[source.vendor](request.headers, raw, secrets):
            raise errors.not_authentic(self.settings.reject_with)

    def _store(self, source: Source, key: str, body: bytes) -> tuple[dict[str, str], int]:
        try:
            with self.engine.begin() as connection:
                is_new = events.add(connection, source.name, key, body, self.clock.wall())
        except SQLAlchemyError as error:
            log.error(
                "event not stored", source=source.name, event_id=key, error=cause(error), do=remedy(error)
            )
            raise errors.no_commit() from None
        status, code = ("accepted", 202) if is_new else ("duplicate", 200)
        log.info("webhook", source=source.name, event_id=key, status=status)
        self._wake()
        return {"status": status, "event_id": key}, code

    def _wake(self) -> None:
        """Wake the pipelines; the event is committed, so a failure is nothing to tell the vendor."""
        with suppress(SQLAlchemyError):
            self.notifier.notify()


@blueprint.post("/webhooks/<source>")
def webhook(source: str) -> ResponseReturnValue:
    """Accept one webhook."""
    receiver: Receiver = current_app.extensions["receiver"]
    return receiver.receive(source, request)


def event_key(source: Source, redacted: Mapping[str, Any]) -> str:
    """Return what tells an event from others of its source: the vendor's id, else the body's digest.

    The digest is of the redacted body with sorted keys: a repetition may carry other echoed headers.
    """
    vendor_id = MAPPERS[source.vendor].event_id(redacted)
    if vendor_id and len(vendor_id) <= _LONGEST_KEY and vendor_id.isascii() and vendor_id.isprintable():
        return vendor_id
    return digest_of(redacted)


def digest_of(body: Mapping[str, Any]) -> str:
    """Return the digest of a body, whatever the order of its keys: 64 hex digits of SHA-256."""
    return sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _parse(request: Request, raw: bytes) -> dict[str, Any]:
    if (request.mimetype or "").startswith(_FORMS):
        raise errors.not_json_type()
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise errors.not_json(error.msg) from None
    if not isinstance(body, dict):
        raise errors.not_json(f"it is a {type(body).__name__}")
    return body
