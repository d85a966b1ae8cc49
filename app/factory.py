"""The web side put together; nothing is created when modules are imported."""

from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, Response, jsonify
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bind_contextvars
from werkzeug.exceptions import HTTPException

from app import receive, request_id
from app.clock import Clock
from app.errors import Refusal
from app.receive import Receiver
from app.refused import Refused
from app.settings import Settings
from app.store.engine import connect
from app.store.intake import Intake
from app.store.trouble import cause, remedy
from app.store.wake import Notifier
from app.web import access, api, control, dashboard, health, openapi, proxy, stats, traced

THREADS = 16
"""Threads of one web process."""
CONNECTIONS = 6
"""Of one web process to the database: one is for webhooks alone, so no page can keep them waiting."""

log = structlog.get_logger()


class _Bridge(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return it as it is: nothing here is asynchronous, and Flask would look at every call."""
        return func


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """Return the web application on the settings' database, which `upgrade` has prepared."""
    app = _Bridge("app", static_folder=None)
    app.url_map.merge_slashes = False
    proxy.init(app, settings.trusted_proxies)
    request_id.init(app)
    traced.init(app)
    access.init(app, settings)
    engine = connect(settings.database_url, pool_size=CONNECTIONS - 1, impatient=True)
    intake = Intake(connect(settings.database_url, pool_size=1, impatient=True, ping=False))
    clock = clock or Clock()
    registry = CollectorRegistry()
    registry.register(stats.StoreCollector(engine, clock, settings))
    app.extensions |= {
        "settings": settings,
        "engine": engine,
        "receiver": Receiver(settings, intake, clock, Notifier(engine), Refused(engine, clock)),
        "health": health.Health(engine, clock, settings.can_deliver),
        "metrics": registry,
    }
    for part in (receive, health, stats, control, openapi):
        app.register_blueprint(part.blueprint)
    api.init(app)
    dashboard.init(app, engine, settings, clock)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SQLAlchemyError, _no_database)
    return app


def _error(status: int, code: str, message: str, retry_after: int | None = None) -> Response:
    bind_contextvars(outcome=code)
    response = jsonify({"error": code, "message": message})
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _refused(refusal: Refusal) -> Response:
    return _error(refusal.status, refusal.code, refusal.message, refusal.retry_after)


def _http_error(error: HTTPException) -> Response:
    code = (error.name or "error").lower().replace(" ", "_")
    sentence = str(error.description or error.name).split(". ")[0].rstrip(".") + "."
    response = _error(error.code or 500, code, sentence)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _no_database(error: SQLAlchemyError) -> Response:
    log.error("database failed", error=cause(error), do=remedy(error))
    return _error(503, "database", "The database does not answer; try again.", retry_after=5)
