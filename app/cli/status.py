"""`dx-bridge status`: counts and the sender's state."""

import time

import click
import orjson

from app.cli.common import current_or_exit, settings_or_exit
from app.clock import Clock
from app.store import incidents
from app.store.engine import reading
from app.web.health import Health
from app.web.stats import stats
from mappers.fields import SECOND


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, the same as /api/v1/stats.")
def command(as_json: bool) -> None:
    """Print what has been received and delivered, and whether the sender is well."""
    settings = settings_or_exit()
    engine = current_or_exit(settings)
    long_ago = time.time_ns() - int(settings.open_too_long_hours * 3600 * SECOND)
    with reading(engine).begin() as connection:
        counted = stats(connection, can_deliver=settings.can_deliver)
        left_out, too_long = incidents.left_out(connection), incidents.count_open_since(connection, long_ago)
    if as_json:
        click.echo(orjson.dumps(counted).decode())
        return
    for group, values in counted.items():
        click.echo(
            f"{group:<10} " + "  ".join(f"{name} {value}" for name, value in values.items() if value != "")
        )
    click.echo(f"policy     left_out {left_out}  open_too_long {too_long}")
    click.echo(f"pipeline   {Health(engine, Clock(), settings.can_deliver).pipeline()[0]}")
