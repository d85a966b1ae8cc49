"""End when the parent has gone, however it went: it alone holds the other end of a pipe."""

import os
import signal
import threading
import time

PARENT_FD = "DX_BRIDGE_PARENT_FD"
GRACE_SECONDS = 25.0
"""For calls and requests under way; longer than the pipeline and gunicorn wait for theirs."""


def end_with_parent() -> None:
    """Watch the pipe inherited from a supervisor, if there is one, and end this process when it ends.

    SIGTERM first; what that does not end (its handler's exit may be lost in a callback) is killed, which is safe at any time.
    """
    descriptor = os.environ.get(PARENT_FD)
    if descriptor:
        threading.Thread(target=_watch, args=(int(descriptor),), name="parent-watcher", daemon=True).start()


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
