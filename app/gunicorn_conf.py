"""gunicorn's configuration: threads, one worker class, logs as the rest of the bridge."""

import os
from typing import Any

from app.factory import THREADS
from app.logs import configure
from app.orphan import end_with_parent

wsgi_app = "app.wsgi:create()"
worker_class = "gthread"
threads = THREADS
timeout = 30
graceful_timeout = 20
keepalive = 5
backlog = 2048
control_socket_disable = True  # it would be shared or stolen between two bridges of one user


def on_starting(server: Any) -> None:
    """Log like the rest, and end when the supervisor has gone."""
    server.log.error_log.handlers.clear()
    server.log.error_log.propagate = True
    configure(os.environ.get("LOG_LEVEL", "INFO").upper() or "INFO")
    end_with_parent()
