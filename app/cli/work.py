"""`dx-bridge work`: the pipeline alone."""

import signal
from typing import Any

import click

from app.cli.common import migrated_or_exit, settings_or_exit
from app.orphan import end_with_parent
from app.pipeline import create_pipeline


@click.command("work")
@click.option("--drain", is_flag=True, help="End when nothing is left to fold or due.")
def command(drain: bool) -> None:
    """Fold received events and deliver due incidents, without serving webhooks.

    Any number of these may share one PostgreSQL. SIGTERM lets the calls under way end first.
    """
    settings = settings_or_exit()
    migrated_or_exit(settings)
    pipeline = create_pipeline(settings)

    def stop(*_: Any) -> None:
        pipeline.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    end_with_parent()
    if drain:
        pipeline.drain()
    else:
        pipeline.run()
