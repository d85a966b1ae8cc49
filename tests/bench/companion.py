"""Processes that help to measure: their work is not done by the measured ones, nor by the one that asks."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

_context = multiprocessing.get_context("spawn")


class Companion:
    """A process that answers questions, one after the other; it ends with whoever asks."""

    def __init__(self, serve: Callable[..., None], *arguments: Any) -> None:
        self._own, theirs = _context.Pipe()
        self._process = _context.Process(target=_main, args=(serve, theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, *question: Any) -> None:
        """Ask, and fetch the answer later with `answer`."""
        self._own.send(question)

    def has_answer(self, within: float) -> bool:
        """Wait for the answer so many seconds; return whether it is there."""
        return self._own.poll(within)

    def answer(self, patience: float = 120) -> Any:
        """Return the answer; raise RuntimeError where none comes within so many seconds."""
        try:
            if self.has_answer(patience):
                return self._own.recv()
        except EOFError:
            raise RuntimeError("a process of the benchmark has ended; its error is above") from None
        raise RuntimeError(f"a process of the benchmark did not answer within {patience:g} s")

    def ask(self, *question: Any, patience: float = 120) -> Any:
        """Ask and return the answer, as `answer` does."""
        self.begin(*question)
        return self.answer(patience)

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._own.send(None)
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(5)
        self._own.close()


def apart(function: Callable[..., Any], *arguments: Any, log: Path, patience: float = 3600) -> Any:
    """Return what a function returns in a fresh process whose output goes into a file."""
    with Companion(_call, function, log) as companion:
        return companion.ask(*arguments, patience=patience)


def _main(serve: Callable[..., None], pipe: Connection, *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks ends it
    with suppress(EOFError, BrokenPipeError):
        serve(pipe, *arguments)


def _call(pipe: Connection, function: Callable[..., Any], log: Path) -> None:
    told = os.dup(sys.stderr.fileno())
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    try:
        pipe.send(function(*(pipe.recv() or ())))
    except Exception:
        os.dup2(told, sys.stderr.fileno())
        raise
