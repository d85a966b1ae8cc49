"""POST /webhooks/<source>: verify, redact, commit, and only then acknowledge. Nothing is mapped here."""

from contextlib import suppress
from dataclasses import dataclass

import orjson
import structlog
from flask import Blueprint, Request, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bind_contextvars

from app import errors, metrics, tracing
from app.body import read_body
from app.clock import Clock
from app.refused import Refused
from app.settings import Settings
from app.sources import Source
from app.store.intake import Event, Intake
from app.store.trouble import cause, remedy
from app.store.wake import Notifier
from app.verify import VERIFIERS
from app.webhook import NotJSONError, read_webhook
from mappers import MAPPERS

_FORMS = ("application/x-www-form-urlencoded", "multipart/")

log = structlog.get_logger()
blueprint = Blueprint("webhooks", __name__)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Accepts webhooks of the configured sources into the store."""

    settings: Settings
    intake: Intake
    clock: Clock
    notifier: Notifier
    refused: Refused

    def receive(self, name: str, request: Request) -> tuple[dict[str, str], int]:
        """Return the answer for a webhook; raise Refusal, in the order that the contract gives."""
        source = self.settings.sources.get(name)
        if source is None:
            raise errors.unknown_source(name)
        bind_contextvars(source=source.name)
        if not source.secrets:
            raise errors.no_secret(source.secrets_env)
        raw = read_body(request)
        self._verify(source, request, raw)
        if (request.mimetype or "").startswith(_FORMS):
            raise errors.not_json_type()
        delivery = request.headers.get(MAPPERS[source.vendor].DELIVERY_HEADER, "")
        try:
            webhook = read_webhook(source, raw, delivery)
        except NotJSONError as error:
            raise errors.not_json(str(error)) from None
        return self._store(source, webhook.key, webhook.kept)

    def _verify(self, source: Source, request: Request, raw: bytes) -> None:
        secrets = [secret.reveal().encode() for secret in source.secrets]
        if not VERIFIERS[source.vendor](request.headers, raw, secrets):
            self.refused.count(source.name)
            raise errors.not_authentic(self.settings.reject_with)

    def _store(self, source: Source, key: str, body: bytes) -> tuple[dict[str, str], int]:
        bind_contextvars(event_id=key)
        try:
            with tracing.span("store commit"):
                is_new = self.intake.add(Event(source.name, key, body, self.clock.wall()))
        except SQLAlchemyError as error:
            log.error("event not stored", error=cause(error), do=remedy(error))
            raise errors.no_commit() from None
        status, code = ("accepted", 202) if is_new else ("duplicate", 200)
        bind_contextvars(outcome=status)
        if is_new:
            self._wake()
        return {"status": status, "event_id": key}, code

    def _wake(self) -> None:
        """Wake the pipelines; the event is committed, so a failure is nothing to tell the vendor."""
        with suppress(SQLAlchemyError):
            self.notifier.notify()


@blueprint.post("/webhooks/<source>")
def webhook(source: str) -> Response:
    """Accept one webhook."""
    receiver: Receiver = current_app.extensions["receiver"]
    begun, known = receiver.clock.steady(), source if source in receiver.settings.sources else metrics.UNKNOWN
    try:
        answer, status = receiver.receive(source, request)
    except Exception as error:  # counted, whatever it is
        metrics.refused(known, error)
        raise
    metrics.answered(known, answer["status"], receiver.clock.steady() - begun)
    return Response(orjson.dumps(answer), status, mimetype="application/json")
