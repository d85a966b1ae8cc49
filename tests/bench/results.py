"""Results as JSON files, and what an earlier run of the same machine gave."""

import os
import platform
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from tests.bench.rows import Of, Row


@dataclass(frozen=True, slots=True)
class Earlier:
    """The medians of a row in an earlier run."""

    value: float
    ratio: float | None


def machine() -> dict[str, Any]:
    """Return what tells one machine from another, without its name."""
    host = sha256(socket.gethostname().encode()).hexdigest()[:12]
    return {"host": host, "cpus": len(os.sched_getaffinity(0))}


def write(folder: Path, rows: Iterable[Row], *, quick: bool) -> Path:
    """Store a run; return its file, named after the time in UTC."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S.%fZ}.json"
    run = {"machine": machine(), "quick": quick, "python": platform.python_version()}
    path.write_bytes(orjson.dumps({**run, "rows": [_told(row) for row in rows]}, option=orjson.OPT_INDENT_2))
    return path


def earlier(folder: Path, *, quick: bool) -> dict[str, Earlier]:
    """Return by row what the newest run of this machine and form gave that has the row; damaged files are passed over."""
    found: dict[str, Earlier] = {}
    for path in sorted(folder.glob("*.json"), reverse=True):
        for name, each in _rows(path, quick).items():
            found.setdefault(name, each)
    return found


def _rows(path: Path, quick: bool) -> dict[str, Earlier]:
    try:
        run = orjson.loads(path.read_bytes())
        same = (run["machine"], run["quick"]) == (machine(), quick)
        return {each["what"]: Earlier(each["value"], each["ratio"]) for each in run["rows"] if same}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}


def _told(row: Row) -> dict[str, Any]:
    return {
        "what": row.what,
        "unit": row.unit,
        "value": row.median("value"),
        "values": row.values,
        "against": row.against,
        "ratio": _ratio(row),
        "ratios": row.ratios,
        "aims": [str(each) for each in row.aims],
        "reached": row.reached,
    }


def _ratio(row: Row, of: Of = "ratio") -> float | None:
    return row.median(of) if row.ratios else None
