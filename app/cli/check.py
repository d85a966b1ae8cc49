"""`dx-bridge check`: every problem at once, with its remedy."""

import sys
from collections.abc import Iterator

import click
from sqlalchemy.exc import SQLAlchemyError

from app.cli.common import settings_or_exit
from app.dx import DX
from app.settings import Settings
from app.store.engine import connect, sqlite_path
from app.store.migrate import UPGRADE, is_current


@click.command("check")
def command() -> None:
    """Validate settings, database and DX token; print every problem with its remedy. Exit code 0 or 1."""
    settings = settings_or_exit()
    problems = [*_sources(settings), *_database(settings), *_dx(settings)]
    for problem in problems:
        click.echo(f"problem: {problem}")
    if not problems:
        click.echo("Everything is in place.")
    click.echo(
        "note: DX's own PagerDuty or JSM connector on the same account counts each incident twice; "
        "this could not be checked from here.",
        err=True,
    )
    sys.exit(bool(problems))


def _sources(settings: Settings) -> Iterator[str]:
    configured = [source for source in settings.sources.values() if source.secrets]
    for source in configured:
        click.echo(f"source {source.name}: webhooks are accepted at /webhooks/{source.name}")
    if not configured:
        names = ", ".join(source.secrets_env for source in settings.sources.values())
        yield f"no webhook can be accepted: set the secret of at least one source ({names})"


def _database(settings: Settings) -> Iterator[str]:
    engine = connect(settings.database_url)
    path = sqlite_path(settings.database_url)
    try:
        if not is_current(engine):
            made_at_start = path is not None and not path.exists() and path.absolute().parent.is_dir()
            if not made_at_start:
                yield f"the database has no or an older schema: run `{UPGRADE}`"
    except SQLAlchemyError as error:
        yield f"the database does not answer ({type(error).__name__}): check DATABASE_URL and that it is running"


def _dx(settings: Settings) -> Iterator[str]:
    if settings.dx_base_url is None:
        yield "nothing can be delivered: set DX_BASE_URL to https://<your instance>.getdx.net"
    if settings.dx_api_token is None:
        yield "nothing can be delivered: set DX_API_TOKEN to an organization token for the Data Cloud API"
    if settings.dx_base_url is None or settings.dx_api_token is None:
        return
    answer = DX(settings.dx_base_url, settings.dx_api_token, settings.dx_timeout).check_token()
    if answer.meaning == "unauthorised":
        yield f"DX refuses the token ({answer.code}): set DX_API_TOKEN to a valid organization token"
    elif answer.meaning == "not_now":
        yield f"DX does not answer ({answer.code} {answer.words}): check DX_BASE_URL and the network"
    else:
        click.echo("DX: the token is accepted for reading; writing shows with the first incident")
