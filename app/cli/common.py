"""What several commands share."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.config import Config, read_file
from app.errors import DatabaseNotReadyError, SettingsError
from app.logs import configure
from app.settings import Settings, load_settings
from app.store import incidents
from app.store.engine import connect, reading
from app.store.migrate import UPGRADE, is_current, upgrade_if_own
from app.store.trouble import cause, is_damaged, remedy

_PATIENCE_SECONDS = 60

log = structlog.get_logger()


def settings_or_exit() -> Settings:
    """Return the settings with logging configured; with any problem, print all of them and exit 1."""
    try:
        settings = load_settings()
    except SettingsError as error:
        click.echo("These settings need repair:", err=True)
        for problem in error.problems:
            click.echo(f"  {problem}", err=True)
        sys.exit(1)
    configure(settings.log_level, settings.secrets())
    return settings


def config_or_exit(path: Path) -> Config:
    """Return a file's configuration; with any mistake, print all of them and exit 2."""
    config, problems = read_file(path)
    for problem in problems:
        click.echo(f"{path}: {problem}", err=True)
    if problems:
        sys.exit(2)
    return config


@contextmanager
def progress(engine: Engine) -> Iterator[Callable[[int], None]]:
    """Show a bar over all incidents on a terminal; yield what is told of each portion that is done."""
    with reading(engine).begin() as connection:
        total = incidents.counts(connection)["total"]
    with click.progressbar(length=total, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update


def on_stop(act: Callable[[], None]) -> None:
    """Do this on SIGTERM and SIGINT: the first process of a container would not even notice them."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: act())


def migrated_or_exit(settings: Settings) -> None:
    """Migrate an own database; wait a minute for the release step of an older PostgreSQL, then exit 1."""
    engine, until = connect(settings.database_url), time.monotonic() + _PATIENCE_SECONDS
    told = ""
    while True:
        try:
            return upgrade_if_own(engine)
        except (DatabaseNotReadyError, SQLAlchemyError) as error:
            if (words := in_words(error)) != told:
                told = words
                log.warning("waiting for the database", seconds=_PATIENCE_SECONDS, because=words)
            if time.monotonic() > until or is_damaged(error):
                fail(f"The database is not ready: {in_words(error)}")
            time.sleep(1)
        finally:
            engine.dispose()


def current_or_exit(settings: Settings) -> Engine:
    """Return the engine of a database with this version's schema; exit 1 where it has another or none."""
    engine = connect(settings.database_url)
    try:
        current = is_current(engine)
    except SQLAlchemyError as error:
        fail(f"The database does not answer: {in_words(error)}")
    if not current:
        fail(f"The database has no or an older schema: run `{UPGRADE}`.")
    return engine


def note(text: str) -> None:
    """Print what a person has to judge, on standard error."""
    click.echo(f"note: {text}", err=True)


def fail(message: str) -> NoReturn:
    """Print a message for people and exit 1."""
    click.echo(message, err=True)
    sys.exit(1)


def in_words(error: Exception) -> str:
    """Return what is wrong and what to do about it."""
    return f"{cause(error)}: {remedy(error)}" if isinstance(error, SQLAlchemyError) else str(error)
