"""The command line, `dx-bridge`: one module a command, imported when it is called."""

from importlib import import_module

import click
from sqlalchemy.exc import SQLAlchemyError

from app.cli.common import fail, in_words
from app.version import VERSION

_COMMANDS = (
    "serve",
    "work",
    "check",
    "status",
    "map",
    "replay",
    "backfill",
    "reconcile",
    "subscribe",
    "plan",
    "apply",
    "services",
    "open",
    "override",
    "redeliver",
    "refold",
    "sandbox",
    "db",
)


class _Commands(click.Group):
    def list_commands(self, _: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"app.cli.{name}").command
        return command

    def invoke(self, context: click.Context) -> object:
        """Run a command; a database that fails on the way is told in words, not as a traceback."""
        try:
            return super().invoke(context)
        except SQLAlchemyError as error:
            fail(f"The database failed: {in_words(error)}")


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, package_name="dx-incident-bridge")
def main() -> None:
    """Bring every incident of PagerDuty, Opsgenie and Jira Service Management into DX.

    Settings come from the environment, or from a file `.env` in this folder; README.md lists them.

    \b
    First steps:
      dx-bridge check       what is missing, and what to do about it
      dx-bridge serve       the whole bridge; point a vendor's webhook at /webhooks/<source>
      dx-bridge status      what has been received and delivered
      dx-bridge map FILE    what a webhook body would become in DX; touches nothing
    """
