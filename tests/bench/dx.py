"""A stand-in for DX that costs next to nothing: it answers, and knows what it received when."""

import asyncio
import socket
import time
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection

import orjson

from tests.bench.companion import Companion

_OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
_DOWN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ndown"


@dataclass(slots=True)
class Log:
    """The calls since the last look; times are those of the system's steady clock, in seconds."""

    calls: int = 0
    began: float = 0.0
    """When the first was received."""
    ended: float = 0.0
    """When the last was answered."""
    receipts: dict[str, float] = field(default_factory=dict)
    """When each reference was first received."""
    waits: float = 0.0
    """Seconds from receipt to answer, all calls together."""


class StandIn(Companion):
    """A DX on a free port of loopback; it takes any token."""

    def __init__(self) -> None:
        super().__init__(_serve)
        self.url: str = self.answer()

    def behave(self, *, delay: float = 0.0, down: bool = False) -> None:
        """Answer after so many seconds from now on; `down`: not at all as DX would."""
        self.ask("behave", delay, down)

    def log(self) -> Log:
        """Return the calls since the last `take`."""
        log: Log = self.ask("log")
        return log

    def count(self) -> int:
        """Return the number of different references since the last `take`."""
        number: int = self.ask("count")
        return number

    def take(self) -> Log:
        """Return the calls and begin anew."""
        log: Log = self.ask("take")
        return log


class _State:
    def __init__(self) -> None:
        self.log, self.delay, self.down = Log(), 0.0, False

    def answer(self, what: str, *given: object) -> object:
        if what == "behave":
            self.delay, self.down = given  # type: ignore[assignment]
            return None
        if what == "count":
            return len(self.log.receipts)
        log = self.log
        if what == "take":
            self.log = Log()
        return log


class _Exchange(asyncio.Protocol):
    def __init__(self, state: _State) -> None:
        self._state, self._received = state, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length: ")
        if not separator or len(body) < int(length.split(b"\r\n", 1)[0] or 0):
            return
        self._received = b""
        self._note(time.monotonic(), orjson.loads(body)["reference_id"])

    def _note(self, now: float, reference: str) -> None:
        log = self._state.log
        log.calls += 1
        log.began = log.began or now
        log.receipts.setdefault(reference, now)
        if self._state.delay:
            asyncio.get_running_loop().call_later(self._state.delay, self._answer, log, now)
        else:
            self._answer(log, now)

    def _answer(self, log: Log, received: float) -> None:
        self._transport.write(_DOWN if self._state.down else _OK)  # type: ignore[attr-defined]
        log.ended = time.monotonic()
        log.waits += log.ended - received


def _serve(pipe: Connection) -> None:
    asyncio.run(_listen(pipe))


async def _listen(pipe: Connection) -> None:
    state, ended, loop = _State(), asyncio.Event(), asyncio.get_running_loop()
    server = await loop.create_server(partial(_Exchange, state), "127.0.0.1", 0)

    def answer() -> None:
        try:
            question = pipe.recv()
        except EOFError:
            question = None
        if question is None:
            loop.remove_reader(pipe.fileno())
            ended.set()
        else:
            pipe.send(state.answer(*question))

    loop.add_reader(pipe.fileno(), answer)
    pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await ended.wait()
    server.close()
