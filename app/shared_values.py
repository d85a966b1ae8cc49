"""The numbers behind the metrics: in memory, and in a file of this process once `bind` was called.

The files are those of prometheus-client's multiprocess mode, which its collector reads. What writes them
is made here, because a process that starts has to go on with the files of one that has ended: then restarts
add no files, and no count goes back.
"""

import fcntl
import os
import struct
from errno import ENOSPC
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import structlog
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict, mmap_key

UNUSABLE = (OSError, ValueError, RuntimeError, LookupError, struct.error)
"""What a file raises that cannot be made or grow, or that is damaged."""
_SIZE = 1 << 18
_lock = Lock()

log = structlog.get_logger()


def hold(path: Path) -> int | None:
    """Lock a file or folder until the descriptor returned is closed; None while another process holds it."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


class _File(MmapedDict):
    """A file of numbers whose blocks are taken from the disk beforehand.

    To write to a mapped page that the disk has no room for would end the process (SIGBUS).
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            _create(path)
        super().__init__(str(path))  # type: ignore[no-untyped-call]

    def counted(self, key: str) -> float:
        """Return the number of this key, zero for a new one; raise OSError where there is no room for it."""
        value: float = self.read_value(key)[0]  # type: ignore[no-untyped-call]
        return value

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + 32 > self._capacity:
            _allocate(self._f.fileno(), self._capacity * 2)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _create(path: Path) -> None:
    """Make the file whole under another name first: the collector cannot read an empty one."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
    try:
        _allocate(descriptor, _SIZE)
    finally:
        os.close(descriptor)
    draft.rename(path)


def _allocate(descriptor: int, size: int) -> None:
    """Lengthen a file by written zeros; raise OSError where there is no room."""
    held = os.fstat(descriptor).st_size
    if size > held and os.pwrite(descriptor, bytes(size - held), held) != size - held:
        raise OSError(ENOSPC, os.strerror(ENOSPC))


class _Slot:
    """The lowest number in a folder that no living process holds, and this process's files of that number."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, _File | None] = {}
        for number in count():
            self._path, self._held = folder / f"dx-{number}", hold(folder / f"dx-{number}.lock")
            if self._held is not None:
                break

    def open(self, kind: str, key: str) -> tuple[_File | None, float]:
        """Return the file for a number and what it holds; no file, and no further try, where that fails."""
        try:
            if kind not in self._files:
                self._files[kind] = _File(self._path.with_name(f"{kind}_{self._path.name}.db"))
            file = self._files[kind]
            return file, file.counted(key) if file else 0.0
        except UNUSABLE as error:
            log.warning("some metrics of this process are not counted", error=str(error))
            self._files[kind] = None
            return None, 0.0


class SharedValue:
    """One number; prometheus-client makes one for each sample of a counter or histogram."""

    _multiprocess = False
    _slot: _Slot | None = None
    _all: list["SharedValue"] = []  # noqa: RUF012 - of the class, as the slot is

    def __init__(  # noqa: PLR0913, PLR0917 - prometheus-client calls it so
        self, typ: str, metric_name: str, name: str, labels: Any, told: Any, text: str, **_: Any
    ) -> None:
        self._kind, self._key = typ, mmap_key(metric_name, name, labels, told, text)
        self._value = 0.0
        self._file: _File | None = None
        with _lock:
            self._all.append(self)
            self._bind()

    @classmethod
    def bind(cls, folder: Path) -> None:
        """Count in this folder's files from now on, those that exist and those to come."""
        with _lock:
            SharedValue._slot = _Slot(folder)
            for each in cls._all:
                each._bind()  # noqa: SLF001 - its own

    def inc(self, amount: float) -> None:
        """Add to the number."""
        with _lock:
            self._write(self._value + amount)

    def set(self, value: float, _: float | None = None) -> None:
        """Set the number, which is a gauge's."""
        with _lock:
            self._write(value)

    def get(self) -> float:
        """Return the number."""
        return self._value

    def get_exemplar(self) -> None:
        """Return nothing: exemplars are not kept."""

    def _bind(self) -> None:
        """Go on from what the slot's last process has counted; a gauge has nothing to go on from."""
        if self._slot and self._kind != "gauge":
            self._file, counted = self._slot.open(self._kind, self._key)
            self._write(self._value + counted)

    def _write(self, value: float) -> None:
        self._value = value
        if self._file:
            self._file.write_value(self._key, value, 0.0)  # type: ignore[no-untyped-call]


values.ValueClass = SharedValue
