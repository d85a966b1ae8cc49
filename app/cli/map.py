"""`dx-bridge map`: what webhook bodies would become in DX; pure, no database, no network."""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from typing import BinaryIO

import click
import orjson

from app.cli.inputs import Text, bodies, instant
from app.fold import Mapped, map_body, wanted
from app.incident import State, merge
from app.policy import request
from app.settings import Source, default_sources
from app.store.events import PROBLEMS
from app.webhook import NotJSONError, digest, parse, read_webhook
from mappers import MAPPERS, recognise
from mappers.observation import Nanoseconds

_UNKNOWN = "no vendor is recognised in this body; name it with --source"


@dataclass(frozen=True, slots=True)
class Line:
    """One body's outcome."""

    event: str
    source: Source | None
    mapped: Mapped

    def as_json(self) -> dict[str, object]:
        """Return the object to print."""
        head = {
            "event": self.event,
            "source": self.source and self.source.name,
            "outcome": self.mapped.outcome,
        }
        if self.source is None or self.mapped.key is None or self.mapped.state is None:
            return {**head, "reason": self.mapped.reason}
        return head | _document(self.source, self.mapped.key[1], self.mapped.state)


@click.command("map")
@click.option(
    "--source", type=click.Choice(sorted(MAPPERS)), help="The vendor, where the body does not tell."
)
@click.option("--received-at", metavar="T", help="The time of receipt, ISO-8601 with a zone. Default: now.")
@click.option("--fold", is_flag=True, help="Merge all events and print one object per incident.")
@click.argument("files", type=click.File("rb"), nargs=-1, required=True, metavar="FILE…")
def command(source: str | None, received_at: str | None, fold: bool, files: tuple[BinaryIO, ...]) -> None:
    """Print what webhook bodies would become in DX, one JSON object a line.

    Each FILE (- is standard input) is one webhook body or JSON Lines of them. Nothing is stored or
    sent. Exit code: 0, or 1 if anything was unmappable, or 2 for bad usage or unreadable files.

    \b
      dx-bridge map webhook.json
      dx-bridge map --fold history.jsonl
      dx-bridge map --source jsm - < alert.json
    """
    received = time.time_ns() if received_at is None else instant(received_at, "--received-at")
    lines = (
        _line(text, source, received)
        for file in files
        for text in bodies(getattr(file, "name", "-"), file.read())
    )
    unmappable = _print_incidents(lines) if fold else _print_lines(lines)
    sys.exit(unmappable > 0)


def _line(text: Text, source_name: str | None, received_at: Nanoseconds) -> Line:
    try:
        vendor = source_name or recognise(parse(text.raw))
        if vendor is None:
            return Line(digest(text.raw), None, Mapped("unmappable", f"{text.place}: {_UNKNOWN}"))
        source = default_sources()[vendor]
        webhook = read_webhook(source, text.raw)
    except NotJSONError as error:
        mapped = Mapped("unmappable", f"{text.place}: not a JSON object: {error}")
        return Line(sha256(text.raw).hexdigest(), None, mapped)
    return Line(webhook.key, source, map_body(source, webhook.body, received_at))


def _document(source: Source, vendor_id: str, state: State) -> dict[str, object]:
    desired = wanted(source, vendor_id, state)
    return {"reference_id": desired.reference_id, "request": request(desired)}


def _print_lines(lines: Iterable[Line]) -> int:
    unmappable = 0
    for line in lines:
        unmappable += line.mapped.outcome in PROBLEMS
        _print(line.as_json())
    return unmappable


def _print_incidents(lines: Iterable[Line]) -> int:
    states: dict[tuple[str, str], tuple[Source, list[State]]] = {}
    unmappable = 0
    for line in lines:
        if line.source and line.mapped.key and line.mapped.state:
            states.setdefault(line.mapped.key, (line.source, []))[1].append(line.mapped.state)
        elif line.mapped.outcome in PROBLEMS:
            unmappable += 1
            click.echo(f"unmappable: {line.event} {line.mapped.reason}", err=True)
    for (name, vendor_id), (source, found) in states.items():
        _print({"source": name, "outcome": "upsert", **_document(source, vendor_id, reduce(merge, found))})
    return unmappable


def _print(line: dict[str, object]) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
