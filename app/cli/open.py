"""`dx-bridge open`: incidents that have been open for suspiciously long."""

import time

import click
import orjson

from app.cli.common import current_or_exit, settings_or_exit
from app.document import timestamp
from app.store import incidents
from app.store.engine import reading
from mappers.fields import SECOND


@click.command("open")
@click.option(
    "--for", "hours", type=click.FloatRange(min=0), metavar="H", help="Default: OPEN_TOO_LONG_HOURS."
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
        found = incidents.open_since(connection, now - int(longest * 3600 * SECOND))
    for each in found:
        name, since = orjson.loads(each.desired).get("name"), timestamp(each.started_at)
        told = {"reference_id": each.reference_id, "source": each.source, "started_at": since, "name": name}
        age = (now - each.started_at) / SECOND / 3600
        click.echo(
            orjson.dumps(told).decode()
            if as_json
            else f"{each.reference_id}  since {since} ({age:.0f} h)  {name or ''}"
        )
    if not found and not as_json:
        click.echo(f"No incident has been open for more than {longest:g} hours.")
