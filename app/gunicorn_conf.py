"""gunicorn's configuration: threads, one worker class, its logs and refusals like the rest of the bridge."""

import logging
from typing import Any

import orjson
from gunicorn import util
from gunicorn.glogging import Logger

from app.factory import THREADS
from app.logs import configure
from app.metric_files import share
from app.orphan import end_with_parent
from app.settings import read_settings


class BridgeLogger(Logger):  # type: ignore[misc]
    """Hands gunicorn's log lines to the bridge's own handler."""

    def setup(self, cfg: Any) -> None:
        """Set up the bridge's format instead of gunicorn's."""
        super().setup(cfg)
        settings, _ = read_settings()
        configure(settings.log_level, settings.secrets())
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.addFilter(_without_the_request)


def _without_the_request(record: logging.LogRecord) -> bool:
    """Cut a complaint about a request short: it would quote the line, which may hold a token."""
    if record.getMessage().startswith("Invalid request"):
        record.msg, record.args, record.exc_info = "Invalid request", (), None
    return True


def _write_error(connection: Any, status: int, reason: str, _: str) -> None:
    """Answer what never reached the application in JSON, too."""
    code = reason.lower().replace(" ", "_")
    body = orjson.dumps({"error": code, "message": "The request is not valid HTTP for this server."})
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    util.write_nonblock(connection, head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


util.write_error = _write_error

wsgi_app = "app.wsgi:create()"
worker_class = "gthread"
logger_class = BridgeLogger
threads = THREADS
timeout = 30
graceful_timeout = 20
keepalive = 5
backlog = 2048
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}  # whom to believe is TRUSTED_PROXIES, in app/web/proxy.py
control_socket_disable = True  # it would be shared or stolen between two bridges of one user


def post_fork(_: Any, __: Any) -> None:
    """Count together with the other processes."""
    share()


def on_starting(_: Any) -> None:
    """End when the supervisor has gone."""
    end_with_parent()
