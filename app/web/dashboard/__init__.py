"""The dashboard: what the operator of the bridge looks at, and the buttons."""

from flask import Flask
from sqlalchemy import Engine

from app.acts import Acts
from app.clock import Clock
from app.settings import Settings
from app.web.dashboard import acting, signin
from app.web.dashboard.console import Console
from app.web.dashboard.pages import blueprint

__all__ = ["acting", "init"]


def init(app: Flask, engine: Engine, settings: Settings, clock: Clock) -> None:
    """Add the dashboard to the application."""
    app.extensions["console"] = Console(engine, settings, clock)
    app.extensions["dashboard acts"] = Acts(engine, settings, clock, "dashboard")
    app.extensions["brake"] = signin.Brake(clock)
    if settings.admin_token:
        signin.prepare(app, settings.admin_token)
    app.register_blueprint(blueprint)
