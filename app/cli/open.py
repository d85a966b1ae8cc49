"""`dx-bridge open`: incidents that have been open for suspiciously long."""

import time

import click
import orjson

from app.cli.common import current_or_exit, settings_or_exit
from app.document import timestamp
from app.store import incidents
from app.store.engine import reading
from app.store.incidents import Open
from mappers.fields import SECOND
from mappers.observation import Nanoseconds

_HOUR = 3600 * SECOND
_MOST_HOURS = 100_000
_LONGEST = 100


def plain(text: str) -> str:
    """Return a text as a terminal may show it: what would move its cursor or colour it stands as an escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def short(text: str) -> str:
    """Return a name for one line of a list."""
    return plain(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _in_bounds(_: click.Context, __: click.Parameter, hours: float | None) -> float | None:
    if hours is not None and not 0 <= hours <= _MOST_HOURS:
        raise click.BadParameter(f"is not a number of hours from 0 to {_MOST_HOURS}.")
    return hours


@click.command("open")
@click.option(
    "--for",
    "hours",
    type=float,
    callback=_in_bounds,
    metavar="H",
    help="Default: OPEN_TOO_LONG_HOURS.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(hours: float | None, as_json: bool) -> None:
    """List the incidents that DX has had open for more than H hours, the oldest first.

    One that was never closed at the vendor is ended with `dx-bridge override REF --resolved-at T`.
    """
    settings = settings_or_exit()
    longest = settings.open_too_long_hours if hours is None else hours
    now = time.time_ns()
    with reading(current_or_exit(settings)).begin() as connection:
        found = incidents.open_since(connection, now - int(longest * _HOUR))
    for each in found:
        click.echo(_as_json(each) if as_json else _shown(each, now))
    if not found and not as_json:
        click.echo(f"No incident has been open for more than {longest:g} hours.")


def _as_json(each: Open) -> str:
    known = {"reference_id": each.reference_id, "source": each.source}
    return orjson.dumps({**known, "started_at": timestamp(each.started_at), "name": _name(each)}).decode()


def _shown(each: Open, now: Nanoseconds) -> str:
    hours = (now - each.started_at) // _HOUR
    age = f"{hours} h" if hours < 48 else f"{hours // 24} d"
    since = f"since {timestamp(each.started_at)} ({age})"
    return f"{plain(each.reference_id)}  {each.source}  {since}  {short(_name(each) or '')}".rstrip()


def _name(each: Open) -> str | None:
    name: str | None = orjson.loads(each.desired).get("name")
    return name
