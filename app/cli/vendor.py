"""What the commands share that read a vendor's API."""

import click
from sqlalchemy import Engine

from app.cli.common import fail
from app.in_force import InForce
from app.settings import Settings
from app.sources import Source
from app.store.engine import reading
from app.vendors.readers import reader
from app.vendors.reading import Reader, VendorError


def source_of(settings: Settings, name: str) -> Source:
    """Return the source of this name; raise BadParameter where there is none."""
    if name not in settings.sources:
        raise click.BadParameter(f"is none of {', '.join(settings.sources)}", param_hint="SOURCE")
    return settings.sources[name]


def reader_or_exit(settings: Settings, source: Source) -> Reader:
    """Return the reader of a source; exit 1 without access to the vendor's API, naming what to set."""
    found = reader(source, settings.policy)
    if found is None:
        needed = source.api_env or f"api_token_env in [sources.{source.name}]"
        more = ", JSM_EMAIL and JSM_CLOUD_ID" if source.vendor in ("jsm", "jira") else ""
        fail(f"{source.name} cannot be read: set {needed}{more}.")
    return found


def counted(told: dict[str, int]) -> str:
    """Return counts for people: `1,200 read, 3 new`."""
    read = sum(count for outcome, count in told.items() if outcome not in ("refused", "unknown_there"))
    each = (f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in sorted(told.items()))
    return ", ".join([f"{read:,} read", *each])


def tell_policy(engine: Engine, settings: Settings, source: Source) -> None:
    """Say so where the policy in force does not know a source: nothing of it reaches DX until it does."""
    with reading(engine).begin() as connection:
        policy = InForce(settings.policy).now(connection).policy
    if policy.source(source.name) is None:
        click.echo(
            f"{source.name} is not in the policy in force: what is read waits for `dx-bridge apply`.",
            err=True,
        )


def tell_problems(source: Source, read: Reader) -> None:
    """Say on standard error what is wrong with the access, or with the vendor's webhooks, as far as it tells."""
    try:
        for problem in read.problems():
            click.echo(f"{source.name}: {problem}", err=True)
    except VendorError as error:
        click.echo(f"{source.name}: {error}", err=True)
