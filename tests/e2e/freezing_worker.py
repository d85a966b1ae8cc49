"""`dx-bridge work` that stops itself (SIGSTOP) once, before or after the check of its first call's lease."""

import signal
import sys
import threading
from pathlib import Path

from app import dx
from app.cli import main

MARK = "frozen"


def _freeze_once() -> None:
    if not Path(MARK).exists():
        Path(MARK).touch()
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # stops before this returns


class _FreezingBody(dx._GuardedBody):
    def read(self, size: int = -1) -> bytes:
        if sys.argv[1] == "before":
            _freeze_once()
        data = super().read(size)
        if data and sys.argv[1] == "after":
            _freeze_once()
        return data


if __name__ == "__main__":
    dx._GuardedBody = _FreezingBody
    main(["work"])
