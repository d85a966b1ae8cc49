"""Sentry when SENTRY_DSN is set: exceptions that were logged, and the log lines before them; nothing of requests.

Nothing is collected from Flask, the database or requests: what is sent is what the log says, without
local variables, quoted values and secrets.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import structlog

from app.mask import Mask, error_text, mask_of, no_mask, without_credentials
from app.settings import Settings
from app.version import VERSION

MISSING = (
    "SENTRY_DSN is set, but the package is missing: pip install 'dx-incident-bridge[sentry]', or unset it"
)
FLUSH_SECONDS = 2
_OF_THE_LINE = ("timestamp", "level", "logger")
_TAGS = ("request_id", "source", "event_id", "reference_id", "logger", "trace_id")
_HEADERS = ("content-type", "content-length", "user-agent", "x-request-id")
_OFF = {"mode": "off"}
_COLLECTED = {
    "user_info": False,
    "http_bodies": [],
    "http_headers": {"request": {"mode": "allowlist", "terms": list(_HEADERS)}},
    "cookies": _OFF,
    "url_query_params": _OFF,
    "database_query_data": False,
    "queues": False,
    "stack_frame_variables": False,  # with `data_collection`, `include_local_variables` is ignored
    "frame_context_lines": 0,
}

log = structlog.get_logger()


def problems(settings: Settings) -> Iterator[str]:
    """Yield what keeps errors from being reported though they should be, with its remedy."""
    if settings.sentry_dsn is not None and find_spec("sentry_sdk") is None:
        yield MISSING


def start(settings: Settings, transport: Any = None) -> None:
    """Report this process's logged exceptions to Sentry, if that is set; after logging is set up and after a fork."""
    for problem in problems(settings):
        log.warning("errors are not reported", do=problem)
        return
    if settings.sentry_dsn is not None:
        atexit = import_module("sentry_sdk.integrations.atexit").AtexitIntegration
        dedupe = import_module("sentry_sdk.integrations.dedupe").DedupeIntegration
        import_module("sentry_sdk").init(
            dsn=settings.sentry_dsn.reveal(),
            release=os.environ.get("SENTRY_RELEASE") or f"dx-incident-bridge@{VERSION}",
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[atexit(callback=lambda *_: None), dedupe()],
            data_collection=_COLLECTED,
            before_send=scrubber(mask_of(settings.secrets())),
            in_app_include=["app", "mappers"],
            max_breadcrumbs=30,
            auto_session_tracking=False,
            shutdown_timeout=FLUSH_SECONDS,
            transport=transport,
        )
        logging.getLogger().addHandler(_Reporter(logging.INFO))


def stop() -> None:
    """Send what is left, as long as that takes no longer than FLUSH_SECONDS."""
    if "sentry_sdk" in sys.modules:
        import_module("sentry_sdk").flush(FLUSH_SECONDS)


class _Reporter(logging.Handler):
    """Sends logged exceptions; what else is logged goes with the next of them."""

    def emit(self, record: logging.LogRecord) -> None:
        sdk = import_module("sentry_sdk")
        if record.name.startswith(("sentry_sdk", "urllib3")):
            return
        fields = dict(record.msg) if isinstance(record.msg, dict) else {"event": record.getMessage()}
        exc_info = fields.pop("exc_info", None) or record.exc_info
        fields = {"logger": record.name, **structlog.contextvars.get_contextvars(), **fields}
        if not exc_info:
            said = {name: value for name, value in fields.items() if name not in (*_OF_THE_LINE, "event")}
            level, event = record.levelname.lower(), str(fields["event"])
            sdk.add_breadcrumb(category=record.name, level=level, message=event, data=said)
            return
        with sdk.new_scope() as scope:
            scope.set_tags({name: fields[name] for name in _TAGS if name in fields})
            scope.set_context("log", {"event": str(fields["event"])})
            sdk.capture_exception(sys.exc_info() if exc_info is True else exc_info)


def scrubber(mask: Mask = no_mask) -> Any:
    """Return Sentry's `before_send`: no body, no header but a few, no cookie, query string, variable or secret."""

    def before_send(event: dict[str, Any], _: Any) -> dict[str, Any]:
        for name in ("user", "extra", "modules"):
            event.pop(name, None)
        for each in (event.get("exception") or {}).get("values") or ():
            _scrub_exception(each)
        if "request" in event:
            event["request"] = _scrub_request(event["request"])
        masked: dict[str, Any] = _everywhere(event, lambda text: mask(without_credentials(text)))
        return masked

    return before_send


def _scrub_exception(exception: dict[str, Any]) -> None:
    exception["value"] = error_text(str(exception.get("value") or ""))
    (exception.get("mechanism") or {}).pop("data", None)
    for frame in (exception.get("stacktrace") or {}).get("frames") or ():
        for name in ("vars", "pre_context", "context_line", "post_context"):
            frame.pop(name, None)


def _scrub_request(request: Mapping[str, Any]) -> dict[str, Any]:
    headers = request.get("headers") or {}
    return {
        "method": request.get("method"),
        "url": str(request.get("url") or "").split("?")[0],
        "headers": {name: value for name, value in dict(headers).items() if name.lower() in _HEADERS},
    }


def _everywhere(value: Any, change: Mask) -> Any:
    """Change every text in a structure of dicts and lists."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _everywhere(each, change) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_everywhere(each, change) for each in value]
    return value
