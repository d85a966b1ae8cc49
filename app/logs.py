"""Logs on stderr: one JSON line an event, readable on a terminal; no bodies, headers or local variables."""

import logging
import os
import select
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, ExcInfo, Processor

from app import tracing
from app.mask import Mask, error_text, mask_of

_DETAILS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=30)
_FIRST = ("timestamp", "level", "event", "source", "event_id", "reference_id", "outcome", "status")
_STDERR = 2
_FULL_MS = 1000
_TIME = "%Y-%m-%d %H:%M:%SZ"
_NOISY = {"alembic": "WARNING", "urllib3": "INFO", "opentelemetry": "ERROR"}

log = structlog.get_logger()


def configure(level: str, secrets: Iterable[str] = ()) -> None:
    """Set structlog and the standard library's logging (gunicorn, alembic) to one format.

    Were one of `secrets` in a line all the same, it would be masked.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt=_TIME if sys.stderr.isatty() else "iso", utc=True),
        tracing.add_ids,
    ]
    handler, mask = logging.StreamHandler(sys.stderr), mask_of(secrets)
    handler.setFormatter(_Formatter(shared, mask))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name, least in _NOISY.items():
        logging.getLogger(name).setLevel(max(least, level, key=logging.getLevelNamesMapping().__getitem__))
    named = structlog.stdlib.LoggerFactory(ignore_frame_names=[__name__])
    structlog.configure(
        processors=[*shared, _hand_over, *_renderers(), lambda _, __, line: mask(str(line))],
        logger_factory=lambda *name: _Writer(named(*name).name),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    _catch_all()


class _Writer:
    """Writes the bridge's own lines; the standard library's way there costs a webhook as much as all of Flask."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write a line at once, so that no other process's falls into it; that it cannot be written fails nothing."""
        rest = f"{line}\n".encode(errors="backslashreplace")
        with suppress(OSError):
            while rest:
                rest = rest[_write(rest) :]

    debug = info = warning = error = critical = msg


def _write(text: bytes) -> int:
    """Write what goes of a text, and wait a moment where nothing does: another program may share the pipe unblocked."""
    try:
        return os.write(_STDERR, text)
    except BlockingIOError:
        waiting = select.poll()
        waiting.register(_STDERR, select.POLLOUT)
        if not waiting.poll(_FULL_MS):
            raise
        return 0


def _hand_over(logger: _Writer, method: str, event: EventDict) -> EventDict:
    """Hand a line to the root logger's other handlers, such as Sentry's."""
    level = logging.getLevelNamesMapping()[str(event["level"]).upper()]
    for handler in logging.getLogger().handlers:
        if level >= handler.level and not isinstance(handler.formatter, _Formatter):
            handler.handle(logging.LogRecord(logger.name, level, "", 0, {**event}, (), None, method))
    return event


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self, shared: list[Processor], mask: Mask) -> None:
        first = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        super().__init__(foreign_pre_chain=shared, processors=[first, *_renderers()])
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        return self._mask(super().format(record))


def _renderers() -> list[Processor]:
    if sys.stderr.isatty():
        colours = not os.environ.get("NO_COLOR")  # https://no-color.org
        return [
            _printable,
            _in_order,
            structlog.dev.ConsoleRenderer(
                colors=colours, exception_formatter=_print_exception, pad_event_to=24, sort_keys=False
            ),
        ]
    return [
        structlog.processors.ExceptionRenderer(_without_values),
        _in_order,
        structlog.processors.JSONRenderer(),
    ]


def _in_order(_: Any, __: str, event: EventDict) -> EventDict:
    return {**{key: event[key] for key in _FIRST if key in event}, **event}


def _printable(_: Any, __: str, event: EventDict) -> EventDict:
    """Escape what would move a terminal's cursor or forge a line; JSON does so by itself."""
    return {key: _escaped(value) if isinstance(value, str) else value for key, value in event.items()}


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def _without_values(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """Return an exception and what led to it: type, text without quoted values, places."""
    return [_told(each) for each in _DETAILS(exc_info)]


def _told(found: dict[str, Any]) -> dict[str, Any]:
    frames = [f"{each['filename']}:{each['lineno']} {each['name']}" for each in found["frames"]]
    told = {"type": found["exc_type"], "text": error_text(found["exc_value"]), "frames": frames}
    grouped = [[_told(each) for each in group] for group in found.get("exceptions") or ()]
    return {**told, "exceptions": grouped} if grouped else told


def _print_exception(out: TextIO, exc_info: ExcInfo) -> None:
    for each in _without_values(exc_info):
        out.write(f"\n    {each['type']}: {_escaped(each['text'])}")
        out.writelines(f"\n      {frame}" for frame in each["frames"])


def _catch_all() -> None:
    """Have warnings and uncaught exceptions logged like the rest; a test runner's own hook stays."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("uncaught exception", exc_info=(kind, error, trace))


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and told.exc_type is not SystemExit:
        _uncaught(told.exc_type, told.exc_value, told.exc_traceback)
