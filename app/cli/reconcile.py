"""`dx-bridge reconcile`: ask the vendors for the truth about incidents that may have missed a webhook."""

import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from app.cli.common import current_or_exit, fail, in_words, settings_or_exit
from app.cli.vendor import counted, reader_or_exit, source_of, tell_policy, tell_problems
from app.clock import Clock
from app.errors import PolicyUnreadableError
from app.reconcile import HOUR, OPEN_FOR_HOURS, Reconciliation, readable
from app.store.wake import Notifier
from app.vendors.reading import VendorError


@click.command("reconcile")
@click.argument("names", nargs=-1, metavar="[SOURCE…]")
@click.option(
    "--open-for",
    default=OPEN_FOR_HOURS,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="H",
    help="Ask about incidents that have been open for so many hours.",
)
def command(names: tuple[str, ...], open_for: float) -> None:
    """Ask the vendors about what may have missed a webhook, and repair it in DX.

    That is: incidents that DX believes open for long, those whose resolution was only inferred, and what
    has changed at the vendor since the last run. The pipeline does this by itself every RECONCILE_EVERY
    seconds. Exit code: 0, or 1 where a vendor could not be read.
    """
    settings = settings_or_exit()
    sources = [source_of(settings, name) for name in names] or list(readable(settings))
    if not sources:
        click.echo(
            "No vendor can be asked: set PAGERDUTY_API_TOKEN, OPSGENIE_API_KEY or JSM_API_TOKEN.", err=True
        )
        sys.exit(1)
    engine, clock, failed = current_or_exit(settings), Clock(), False
    for source in sources:
        read = reader_or_exit(settings, source)
        tell_policy(engine, settings, source)
        try:
            told = Reconciliation(engine, settings, source, read, clock).run(int(open_for * HOUR))
            click.echo(f"{source.name}: {counted(told)}")
            tell_problems(source, read)
        except VendorError as error:
            click.echo(f"{source.name}: {error}", err=True)
            failed = True
        except (SQLAlchemyError, PolicyUnreadableError) as error:
            fail(f"The database gives up: {in_words(error)}. Once it is well again, run the command anew.")
    Notifier(engine).notify()
    sys.exit(failed)
