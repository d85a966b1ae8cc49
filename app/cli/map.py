"""`dx-bridge map`: what webhook bodies would become in DX; pure, no database, no network."""

import sys
import time
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from typing import BinaryIO

import click
import orjson
from marshmallow import ValidationError

from app.fold import Mapped, map_body, wanted
from app.incident import State, merge
from app.policy import request
from app.settings import Source, default_sources
from app.webhook import NotJSONError, digest, parse, read_webhook
from mappers import MAPPERS, recognise
from mappers.fields import Instant
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
    received = time.time_ns() if received_at is None else _instant(received_at)
    lines = [_line(raw, source, received) for file in files for raw in _bodies(file.read())]
    if fold:
        _print_incidents(lines)
    else:
        for line in lines:
            _print(line.as_json())
    sys.exit(any(line.mapped.outcome in ("unmappable", "failed") for line in lines))


def _instant(text: str) -> Nanoseconds:
    try:
        instant: Nanoseconds | None = Instant().deserialize(text)
    except ValidationError as error:
        raise click.BadParameter(str(error.messages[0]), param_hint="--received-at") from None
    return instant or time.time_ns()


def _bodies(data: bytes) -> list[bytes]:
    """Return the texts in a file: all of it where that is JSON, or its first line is none, else its lines."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    return lines if len(lines) > 1 and not _is_json(data) and _is_json(lines[0]) else [data]


def _is_json(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def _line(raw: bytes, source_name: str | None, received_at: Nanoseconds) -> Line:
    try:
        vendor = source_name or recognise(parse(raw))
        if vendor is None:
            return Line(digest(raw), None, Mapped("unmappable", _UNKNOWN))
        source = default_sources()[vendor]
        webhook = read_webhook(source, raw)
    except NotJSONError as error:
        return Line(sha256(raw).hexdigest(), None, Mapped("unmappable", f"not a JSON object: {error}"))
    return Line(webhook.key, source, map_body(source, webhook.body, received_at))


def _document(source: Source, vendor_id: str, state: State) -> dict[str, object]:
    desired = wanted(source, vendor_id, state)
    return {"reference_id": desired.reference_id, "request": request(desired)}


def _print_incidents(lines: list[Line]) -> None:
    states: dict[tuple[str, str], tuple[Source, list[State]]] = {}
    for line in lines:
        if line.source and line.mapped.key and line.mapped.state:
            states.setdefault(line.mapped.key, (line.source, []))[1].append(line.mapped.state)
        elif line.mapped.outcome != "ignored":
            click.echo(f"unmappable: {line.event} {line.mapped.reason}", err=True)
    for (name, vendor_id), (source, found) in states.items():
        _print({"source": name, "outcome": "upsert", **_document(source, vendor_id, reduce(merge, found))})


def _print(line: dict[str, object]) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
