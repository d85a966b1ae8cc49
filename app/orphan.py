"""End when the parent has gone, however it went: it alone holds the other end of a pipe."""

import os
import signal
import threading

PARENT_FD = "DX_BRIDGE_PARENT_FD"


def end_with_parent() -> None:
    """Watch the pipe inherited from a supervisor, if there is one, and send this process SIGTERM at its end."""
    descriptor = os.environ.get(PARENT_FD)
    if descriptor:
        threading.Thread(target=_watch, args=(int(descriptor),), name="parent-watcher", daemon=True).start()


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
