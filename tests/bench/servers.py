"""The processes that are measured: web servers under the same gunicorn flags for all, and the pipeline."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests

from app.factory import THREADS
from tests.bench.bodies import SECRET
from tests.harness import DX_TOKEN, ROOT, free_port, wait_until

_KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "LD_LIBRARY_PATH")
"""Nothing else of the environment: it may have a token, a policy, a place for traces."""
_SETTINGS = {
    "PAGERDUTY_WEBHOOK_SECRETS": SECRET.decode(),
    "LOG_LEVEL": "INFO",
    "RECONCILE_EVERY": "0",
    "PYTHONPATH": str(ROOT),
}
BRIDGE = (sys.executable, "-m", "app")


@dataclass(frozen=True, slots=True)
class Server:
    """A running program, with all of its processes."""

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

    def worker(self) -> psutil.Process:
        """Return the process that does the work: the youngest without children."""
        return max(self.processes(), key=lambda each: (not each.children(), each.create_time()))


@contextmanager
def gunicorn(name: str, application: str, workers: int, folder: Path, **settings: str) -> Iterator[Server]:
    """Serve an application of `tests.bench.bare` with the bridge's own flags."""
    port = free_port()
    flags = ["--worker-class", "gthread", "--workers", str(workers), "--threads", str(THREADS)]
    more = ["--keep-alive", "5", "--backlog", "2048", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", *flags, *more, application]
    with _running(name, command, folder, settings, f"http://127.0.0.1:{port}") as server:
        _await(server, folder, lambda: requests.post(f"{server.url}/webhooks/pagerduty", timeout=5).ok)
        yield server


@contextmanager
def web(name: str, workers: int, folder: Path, database_url: str) -> Iterator[Server]:
    """Serve the bridge's web side; nothing is folded by it."""
    with starting(name, folder, database_url, "--web-only", WEB_CONCURRENCY=str(workers)) as server:
        _await(server, folder, lambda: requests.get(f"{server.url}/readyz", timeout=5).ok)
        yield server


@contextmanager
def starting(
    name: str, folder: Path, database_url: str, *arguments: str, **settings: str
) -> Iterator[Server]:
    """Start `dx-bridge serve` on a free port; it may not be ready yet."""
    port = free_port()
    command = [*BRIDGE, "serve", "--bind", f"127.0.0.1:{port}", *arguments]
    own = {"DATABASE_URL": database_url, **settings}
    with _running(name, command, folder, own, f"http://127.0.0.1:{port}") as server:
        yield server


@contextmanager
def work(
    name: str, folder: Path, database_url: str, dx_url: str, *arguments: str, **settings: str
) -> Iterator[Server]:
    """Run the pipeline towards a stand-in for DX, without a cap on its calls."""
    to = {"DX_BASE_URL": dx_url, "DX_API_TOKEN": DX_TOKEN, "DX_MAX_RPS": "0"}
    own = {"DATABASE_URL": database_url, **to, **settings}
    with _running(name, [*BRIDGE, "work", *arguments], folder, own) as server:
        yield server


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a measured process."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, **_SETTINGS, **settings}


def log_file(name: str, folder: Path) -> Path:
    """Return where a process writes its log."""
    return folder / f"{name.replace(' ', '-')}.log"


@contextmanager
def _running(
    name: str, command: list[str], folder: Path, settings: Mapping[str, str], url: str = ""
) -> Iterator[Server]:
    with log_file(name, folder).open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(**settings),
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the benchmark, which ends them in order
        )
    server = Server(name, url, psutil.Process(process.pid))
    try:
        yield server
    finally:
        _end(server, process)


def _end(server: Server, process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        for each in server.processes():
            each.kill()
        process.wait(10)


def _await(server: Server, folder: Path, is_ready: Callable[[], bool]) -> None:
    try:
        wait_until(is_ready, seconds=60, what=server.name)
    except AssertionError:
        end = log_file(server.name, folder).read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"{server.name} does not get ready:\n{end}") from None


def exit_code(server: Server, seconds: float) -> int:
    """Wait for a program's own end; raise TimeoutError where it takes longer."""
    try:
        return server.process.wait(seconds)
    except psutil.TimeoutExpired:
        raise TimeoutError(f"{server.name} did not end within {seconds:g} s") from None


def until_ready(server: Server, seconds: float = 60) -> float:
    """Look every few milliseconds for /readyz to answer 200; return the steady time when it did."""
    until, address = time.monotonic() + seconds, urlsplit(server.url).netloc
    while time.monotonic() < until:
        with suppress(OSError, HTTPException), closing(HTTPConnection(address, timeout=1)) as connection:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return time.monotonic()
        time.sleep(0.005)  # it must leave the processors to what starts
    raise TimeoutError(f"{server.name} is not ready after {seconds:g} s")
