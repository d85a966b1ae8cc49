"""Health: three questions, three routes."""

from dataclasses import dataclass

import structlog
from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.clock import Clock
from app.store import sender
from app.store.engine import reading
from app.store.migrate import is_current
from app.store.trouble import cause, remedy
from mappers.fields import SECOND

SILENT_SECONDS = 30
"""A pipeline that has not beaten for so long counts as gone."""

_NOT_READY = {
    "status": "not_ready",
    "error": "not_ready",
    "message": "Webhooks cannot be stored at the moment.",
}
_NOT_DELIVERING = {
    "status": "not_ok",
    "error": "not_delivering",
    "message": "Incidents do not reach DX at the moment.",
}

log = structlog.get_logger()
blueprint = Blueprint("health", __name__)


@dataclass(frozen=True, slots=True)
class Health:
    """Answers from the database; codes, no texts: these routes are public."""

    engine: Engine
    clock: Clock
    can_deliver: bool

    def accepts(self) -> bool:
        """Whether a webhook could be committed right now: the schema is there and a write succeeds."""
        try:
            if not is_current(self.engine):
                return False
            with self.engine.begin() as connection:
                sender.prove_writable(connection, self.clock.wall())
        except SQLAlchemyError as error:
            log.error("not ready", error=cause(error), do=remedy(error))
            return False
        return True

    def pipeline(self) -> tuple[str, str]:
        """Return the pipeline's state (`running`, `silent`, `unknown`) and the sender's."""
        try:
            with reading(self.engine).begin() as connection:
                now = self.clock.wall()
                age = abs(now - sender.last_beat(connection))
                state, _ = sender.load(connection, now).shown(can_deliver=self.can_deliver)
        except SQLAlchemyError:
            return "unknown", "unknown"
        return ("running" if age < SILENT_SECONDS * SECOND else "silent"), state


def _health() -> Health:
    health: Health = current_app.extensions["health"]
    return health


@blueprint.get("/healthz")
def alive() -> ResponseReturnValue:
    """Answer while the process lives."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    """Tell whether this process can durably accept a webhook; pipeline and sender never change the status."""
    accepts, (pipeline, state) = _health().accepts(), _health().pipeline()
    told = {"pipeline": pipeline, "sender": state}
    return ({"status": "ready", **told}, 200) if accepts else ({**_NOT_READY, **told}, 503)


@blueprint.get("/healthz/pipeline")
def pipeline() -> ResponseReturnValue:
    """Tell whether incidents reach DX, for alerts and not for load balancers."""
    state, sending = _health().pipeline()
    well = (state, sending) == ("running", "running")
    told = {"pipeline": state, "sender": sending}
    return ({"status": "ok", **told}, 200) if well else ({**_NOT_DELIVERING, **told}, 503)
