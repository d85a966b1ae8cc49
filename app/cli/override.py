"""`dx-bridge override`: correct one incident."""

from collections.abc import Iterator

import click
import orjson

from app.cli.common import current_or_exit, fail, settings_or_exit
from app.cli.inputs import instant
from app.cli.open import plain
from app.clock import Clock
from app.document import timestamp
from app.errors import OverrideError, PolicyUnreadableError
from app.override import Change, Corrections
from app.settings import Settings
from app.store import incidents
from app.store.engine import reading


@click.command("override")
@click.argument("reference", required=False, metavar="REF")
@click.option("--exclude", is_flag=True, help="Take it out of DX and keep it out: a test, a false positive.")
@click.option("--include", is_flag=True, help="Keep it in DX, whatever the policy says.")
@click.option("--started-at", metavar="T", help="When it really began (ISO-8601 with a zone).")
@click.option("--resolved-at", metavar="T", help="When it really ended, closed at the vendor or not.")
@click.option("--clear", is_flag=True, help="Take all corrections of it back.")
@click.option(
    "--source", metavar="NAME", help="Its source, where two have this reference; with --list, one alone."
)
@click.option("--list", "listing", is_flag=True, help="Show what has been corrected.")
def command(  # noqa: PLR0913 - one parameter an option
    *,
    reference: str | None,
    exclude: bool,
    include: bool,
    started_at: str | None,
    resolved_at: str | None,
    clear: bool,
    source: str | None,
    listing: bool,
) -> None:
    """Correct one incident, named by its reference in DX; the pipeline tells DX.

    A correction is applied after everything that the vendor says, now and later, until it is cleared.

    \b
      dx-bridge override PGR0VU2 --exclude
      dx-bridge override PGR0VU2 --resolved-at 2026-03-01T10:30:00Z
      dx-bridge override PGR0VU2 --clear
    """
    change: Change = {}
    if started_at is not None:
        change["started_at"] = instant(started_at, "--started-at")
    if resolved_at is not None:
        change["resolved_at"] = instant(resolved_at, "--resolved-at")
    if exclude or include:
        change["included"] = include
    acts = (exclude, include, bool(started_at or resolved_at), clear, listing)
    if sum(acts) != 1 or (reference is None) != listing:
        raise click.UsageError(
            "Name one reference and say what is wrong: --exclude, --include, --clear, or one or both of --started-at "
            "and --resolved-at; or say --list alone."
        )
    settings = settings_or_exit()
    if reference is None:
        for line in _listed(settings, source):
            click.echo(line)
        return
    corrections = Corrections(current_or_exit(settings), settings, Clock(), "command line")
    try:
        corrections.clear(reference, source) if clear else corrections.add(reference, change, source)
    except (OverrideError, PolicyUnreadableError) as error:
        fail(str(error))
    for line in _listed(settings, source, reference) if not clear else ("All corrections are taken back.",):
        click.echo(line)
    click.echo("The pipeline tells DX.")


def _listed(settings: Settings, source: str | None, reference: str | None = None) -> Iterator[str]:
    with reading(current_or_exit(settings)).begin() as connection:
        every = incidents.overridden(connection)
    found = [
        each for each in every if source in (None, each.source) and reference in (None, each.reference_id)
    ]
    for each in found:
        said = orjson.loads(each.override)
        times = (
            f"{key} {timestamp(said[key])}" for key in ("started_at", "resolved_at") if said[key] is not None
        )
        included = {True: ["included"], False: ["excluded"]}.get(said["included"], [])
        made = f"({timestamp(said['at'])}, {said['by']})"
        yield f"{plain(each.reference_id)}  {each.source}  {', '.join([*included, *times])}  {made}"
    if not found:
        yield "Nothing has been corrected."
