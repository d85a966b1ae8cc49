"""What people hand to commands: files of webhook bodies, moments."""

from collections.abc import Iterator
from dataclasses import dataclass

import click
import orjson
from marshmallow import ValidationError

from mappers.fields import Instant
from mappers.observation import Nanoseconds

_BOM = b"\xef\xbb\xbf"
_EXAMPLE = "Write it as 2026-01-01T00:00:00Z."


@dataclass(frozen=True, slots=True)
class Text:
    """What should be one webhook body, and where it stands, for people."""

    place: str
    raw: bytes


def bodies(name: str, data: bytes) -> Iterator[Text]:
    """Return a file's bodies: the whole of it where that is one JSON text, else its lines.

    A file of which no line is a JSON text by itself is one text, broken as it is. Lines end at a line
    feed only: JSON strings may hold other separators as they are.
    """
    data = data.removeprefix(_BOM)
    lines = [(number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    if len(lines) < 2 or _is_json(data) or not any(_is_object(line) for _, line in lines):
        yield Text(name, data)
        return
    for number, line in lines:
        yield Text(f"{name}, line {number}", line)


def instant(text: str, option: str) -> Nanoseconds:
    """Read a moment given on the command line; raise BadParameter with an example for anything else."""
    try:
        moment: Nanoseconds | None = Instant().deserialize(text)
    except ValidationError as error:
        raise click.BadParameter(f"{error.messages[0]} {_EXAMPLE}", param_hint=option) from None
    if moment is None:
        raise click.BadParameter(f"names no moment. {_EXAMPLE}", param_hint=option)
    return moment


def _is_json(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.lstrip().startswith(b"{") and _is_json(line)
