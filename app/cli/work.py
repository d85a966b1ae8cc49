"""`dx-bridge work`: the pipeline alone."""

import os

import click
import structlog

from app import garbage, sentry, tracing
from app.cli.common import migrated_or_exit, on_stop, settings_or_exit
from app.metric_files import share
from app.orphan import end_with_parent
from app.pipeline import create_pipeline

log = structlog.get_logger()


@click.command("work")
@click.option("--drain", is_flag=True, help="End when nothing is left to fold or to send.")
def command(drain: bool) -> None:
    """Fold received events and deliver due incidents, without serving webhooks.

    Any number of these may share one PostgreSQL. SIGTERM lets the calls under way end first. --drain
    waits while the sender is paused or DX is away, and for incidents in back-off.
    """
    settings = settings_or_exit()
    on_stop(
        lambda: os._exit(0)
    )  # an exception could be lost in a callback of the start, and with it the stop
    end_with_parent()
    sentry.start(settings)
    tracing.start()
    migrated_or_exit(settings)
    share()
    pipeline = create_pipeline(settings)
    garbage.settle()
    log.info("pipeline starts", dx=settings.dx_base_url, pid=os.getpid())
    on_stop(pipeline.stop)
    ended = pipeline.drain() if drain else pipeline.run()
    log.info("pipeline ended", calls_under_way=not ended)
    if not ended:
        sentry.stop()
        tracing.stop()
        # a call that DX holds on to would hold the exit, too; its incident is in doubt and is sent again
        os._exit(0)
