"""`make bench`: measure, print the table, store the result."""

import argparse
import os
import platform
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.bench import results
from tests.bench.context import Context, Form, filesystem
from tests.bench.measurements import MEASUREMENTS
from tests.bench.rows import Row
from tests.bench.table import table
from tests.bench.tell import tell
from tests.harness import ROOT

_IN_MEMORY = ("tmpfs", "ramfs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0; 1 where a measurement could not be taken, 130 where it was interrupted."""
    given = _options().parse_args(arguments)
    form = Form(given.rounds or (2 if given.quick else 7), given.soak, quick=given.quick, full=given.full)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rows, failed, code = list[Row](), list[str](), 0
    try:
        with Context(form) as context:
            print(_head(context), end="\n\n", flush=True)
            for name in given.only or MEASUREMENTS:
                _take(name, context, rows, failed)
    except KeyboardInterrupt:
        code = 130
    _print(rows, given.results, quick=given.quick, complete=code == 0)
    for name in failed:
        print(f"could not be measured: {name}")
    return code or int(bool(failed))


def _take(name: str, context: Context, rows: list[Row], failed: list[str]) -> None:
    """Add a measurement's rows; one that fails is told of, and the others go on."""
    tell(name)
    try:
        rows += list(MEASUREMENTS[name](context))
    except Exception:  # noqa: BLE001 - whatever it is, the other measurements can be taken
        traceback.print_exc()
        failed.append(name)


def _print(rows: Sequence[Row], folder: Path, *, quick: bool, complete: bool) -> None:
    if not rows:
        return
    print(table(rows, results.earlier(folder, quick=quick)))
    if complete:
        print(f"\n{results.write(folder, rows, quick=quick)}")


def _head(context: Context) -> str:
    told = results.machine()
    disk, load = filesystem(context.folder), os.getloadavg()[0]
    python = f"Python {platform.python_version()}"
    lines = [f"{told['cpus']} CPUs, {python}, {context.form.rounds} rounds, files on {disk}"]
    if load > told["cpus"] / 2:
        lines.append(f"The machine is busy (load {load:.1f}): absolute figures are too low.")
    if disk in _IN_MEMORY:
        lines.append("The files are in memory, so commits cost nothing: set TMPDIR to a folder on a disk.")
    if context.form.quick:
        lines.append("The quick form shows that everything can be measured; its figures mean little.")
    return "\n".join(lines)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--only", type=_names, help=f"some of {', '.join(MEASUREMENTS)}, with commas")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--rounds", type=_rounds, help="interleaved rounds; default 7, quick 2")
    parser.add_argument("--soak", type=float, default=5.0, metavar="MINUTES", help="of the memory; default 5")
    parser.add_argument("--full", action="store_true", help="1,000,000 incidents on PostgreSQL, too")
    parser.add_argument("--results", type=Path, default=ROOT / ".bench", help="folder of the results")
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(MEASUREMENTS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))} is none of {', '.join(MEASUREMENTS)}")
    return names


def _rounds(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("is at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
