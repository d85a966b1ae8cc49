"""`dx-bridge backfill`: a vendor's history into DX."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.backfill import Backfill, Tick, window
from app.cli.changes import print_change
from app.cli.common import current_or_exit, fail, in_words, settings_or_exit
from app.cli.inputs import instant
from app.cli.vendor import counted, reader_or_exit, source_of, tell_policy, tell_problems
from app.clock import Clock
from app.document import timestamp
from app.errors import PolicyUnreadableError
from app.records import Records
from app.store import sender
from app.store.engine import reading
from app.vendors.reading import Page, VendorError
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

_EVERY_SECONDS = 10.0
_NO_PIPELINE = "No pipeline is running: `dx-bridge serve` or `dx-bridge work` brings them to DX."


@click.command("backfill")
@click.argument("source_name", metavar="SOURCE")
@click.option("--since", required=True, metavar="T", help="Created at or after, as 2026-01-01T00:00:00Z.")
@click.option("--until", metavar="T", help="Created before; default: now.")
@click.option("--dry-run", is_flag=True, help="Only show what would be new or different in DX.")
def command(source_name: str, since: str, until: str | None, *, dry_run: bool) -> None:
    """Read a vendor's past incidents through its REST API into the bridge, and so into DX.

    They go through the same mapping, merging and policy as webhooks, in any order with them, and are
    delivered after whatever is live. Interrupted, the same command goes on where it was. Exit code: 0,
    or 1 where the vendor or the database gives up.

    \b
      dx-bridge backfill pagerduty --since 2026-01-01T00:00:00Z --dry-run
      dx-bridge backfill opsgenie --since 2026-01-01T00:00:00Z
    """
    settings = settings_or_exit()
    source = source_of(settings, source_name)
    begin, end = instant(since, "--since"), instant(until, "--until") if until else None
    if begin >= (end or time.time_ns()):
        raise click.BadParameter("is not before the end.", param_hint="--since")
    read, engine, clock = reader_or_exit(settings, source), current_or_exit(settings), Clock()
    tell_policy(engine, settings, source)
    backfill = Backfill(engine, Records(engine, settings, source, clock), read, source.name, clock)
    try:
        if dry_run:
            _show(backfill, begin, end or clock.wall())
        else:
            _run(backfill, begin, end, clock.wall())
            _tell_pipeline(engine, clock)
        tell_problems(source, read)
    except VendorError as error:
        fail(
            f"{error}."
            if dry_run
            else f"{error}. What was read is kept; the same command goes on from there."
        )
    except (SQLAlchemyError, PolicyUnreadableError) as error:
        fail(f"The database gives up: {in_words(error)}. Once it is well again, the same command goes on.")


def _run(backfill: Backfill, since: Nanoseconds, until: Nanoseconds | None, now: Nanoseconds) -> None:
    what = window(since, until)
    if cursor := backfill.begun_at(what):
        click.echo(f"An earlier run is continued after {cursor}.", err=True)
    with _progress(since, until or now) as tick:
        told = backfill.run(since, until or now, what, tick)
    click.echo(counted(told))


def _show(backfill: Backfill, since: Nanoseconds, until: Nanoseconds) -> None:
    kinds: Counter[str] = Counter()
    with _progress(since, until, bar=not sys.stdout.isatty()) as tick:
        for change in backfill.plan(since, until, tick):
            kinds[change.kind] += 1
            print_change(change)
    click.echo(
        f"{kinds['add']:,} would be new in DX, {kinds['update']:,} different, {kinds['remove']:,} taken out. "
        "Nothing was written."
    )


@contextmanager
def _progress(since: Nanoseconds, until: Nanoseconds, *, bar: bool = True) -> Iterator[Tick]:
    """Show a bar over the time that is read on a terminal, else a line now and then; both with counts."""
    if not bar or not sys.stderr.isatty():
        yield _lines()
        return
    latest: list[str] = [""]
    seconds = (until - since) // SECOND
    with click.progressbar(  # type: ignore[var-annotated]
        length=seconds, file=sys.stderr, show_eta=True, item_show_func=lambda _: latest[0]
    ) as shown:

        def tick(page: Page, told: Counter[str]) -> None:
            latest[0] = counted(told)
            shown.update(max(0, (page.upto - since) // SECOND - shown.pos))

        yield tick


def _lines() -> Tick:
    told_at = time.monotonic()

    def tick(page: Page, told: Counter[str]) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _EVERY_SECONDS:
            told_at = time.monotonic()
            click.echo(f"up to {timestamp(page.upto)}: {counted(told)}", err=True)

    return tick


def _tell_pipeline(engine: Engine, clock: Clock) -> None:
    with reading(engine).begin() as connection:
        beat = sender.last_beat(connection)
    if clock.wall() - beat > 30 * SECOND:
        click.echo(_NO_PIPELINE, err=True)
