"""`dx-bridge services`: the services seen, and what they are in DX."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import click
import orjson

from app.catalog import CatalogError, Entity, entities
from app.cli.common import current_or_exit, fail, settings_or_exit
from app.cli.open import plain
from app.policy import Policy, slug
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
    if as_json and from_dx:
        raise click.UsageError("Say --from-dx or --json: what DX's catalog suggests is written as a table.")
    settings = settings_or_exit()
    found = list(_rows(settings.policy, seen(current_or_exit(settings))))
    for row in found:
        click.echo(_as_json(row) if as_json else _shown(row))
    if as_json:
        return
    unmapped = _by_key(row for row in found if not row.mapped)
    if not unmapped:
        click.echo("Each of them is mapped." if found else "No incident has named a service yet.")
        return
    click.echo()
    catalog = list(_catalog(settings)) if from_dx else []
    for line in _table(unmapped, catalog, from_dx=from_dx):
        click.echo(line)


def _rows(policy: Policy, counted: Counter[Service]) -> Iterator[Seen]:
    for service, count in counted.most_common():
        mapped = service.id in policy.services or service.name in policy.services
        yield Seen(service, count, mapped, policy.identifiers(service))


def _by_key(rows: Iterable[Seen]) -> list[Seen]:
    """Return one service for each key, the commonest: one that was renamed has been seen with several names."""
    first: dict[str, Seen] = {}
    for row in rows:
        first.setdefault(row.key, row)
    return list(first.values())


def _as_json(row: Seen) -> str:
    known = {"id": row.service.id, "name": row.service.name, "incidents": row.incidents}
    return orjson.dumps({**known, "mapped": row.mapped, "identifiers": row.identifiers}).decode()


def _shown(row: Seen) -> str:
    named = " ".join(filter(None, (row.service.id, row.service.name and f'"{row.service.name}"')))
    into = ", ".join(row.identifiers) or "nothing"
    named, into = plain(named), plain(into)
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
    yield "# for bridge.toml:"
    yield "[services.map]"
    for row in unmapped:
        match = suggest(row.service.id, row.service.name, catalog) if from_dx else None
        if match is None:
            yield _line(row, row.identifiers or (slug(row.service.name or "") or row.key,))
        elif match.certain:
            yield _line(row, match.identifiers)
        else:
            yield from _guesses(row, match.identifiers)


def _guesses(row: Seen, candidates: Sequence[str]) -> Iterator[str]:
    if not candidates:
        nothing = _line(row, ("",), "nothing like it in DX's catalog")
        yield f"# {nothing}"
    for candidate in candidates:
        yield f"# {_line(row, (candidate,), 'perhaps')}"


def _line(row: Seen, identifiers: Iterable[str], remark: str = "") -> str:
    """Write one line of the table; it stays one when what comments it out is taken away."""
    name = plain(row.service.name) if row.service.id and row.service.name else ""
    note = ": ".join(filter(None, (remark, name)))
    return f"{_toml(row.key)} = {_toml(*identifiers)}{note and f'  # {note}'}"


def _toml(*texts: str) -> str:
    """Write a text, or a list of several; JSON's escapes are TOML's, as is one for each invisible character."""
    written = ["".join(map(_visible, orjson.dumps(text).decode())) for text in texts]
    return written[0] if len(written) == 1 else f"[{', '.join(written)}]"


def _visible(letter: str) -> str:
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"
