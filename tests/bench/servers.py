"""The servers that are compared: the same gunicorn class, workers and threads for all."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from app.factory import THREADS
from tests.bench.load import SECRET
from tests.harness import ROOT, free_port, wait_until

_ENVIRONMENT = {
    "PAGERDUTY_WEBHOOK_SECRETS": SECRET.decode(),
    "LOG_LEVEL": "WARNING",
    "RECONCILE_EVERY": "0",
    "PYTHONPATH": str(ROOT),
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running web server, with all of its processes."""

    name: str
    url: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far, user and system."""
        times = [each.cpu_times() for each in self.processes()]
        return sum(each.user + each.system for each in times)

    def processes(self) -> list[psutil.Process]:
        """Return its processes, the parent first."""
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def gunicorn(name: str, application: str, workers: int, folder: Path, **settings: str) -> Iterator[Server]:
    """Serve an application of `tests.bench.bare` with the bridge's own flags."""
    port = free_port()
    flags = ["--worker-class", "gthread", "--workers", str(workers), "--threads", str(THREADS)]
    more = ["--keep-alive", "5", "--backlog", "2048", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", *flags, *more, application]
    with _running(name, command, port, folder, settings) as server:
        wait_until(lambda: requests.post(f"{server.url}/webhooks/pagerduty", timeout=5).ok, what=name)
        yield server


@contextmanager
def bridge(name: str, workers: int, folder: Path, database_url: str, *arguments: str, **settings: str) -> Iterator[Server]:
    """Serve the bridge; with `--web-only` nothing is folded meanwhile."""
    port = free_port()
    command = [sys.executable, "-m", "app", "serve", "--bind", f"127.0.0.1:{port}", *arguments]
    own = {"DATABASE_URL": database_url, "WEB_CONCURRENCY": str(workers), **settings}
    with _running(name, command, port, folder, own) as server:
        wait_until(lambda: requests.get(f"{server.url}/readyz", timeout=5).ok, what=name)
        yield server


@contextmanager
def _running(
    name: str, command: list[str], port: int, folder: Path, settings: Mapping[str, str]
) -> Iterator[Server]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DX_", "PORT"))}
    with (folder / f"{name.replace(' ', '-')}.log").open("ab") as log:
        environment = {**kept, **_ENVIRONMENT, **settings}
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield Server(name, f"http://127.0.0.1:{port}", psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(30)
