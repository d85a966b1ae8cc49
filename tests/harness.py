"""Real processes on loopback: the sandbox as DX, the bridge as its users run it. For tests and the demo."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import orjson
import requests

from app.verify import SIGNERS

ROOT = Path(__file__).resolve().parent.parent
DX_TOKEN = "sandbox-token-0123456789"
ADMIN_TOKEN = "admin-token-0123456789"
SECRETS = {
    "pagerduty": ("PAGERDUTY_WEBHOOK_SECRETS", "pagerduty-secret-0123456789"),
    "opsgenie": ("OPSGENIE_WEBHOOK_TOKENS", "opsgenie-token-0123456789"),
    "jsm": ("JSM_WEBHOOK_TOKENS", "jsm-token-0123456789"),
    "jira": ("JIRA_WEBHOOK_SECRETS", "jira-secret-0123456789"),
}


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until(condition: Callable[[], Any], seconds: float = 30, what: str = "the condition") -> Any:
    """Return the condition's first true value; fail when it takes longer than `seconds`."""
    until = time.monotonic() + seconds
    while not (value := _quietly(condition)):
        if time.monotonic() > until:
            message = f"{what} did not come true within {seconds} s"
            raise AssertionError(message)
        time.sleep(0.02)
    return value


def _quietly(condition: Callable[[], Any]) -> Any:
    try:
        return condition()
    except requests.ConnectionError:
        return False


def signed(source: str, body: bytes) -> dict[str, str]:
    """Return the headers of an authentic webhook."""
    return {"Content-Type": "application/json", **SIGNERS[source](body, SECRETS[source][1].encode())}


class Bridge:
    """A bridge on a free port with its database and log in `folder`; `settings` are environment variables."""

    def __init__(self, folder: Path, dx_url: str, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DX_", "PORT"))}
        self.environment = {
            **kept,
            **dict(SECRETS.values()),
            "PYTHONPATH": str(ROOT),
            "DX_BASE_URL": dx_url,
            "DX_API_TOKEN": DX_TOKEN,
            "DX_MAX_RPS": "0",
            "BRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
            "DATABASE_URL": f"sqlite:///{folder}/bridge.db",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.wrapper: list[str] = []

    def command(self, *arguments: str) -> list[str]:
        """Return a `dx-bridge` command line."""
        return [*self.wrapper, sys.executable, "-m", "app", *arguments]

    def start(self, *arguments: str) -> Self:
        """Start `dx-bridge serve`."""
        return self._start("serve", "--bind", f"127.0.0.1:{self.port}", *arguments)

    def start_pipeline(self) -> Self:
        """Start `dx-bridge work`."""
        return self._start("work")

    def _start(self, *arguments: str) -> Self:
        with (self.folder / "bridge.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(*arguments), env=self.environment, cwd=self.folder, stdout=log, stderr=log
            )
        return self

    def processes(self) -> list[Any]:
        """Return the living processes, the parent first."""
        import psutil  # noqa: PLC0415 - the demo does without

        if self.process is None or not psutil.pid_exists(self.process.pid):
            return []
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def kill(self) -> None:
        """End all processes with SIGKILL."""
        for process in self.processes():
            process.kill()
        if self.process:
            self.process.wait(10)

    def wait_ready(self) -> Self:
        """Wait until webhooks are accepted."""
        wait_until(lambda: requests.get(f"{self.url}/readyz", timeout=5).ok, what=f"readiness ({self.log()})")
        return self

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another `dx-bridge` command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def stop(self) -> int:
        """Send SIGTERM to the parent and return its exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def post(self, source: str, body: bytes, session: Any = requests) -> requests.Response:
        """Post one authentic webhook."""
        url = f"{self.url}/webhooks/{source}"
        response: requests.Response = session.post(url, data=body, headers=signed(source, body), timeout=30)
        return response

    def stats(self) -> dict[str, Any]:
        """Return /api/v1/stats."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        counted: dict[str, Any] = requests.get(f"{self.url}/api/v1/stats", headers=headers, timeout=10).json()
        return counted

    def is_settled(self) -> bool:
        """Whether everything received has been folded and delivered."""
        counted = self.stats()
        return counted["events"]["unfolded"] == 0 and counted["incidents"]["due"] == 0

    def log(self) -> str:
        """Return the end of the log."""
        file = self.folder / "bridge.log"
        return file.read_text()[-3000:] if file.exists() else ""


class Sandbox:
    """The sandbox's control interface."""

    def __init__(self, url: str) -> None:
        self.url = url

    def incidents(self) -> dict[str, dict[str, Any]]:
        """Return what DX holds, by reference."""
        held = requests.get(f"{self.url}/sandbox/incidents", timeout=10).json()["incidents"]
        return {each["reference_id"]: each for each in held}

    def calls(self) -> dict[str, Any]:
        """Return the log of calls."""
        log: dict[str, Any] = requests.get(f"{self.url}/sandbox/calls", timeout=10).json()
        return log

    def faults(self, *faults: dict[str, Any]) -> None:
        """Switch faults on, or all of them off."""
        requests.put(f"{self.url}/sandbox/faults", data=orjson.dumps(faults), timeout=10).raise_for_status()


@contextmanager
def running_sandbox() -> Iterator[Sandbox]:
    """Run `dx-bridge sandbox` in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "app", "sandbox", "--port", str(port), "--token", DX_TOKEN]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    sandbox = Sandbox(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: requests.get(sandbox.url, timeout=5).ok, what="the sandbox")
        yield sandbox
    finally:
        process.terminate()
        process.wait(10)
