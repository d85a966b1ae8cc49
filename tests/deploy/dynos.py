"""Dynos as Heroku runs them, by honcho, and a PostgreSQL that speaks TLS alone."""

import asyncio
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil
from sqlalchemy import make_url

from tests.deploy.platforms import ROOT

_TLS_REQUEST = 80877103
"""What a client sends first when it wants TLS: https://www.postgresql.org/docs/current/protocol-message-formats.html"""


def checkout(into: Path) -> Path:
    """Copy what git knows of this checkout, and nothing of this machine."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, into / name)
    return into


class Dyno:
    """One dyno: a line of the Procfile in a folder of its own, which is thrown away with it."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        self.name, self.folder, self.starts = name, folder, 0
        self.log = folder / f"{name}.log"
        self.environment = {**environment, "DYNO": name, "PATH": f"{self._python_alone()}:/usr/bin:/bin"}
        self.process: subprocess.Popen[bytes] | None = None

    def _python_alone(self) -> Path:
        """Return a folder with `python` and no `dx-bridge`: pip's hash mode installs no console script."""
        shims = self.folder / "bin"
        shims.mkdir(exist_ok=True)
        (shims / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (shims / "python").chmod(0o755)
        return shims

    def start(self) -> Self:
        """Start it in a fresh copy of the checkout."""
        self.starts += 1
        slug = checkout(self.folder / f"{self.name}-{self.starts}")
        command = [sys.executable, "-m", "honcho", "start", self.name.partition(".")[0]]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=slug, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def wait(self, seconds: float) -> int:
        """Return what the Procfile's process exits with, and throw the folder away."""
        assert self.process
        self.process.wait(seconds)
        shutil.rmtree(self.folder / f"{self.name}-{self.starts}")
        return int(self.log.read_text().rpartition("stopped (rc=")[2].partition(")")[0])

    def kill(self) -> None:
        """End all its processes at once, as when the machine is gone."""
        if self.process is None or self.process.poll() is not None:
            return
        parent = psutil.Process(self.process.pid)
        for process in [parent, *parent.children(recursive=True)]:
            process.kill()
        self.process.wait(10)
        shutil.rmtree(self.folder / f"{self.name}-{self.starts}")

    def stop(self) -> int:
        """Send SIGTERM, which honcho passes on to every process as Heroku does; return the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.wait(30)


class TlsOnly:
    """Stands before a database of PostgreSQL and takes connections by TLS alone, as Heroku's does."""

    def __init__(self, url: str, chain: Path, key: Path) -> None:
        self.url = make_url(url)
        self.taken, self.refused = 0, 0
        self.port = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain, key)

    async def serve(self, ready: threading.Event) -> None:
        """Take connections until `end` is called."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._meet, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self._stop.wait()

    def end(self) -> None:
        """Take no more connections, and drop those there are; for another thread."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = int.from_bytes((await reader.readexactly(8))[4:])
            if asked != _TLS_REQUEST:
                self.refused += 1
                return
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(self._context)
            self.taken += 1
            answers, questions = await self._server()
            try:
                await asyncio.gather(_pump(reader, questions), _pump(answers, writer))
            finally:
                questions.transport.abort()
        except (OSError, EOFError):
            pass  # a killed client
        finally:
            writer.transport.abort()

    async def _server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = str(self.url.query.get("host") or self.url.host)
        port = self.url.port or 5432
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    @property
    def address(self) -> str:
        """Return the database's URL through this front, as Heroku writes it."""
        user, password = self.url.username, self.url.password or "none"
        return f"postgres://{user}:{password}@localhost:{self.port}/{self.url.database}"


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()


@contextmanager
def tls_only(url: str, chain: Path, key: Path) -> Iterator[TlsOnly]:
    """Run the front before the database of this URL."""
    front, ready = TlsOnly(url, chain, key), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(front.serve(ready)))
    thread.start()
    ready.wait(10)
    try:
        yield front
    finally:
        front.end()
        thread.join(10)
