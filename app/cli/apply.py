"""`dx-bridge apply`: bring bridge.toml into force."""

import click

from app.apply import Application
from app.cli.common import current_or_exit, fail, progress, settings_or_exit
from app.clock import Clock
from app.errors import PolicyRefusedError
from app.store import incidents
from app.store.engine import reading


@click.command("apply")
def command() -> None:
    """Bring bridge.toml into force, and every incident under it and this version's mappers.

    `dx-bridge plan` shows beforehand what it does. The pipeline sends what changed, live incidents first,
    and what DX refused before once more. It can be interrupted and run again.
    """
    settings = settings_or_exit()
    engine = current_or_exit(settings)
    application = Application(engine, settings.sources, settings.policy, settings.dx_base_url, Clock())
    try:
        with progress(engine) as tick:
            application.run(tick)
    except PolicyRefusedError as error:
        fail("\n".join(["Nothing was changed:", *error.problems]))
    with reading(engine).begin() as connection:
        due = incidents.counts(connection)["due"]
    click.echo(f"The policy is in force; {due} incidents are due and the pipeline sends them.")
