"""`dx-bridge redeliver`: send again what DX should hold."""

import sys

import click
from sqlalchemy import ColumnElement, select

from app.cli.common import current_or_exit, settings_or_exit
from app.cli.inputs import instant
from app.store import deliveries
from app.store.incidents import BACKGROUND, LIVE
from app.store.tables import incidents


@click.command("redeliver")
@click.argument("references", nargs=-1, metavar="[REF…]")
@click.option("--all", "everything", is_flag=True, help="Every incident.")
@click.option("--parked", is_flag=True, help="Those that DX refused.")
@click.option(
    "--since", metavar="T", help="Those that changed or were settled since T (ISO-8601 with a zone)."
)
@click.option("--source", metavar="NAME", help="Those of one source.")
def command(
    references: tuple[str, ...], everything: bool, parked: bool, since: str | None, source: str | None
) -> None:
    """Send incidents to DX again, each with its newest document; the pipeline does the work.

    Name incidents by their reference, or select them; --parked, --since and --source narrow each other.
    """
    if bool(references) + everything + (parked or since is not None or source is not None) != 1:
        raise click.UsageError("Name references, or say --all, or select with --parked, --since, --source.")
    settings = settings_or_exit()
    if source is not None and source not in settings.sources:
        raise click.BadParameter(f"is none of {', '.join(settings.sources)}", param_hint="--source")
    where = [incidents.c.reference_id.in_(references)] if references else _selection(parked, since, source)
    with current_or_exit(settings).begin() as connection:
        known = set(connection.execute(select(incidents.c.reference_id).where(*where)).scalars())
        count = deliveries.redeliver(connection, *where, lane=LIVE if references else BACKGROUND)
    click.echo(f"{count} incidents will be sent again.")
    if unknown := sorted(set(references) - known):
        click.echo(f"Not known here: {', '.join(unknown)}", err=True)
        sys.exit(1)


def _selection(parked: bool, since: str | None, source: str | None) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if parked:
        where.append(incidents.c.parked.is_not(None))
    if since is not None:
        moment = instant(since, "--since")
        where.append((incidents.c.updated_at >= moment) | (incidents.c.settled_at >= moment))
    if source is not None:
        where.append(incidents.c.source == source)
    return where
