"""`dx-bridge services`: the services seen, and what they are in DX."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import click
import orjson

from app.catalog import CatalogError, Entity, entities
from app.cli.common import current_or_exit, fail, settings_or_exit
from app.policy import Policy
from app.settings import Settings
from app.store.services import seen
from app.suggest import suggest
from mappers.observation import Service


@dataclass(frozen=True, slots=True)
class Seen:
    """A service that incidents name, and what it is in DX by the policy."""

    service: Service
    incidents: int
    mapped: bool
    identifiers: tuple[str, ...]

    @property
    def key(self) -> str:
        """What stands for it in `[services.map]`: the id, which no renaming changes, else the name."""
        return self.service.id or self.service.name or ""


@click.command("services")
@click.option("--from-dx", is_flag=True, help="Look the services up in DX's catalog (DX_WEB_API_TOKEN).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, without the table to paste.")
def command(from_dx: bool, as_json: bool) -> None:
    """List the services that incidents name, how many, and what they are in DX; with a table for bridge.toml.

    With --from-dx the table has DX's identifiers: by the catalog's aliases, by name, and by similar names
    for you to choose from.
    """
    settings = settings_or_exit()
    found = list(_rows(settings.policy, seen(current_or_exit(settings))))
    for row in found:
        click.echo(_as_json(row) if as_json else _shown(row))
    if as_json:
        return
    click.echo("" if found else "No incident has named a service yet.")
    catalog = list(_catalog(settings)) if from_dx else []
    for line in _table([row for row in found if not row.mapped], catalog, from_dx=from_dx):
        click.echo(line)


def _rows(policy: Policy, counted: Counter[Service]) -> Iterator[Seen]:
    for service, count in counted.most_common():
        mapped = service.id in policy.services or service.name in policy.services
        yield Seen(service, count, mapped, policy.identifiers(service))


def _as_json(row: Seen) -> str:
    known = {"id": row.service.id, "name": row.service.name, "incidents": row.incidents}
    return orjson.dumps({**known, "mapped": row.mapped, "identifiers": row.identifiers}).decode()


def _shown(row: Seen) -> str:
    named = " ".join(filter(None, (row.service.id, row.service.name and f'"{_plain(row.service.name)}"')))
    into = ", ".join(map(_plain, row.identifiers)) or "nothing"
    return f"{row.incidents:>6}  {named} -> {into}{'' if row.mapped else '  (not mapped)'}"


def _catalog(settings: Settings) -> Iterator[Entity]:
    if settings.dx_web_api_token is None:
        fail("Set DX_WEB_API_TOKEN to a Web API token with the scope catalog:read.")
    try:
        yield from entities(settings.dx_web_api_url, settings.dx_web_api_token, settings.dx_timeout)
    except CatalogError as error:
        fail(str(error))


def _table(unmapped: Sequence[Seen], catalog: Sequence[Entity], *, from_dx: bool) -> Iterator[str]:
    """Write the table to paste: a line for each service that is not mapped; guesses as comments."""
    if not unmapped:
        return
    yield "# for bridge.toml:"
    yield "[services.map]"
    for row in unmapped:
        match = suggest(row.service.id, row.service.name, catalog) if from_dx else None
        note = f"  # {_plain(row.service.name)}" if row.service.id and row.service.name else ""
        if match is None:
            yield f"{_toml(row.key)} = {_toml(*row.identifiers or (row.key,))}{note}"
        elif match.certain:
            yield f"{_toml(row.key)} = {_toml(*match.identifiers)}{note}"
        else:
            yield from _guesses(row, match.identifiers, note)


def _guesses(row: Seen, candidates: Iterable[str], note: str) -> Iterator[str]:
    likely = list(candidates)
    if not likely:
        yield f"# {_toml(row.key)} = {_toml('')}{note}: nothing like it in DX's catalog"
    for candidate in likely:
        yield f"# {_toml(row.key)} = {_toml(candidate)}{note}?"


def _toml(*texts: str) -> str:
    """Write a text, or a list of several; JSON's escapes are TOML's, but for one character."""
    written = [orjson.dumps(text).decode().replace("\x7f", "\\u007f") for text in texts]
    return written[0] if len(written) == 1 else f"[{', '.join(written)}]"


def _plain(text: str) -> str:
    """Return a text without what would move a terminal's cursor or end a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
