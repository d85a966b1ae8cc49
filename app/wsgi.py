"""What gunicorn serves: `app.wsgi:create`."""

from flask import Flask

from app import garbage, sentry, tracing
from app.factory import create_app
from app.logs import configure
from app.settings import load_settings


def create() -> Flask:
    """Return the web application for the environment's settings; called once in each worker."""
    settings = load_settings()
    configure(settings.log_level, settings.secrets())
    sentry.start(settings)
    tracing.start()
    app = create_app(settings)
    garbage.settle()
    return app
