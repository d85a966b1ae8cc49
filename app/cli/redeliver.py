"""`dx-bridge redeliver`: send again what DX should hold."""

import sys

import click

from app.acts import Acts
from app.cli.common import current_or_exit, settings_or_exit
from app.cli.inputs import instant
from app.clock import Clock


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
    acts = Acts(current_or_exit(settings), settings, Clock(), "command line")
    if not references:
        moment = None if since is None else instant(since, "--since")
        count = acts.redeliver_all(parked=parked, since=moment, source=source)
        click.echo(f"{count} incidents will be sent again.")
        return
    unknown = acts.redeliver(references)
    click.echo(f"{len(set(references)) - len(unknown)} incidents will be sent again.")
    if unknown:
        click.echo(f"Not known here: {', '.join(sorted(unknown))}", err=True)
        sys.exit(1)
