"""`dx-bridge db`: migrations and retention."""

import time

import click
from sqlalchemy.exc import SQLAlchemyError

from app.cli.common import current_or_exit, fail, in_words, settings_or_exit
from app.errors import DatabaseNotReadyError
from app.store import migrate
from app.store.engine import connect
from app.store.purge import purge
from mappers.fields import SECOND

_DAY = 86_400 * SECOND


@click.group("db")
def command() -> None:
    """Migrate the database; purge old events."""


@command.command("upgrade")
def upgrade() -> None:
    """Bring the database to this version's schema; run it as the release step of a deploy."""
    engine = connect(settings_or_exit().database_url)
    try:
        migrate.upgrade(engine)
    except (DatabaseNotReadyError, SQLAlchemyError) as error:
        fail(f"The database could not be upgraded: {in_words(error)}")
    click.echo(f"The database is at schema {migrate.at(engine)}.")


@command.command("purge")
def purge_events() -> None:
    """Delete the raw events of incidents whose last one is older than EVENT_RETENTION_DAYS.

    Incidents stay, and events not yet folded.
    """
    settings = settings_or_exit()
    before = time.time_ns() - settings.event_retention_days * _DAY
    purged = purge(current_or_exit(settings), before)
    click.echo(f"{purged} events purged.")
