"""The folder in which the processes of one machine share their metrics: PROMETHEUS_MULTIPROC_DIR.

`serve` makes one of its own unless there is one already; web workers and pipelines count in it. Nothing here
keeps a process from its work: without the folder, or without room in it, counts are missing and that is all.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from app.shared_values import UNUSABLE, SharedValue, hold

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "dx-bridge-metrics-"
_shared: list[Path] = []

log = structlog.get_logger()


def share() -> None:
    """Count in the folder that the environment names, if any; called when a process begins, after its fork."""
    if folder := os.environ.get(FOLDER):
        _shared[:] = [Path(folder)]
        with _told("metrics of this process are not counted"):
            _shared[0].mkdir(mode=0o700, parents=True, exist_ok=True)
            SharedValue.bind(_shared[0])


def collect(own: CollectorRegistry) -> Iterable[Metric]:
    """Return the counts of all processes that share the folder; without one, those of this process."""
    if not _shared:
        return list(own.collect())
    try:
        return list(MultiProcessCollector(None, str(_shared[0])).collect())  # type: ignore[no-untyped-call]
    except UNUSABLE as error:
        log.warning("metrics cannot be read", folder=str(_shared[0]), error=str(error))
        return []


@contextmanager
def folder() -> Iterator[None]:
    """Give the processes started in this block a folder, empty but for what living ones have counted."""
    if given := os.environ.get(FOLDER):
        with _told("metrics of ended processes are kept"):
            _forget_ended(Path(given))
        yield
        return
    made: Path | None = None
    held: int | None = None
    with _told("metrics are not counted over all processes"):
        made = Path(tempfile.mkdtemp(prefix=_PREFIX))
        held = hold(made)  # which also keeps systemd-tmpfiles from cleaning it up
        os.environ[FOLDER] = str(made)
        _remove_abandoned(made.parent)
    try:
        yield
    finally:
        if made:
            os.environ.pop(FOLDER, None)
            shutil.rmtree(made, ignore_errors=True)
        if held is not None:
            os.close(held)


def _forget_ended(given: Path) -> None:
    """Remove the files that no living process holds; another version may have written them."""
    for lock in given.glob("dx-*.lock"):
        if (held := hold(lock)) is not None:
            for file in given.glob(f"*_{lock.stem}.db"):
                file.unlink()
            os.close(held)


def _remove_abandoned(parent: Path) -> None:
    """Remove what a killed `serve` has left behind."""
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if path.is_symlink() or path.stat().st_uid != os.geteuid():
                continue
            if (held := hold(path)) is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(held)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Go on after a failure of the folder, having said so."""
    try:
        yield
    except UNUSABLE as error:
        log.warning(what, folder=os.environ.get(FOLDER), error=str(error))
