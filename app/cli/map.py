"""`dx-bridge map`: what webhook bodies would become in DX; pure, no database, no network."""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from app import garbage
from app.cli.common import config_or_exit
from app.cli.inputs import Text, bodies, instant
from app.config import Config
from app.decide import Standing, Wanted
from app.document import request
from app.fold import Mapped, map_body
from app.incident import State, merge
from app.policy import Policy
from app.renew import judge
from app.sources import Source, all_sources
from app.store.events import PROBLEMS
from app.store.incidents import Key
from app.webhook import NotJSONError, digest, parse, read_webhook
from mappers import recognise
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
        return {**head, "reason": self.mapped.reason}


class Mapper:
    """Maps bodies under one configuration, as a bridge would that begins with it."""

    def __init__(self, config: Config, source: str | None, received_at: Nanoseconds) -> None:
        self._policy, self._sources = config.policy, all_sources(config)
        self._source, self._received_at = source, received_at

    def line(self, text: Text) -> Line:
        """Map one body."""
        try:
            name = self._source or recognise(parse(text.raw))
            if name is None:
                return Line(digest(text.raw), None, Mapped("unmappable", f"{text.place}: {_UNKNOWN}"))
            source = self._sources[name]
            webhook = read_webhook(source, text.raw)
        except NotJSONError as error:
            mapped = Mapped("unmappable", f"{text.place}: not a JSON object: {error}")
            return Line(sha256(text.raw).hexdigest(), None, mapped)
        return Line(webhook.key, source, map_body(source, webhook.body, self._received_at))

    def incident(self, key: Key, state: State) -> dict[str, object]:
        """Return what would be done about an incident that DX does not know yet, or had to be rid of."""
        wanted = judge(self._policy, self._sources, key, state)
        assert wanted  # noqa: S101 - the policy is the sources' own
        if wanted.action == "none":
            wanted = _retracted(self._policy, self._sources, key, state) or wanted
        if wanted.failed:
            click.echo(f"{wanted.document.reference_id}: {wanted.failed}", err=True)
        told: dict[str, object] = {
            "outcome": _OUTCOMES[wanted.action],
            "reference_id": wanted.document.reference_id,
        }
        if wanted.action == "upsert":
            told["request"] = request(wanted.document)
        if wanted.action == "none":
            told["reason"] = wanted.reason
        return told


_OUTCOMES = {"upsert": "upsert", "delete": "delete", "none": "ignored"}


def _retracted(policy: Policy, sources: dict[str, Source], key: Key, state: State) -> Wanted | None:
    wanted = judge(policy, sources, key, state, Standing(in_dx=True))
    return wanted if wanted and wanted.action == "delete" else None


@click.command("map")
@click.option("--source", metavar="NAME", help="The source, where the body does not tell (jsm).")
@click.option(
    "--config", "path", type=click.Path(path_type=Path), metavar="FILE", help="A bridge.toml. Default: none."
)
@click.option("--received-at", metavar="T", help="The time of receipt, ISO-8601 with a zone. Default: now.")
@click.option("--fold", is_flag=True, help="Merge all events and print one object per incident.")
@click.argument("files", type=click.File("rb"), nargs=-1, required=True, metavar="FILE…")
def command(
    source: str | None, path: Path | None, received_at: str | None, fold: bool, files: tuple[BinaryIO, ...]
) -> None:
    """Print what webhook bodies would become in DX, one JSON object a line.

    Each FILE (- is standard input) is one webhook body or JSON Lines of them. Nothing is stored or
    sent. Exit code: 0, or 1 if anything was unmappable, or 2 for bad usage or unreadable files.

    \b
      dx-bridge map webhook.json
      dx-bridge map --fold --config bridge.toml history.jsonl
      dx-bridge map --source jsm - < alert.json
    """
    received = time.time_ns() if received_at is None else instant(received_at, "--received-at")
    config = config_or_exit(path) if path else Config()
    if source is not None and source not in (known := all_sources(config)):
        raise click.BadParameter(f"is none of {', '.join(known)}", param_hint="--source")
    mapper = Mapper(config, source, received)
    garbage.settle()
    lines = (mapper.line(text) for file in files for text in bodies(getattr(file, "name", "-"), file.read()))
    unmappable = _print_incidents(mapper, lines) if fold else _print_lines(mapper, lines)
    sys.exit(unmappable > 0)


def _print_lines(mapper: Mapper, lines: Iterable[Line]) -> int:
    unmappable = 0
    for line in lines:
        unmappable += line.mapped.outcome in PROBLEMS
        told = line.as_json()
        if line.mapped.key and line.mapped.state:
            del told["reason"]
            told |= mapper.incident(line.mapped.key, line.mapped.state)
        _print(told)
    return unmappable


def _print_incidents(mapper: Mapper, lines: Iterable[Line]) -> int:
    states: dict[Key, State] = {}
    unmappable = 0
    for line in lines:
        if (key := line.mapped.key) and (state := line.mapped.state):
            states[key] = merge(states[key], state) if key in states else state
        elif line.mapped.outcome in PROBLEMS:
            unmappable += 1
            click.echo(f"unmappable: {line.event} {line.mapped.reason}", err=True)
    for key, merged in states.items():
        _print({"source": key[0], **mapper.incident(key, merged)})
    return unmappable


def _print(line: dict[str, object]) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
