"""`dx-bridge check`: every problem at once, with its remedy."""

import os
import sys
from collections.abc import Iterator

import click
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app import factory, pipeline, sentry, tracing
from app.cli.check_dx import ask, tell_sender
from app.cli.check_names import misspelt
from app.cli.check_vendors import vendors
from app.cli.common import note
from app.cli.doubles import doubles
from app.config import digest
from app.logs import configure
from app.settings import DEFAULT_CONFIG, Settings, read_settings
from app.store import deliveries, policies
from app.store.engine import connect, reading, sqlite_path
from app.store.migrate import UPGRADE, is_current
from app.store.trouble import cause, remedy


@click.command("check")
def command() -> None:
    """Validate settings, database and DX token; print every problem with its remedy. Exit code 0 or 1."""
    settings, wrong = read_settings()
    configure(settings.log_level, settings.secrets())
    problems = [*wrong, *_sources(settings, wrong), *_database(settings, wrong), *_dx(settings, wrong)]
    problems += vendors(settings)
    for problem in problems:
        click.echo(f"problem: {problem}")
    if not problems:
        click.echo("Everything that can be checked from here is in place.")
    for each in [*misspelt(settings), *doubles(settings), *sentry.problems(settings), *tracing.problems()]:
        note(each)
    sys.exit(bool(problems))


def _is_wrong(wrong: list[str], *variables: str) -> bool:
    return any(problem.startswith(f"{variable}:") for problem in wrong for variable in variables)


def _sources(settings: Settings, wrong: list[str]) -> Iterator[str]:
    configured = [source for source in settings.sources.values() if source.secrets]
    for source in configured:
        click.echo(f"source {source.name}: webhooks are accepted at /webhooks/{source.name}")
    for source in map(settings.sources.__getitem__, settings.policy.sources):
        if not source.secrets and not _is_wrong(wrong, source.secrets_env):
            yield f"[sources.{source.name}] accepts no webhook: set {source.secrets_env}"
    file = os.environ.get("BRIDGE_CONFIG") or str(DEFAULT_CONFIG)
    if not configured and not _is_wrong(
        wrong, file, *(each.secrets_env for each in settings.sources.values())
    ):
        names = ", ".join(source.secrets_env for source in settings.sources.values())
        yield f"no webhook can be accepted: set the secret of at least one source ({names})"


def _database(settings: Settings, wrong: list[str]) -> Iterator[str]:
    if _is_wrong(wrong, "DATABASE_URL"):
        return
    engine = connect(settings.database_url)
    path = sqlite_path(settings.database_url)
    if path is not None and not path.exists():
        if not path.absolute().parent.is_dir():
            yield f"the folder of the database does not exist: create {path.absolute().parent}"
        return
    try:
        if not is_current(engine):
            yield f"the database has no or an older schema: run `{UPGRADE}`"
        else:
            _tell_destination(engine, settings.dx_base_url)
            _tell_policy(engine, settings)
            tell_sender(engine)
    except SQLAlchemyError as error:
        yield f"the database does not answer ({cause(error)}): {remedy(error)}"
    if path is None:
        web, work = factory.CONNECTIONS, pipeline.CONNECTIONS + 1
        click.echo(f"database: at most {web} connections for each web process, {work} for each pipeline")


def _tell_destination(engine: Engine, base_url: str | None) -> None:
    with reading(engine).begin() as connection:
        others = deliveries.elsewhere(connection, base_url) if base_url else 0
    if others:
        note(
            f"{others} incidents were delivered to another DX_BASE_URL; what changes from now on goes to "
            f"{base_url}, the rest with `dx-bridge redeliver --all`"
        )


def _tell_policy(engine: Engine, settings: Settings) -> None:
    with reading(engine).begin() as connection:
        in_force = policies.in_force(connection)
    if in_force not in (None, digest(settings.policy)):
        note(
            "bridge.toml differs from the policy in force, which goes on to decide: "
            "`dx-bridge plan` shows what would change, `dx-bridge apply` changes it"
        )


def _dx(settings: Settings, wrong: list[str]) -> Iterator[str]:
    url, token = settings.dx_base_url, settings.dx_api_token
    if url is None and not _is_wrong(wrong, "DX_BASE_URL"):
        yield "nothing can be delivered: set DX_BASE_URL to https://<your instance>.getdx.net"
    if token is None and not _is_wrong(wrong, "DX_API_TOKEN"):
        yield "nothing can be delivered: set DX_API_TOKEN to an organization token for the Data Cloud API"
    if url and token:
        yield from ask(url, token, settings.dx_timeout)
