"""`dx-bridge serve`: the whole bridge on one machine."""

import os
import sys

import click

from app import metric_files
from app.cli.common import migrated_or_exit, on_stop, settings_or_exit
from app.settings import Settings
from app.supervise import Child, Supervisor


@click.command("serve")
@click.option("--bind", metavar="ADDRESS:PORT", help="Default: 127.0.0.1:8000; with PORT set, 0.0.0.0:$PORT.")
@click.option("--web-only", is_flag=True, help="Leave the pipeline out; run `dx-bridge work` elsewhere.")
def command(bind: str | None, web_only: bool) -> None:
    """Serve webhooks and deliver incidents: web workers and the pipeline, supervised.

    Point a vendor's webhook at https://<this host>/webhooks/pagerduty, …/opsgenie or …/jsm.
    SIGTERM ends it in order: requests and calls under way are finished first.
    """
    settings = settings_or_exit()
    on_stop(lambda: os._exit(0))  # an exception could be lost in a callback of the start
    migrated_or_exit(settings)
    children = [Child("web", _gunicorn(settings, bind))]
    if not web_only:
        children.append(Child("pipeline", [sys.executable, "-m", "app", "work"]))
    with metric_files.folder():
        code = Supervisor(children).run()
    sys.exit(code)


def _gunicorn(settings: Settings, bind: str | None) -> list[str]:
    default = "127.0.0.1:8000" if settings.port is None else f"0.0.0.0:{settings.port}"
    workers = str(settings.web_concurrency)
    configuration = ["-c", "python:app.gunicorn_conf", "-b", bind or default, "-w", workers]
    return [sys.executable, "-m", "gunicorn", *configuration]
