"""`dx-bridge refold`: another try at events that could not be mapped."""

import click

from app.acts import Acts
from app.cli.common import current_or_exit, settings_or_exit
from app.clock import Clock


@click.command("refold")
def command() -> None:
    """Map the events again that were unmappable or met a bug, with this version's mappers.

    Use it after an upgrade; `dx-bridge status` counts them. The pipeline does the work.
    """
    settings = settings_or_exit()
    again = Acts(current_or_exit(settings), settings, Clock(), "command line").refold_all()
    click.echo(f"{again} events will be mapped again.")
