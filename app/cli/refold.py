"""`dx-bridge refold`: another try at events that could not be mapped."""

import click

from app.cli.common import current_or_exit, settings_or_exit
from app.store import events


@click.command("refold")
def command() -> None:
    """Map the events again that were unmappable or met a bug, with this version's mappers.

    Use it after an upgrade; `dx-bridge status` counts them. The pipeline does the work.
    """
    settings = settings_or_exit()
    with current_or_exit(settings).begin() as connection:
        again = events.refold_problems(connection)
    click.echo(f"{again} events will be mapped again.")
