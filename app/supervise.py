"""Keep child processes running: restarted with back-off when they die, all stopped together."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from app.orphan import PARENT_FD

log = structlog.get_logger()

DEATHS_LIMIT = 5
DEATHS_WINDOW = 60.0
STOP_SECONDS = 24.0
_LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Child:
    """One child process, and when it died lately (steady seconds)."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    deaths: deque[float] = field(default_factory=deque)
    restart_at: float = 0.0


class Supervisor:
    """Runs children until one dies too often (exit code 1) or a signal says stop (exit code 0)."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children
        self._stopping = False
        self._pipe, self._held_open = os.pipe()

    def run(self) -> int:
        """Start the children, watch them, stop them; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        hopeless = False
        while not self._stopping and not hopeless:
            for child in self._children:
                self._look_after(child)
            hopeless = any(len(child.deaths) >= DEATHS_LIMIT for child in self._children)
            time.sleep(_LOOK_SECONDS)
        self._end_all()
        return 1 if hopeless else 0

    def _stop(self, *_: Any) -> None:
        self._stopping = True

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            self._bury(child, now)
        if child.process is None and now >= child.restart_at:
            self._start(child)

    def _bury(self, child: Child, now: float) -> None:
        code = child.process.returncode if child.process else None
        child.process = None
        child.deaths.append(now)
        while now - child.deaths[0] > DEATHS_WINDOW:
            child.deaths.popleft()
        child.restart_at = now + 0.25 * 2 ** len(child.deaths)
        log.error("a process died", process=child.name, code=code, deaths_in_a_minute=len(child.deaths))

    def _start(self, child: Child) -> None:
        environment = {**os.environ, PARENT_FD: str(self._pipe)}
        child.process = subprocess.Popen(child.command, env=environment, pass_fds=[self._pipe])  # noqa: S603

    def _end_all(self) -> None:
        running = [child.process for child in self._children if child.process]
        for process in running:
            process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("a process did not end in time", pid=process.pid)
                process.kill()
                process.wait()
