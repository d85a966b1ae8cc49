"""The environment, read once into frozen settings; every problem at once, no secret in any message."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from dotenv import dotenv_values
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.config import Config, read_file
from app.errors import SettingsError
from app.policy import Policy
from app.secret import Secret, read_secret
from app.sources import Source, all_sources, read_source
from app.urls import base_url

T = TypeVar("T")

DEFAULT_CONFIG = Path("bridge.toml")
_EPHEMERAL = ("DYNO", "K_SERVICE", "RENDER")
"""Variables that Heroku, Cloud Run and Render set, whose disks are gone with the next restart."""
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; README lists them."""

    sources: Mapping[str, Source]
    policy: Policy
    dx_base_url: str | None
    dx_api_token: Secret | None
    dx_max_rps: float
    dx_timeout: float
    dx_outlive: float
    dx_concurrency: int
    database_url: str = field(repr=False)
    reject_with: int
    admin_token: Secret | None
    metrics_token: Secret | None
    event_retention_days: int
    web_concurrency: int
    port: int | None
    log_level: str
    start_paused: bool
    open_too_long_hours: float
    reconcile_every: float
    dx_web_api_token: Secret | None
    dx_web_api_url: str
    sentry_dsn: Secret | None
    trusted_proxies: int
    variables: Mapping[str, object] = field(repr=False, compare=False)
    """Every variable that was asked for, with its value, or the default."""
    given: frozenset[str] = field(repr=False, compare=False)
    """The names of all variables that are set, whoever reads them."""

    def secrets(self) -> list[str]:
        """Return every secret in these settings, for what has to keep them out of a text."""
        own = [getattr(self, each.name) for each in fields(self)]
        listed = [secret for source in self.sources.values() for secret in source.secrets]
        listed += [each for source in self.sources.values() if source.api for each in source.api.secrets]
        found = [each.reveal() for each in (*own, *listed) if isinstance(each, Secret)]
        return [*found, *filter(None, [make_url(self.database_url).password])]

    @property
    def can_deliver(self) -> bool:
        """Whether DX's address and token are known."""
        return self.dx_base_url is not None and self.dx_api_token is not None


def load_settings() -> Settings:
    """Read the environment and `.env` in this folder; raise SettingsError naming every problem."""
    settings, problems = read_settings()
    if problems:
        raise SettingsError(problems)
    return settings


def read_settings() -> tuple[Settings, list[str]]:
    """Return the settings, with the default where a value is wrong, and every problem."""
    read = _Reader()
    return _settings(read), read.problems


class _Reader:
    """Reads variables, each with its check, and collects what is wrong instead of stopping at the first.

    The environment goes before `.env`, and in each of them the file named by X_FILE before X.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.values: dict[str, object] = {}
        self._layers = (os.environ, self._dotenv())

    def __call__(self, name: str, check: Callable[[str], T], default: T) -> T:
        """Return the checked value; an empty variable counts as not set."""
        value = default
        try:
            if text := self._text(name):
                value = check(text.strip())
        except ValueError as error:
            self.problems += {f"{name}: {error}"}.difference(self.problems)  # two sources may share it
        self.values[name] = value
        return value

    def given(self) -> frozenset[str]:
        """Return the names of the variables that are set."""
        return frozenset(name for layer in self._layers for name, value in layer.items() if value)

    def _text(self, name: str) -> str:
        for layer in self._layers:
            if path := layer.get(f"{name}_FILE"):
                return _file(path, f"{name}_FILE")
            if layer.get(name):
                return layer[name] or ""
        return ""

    def _dotenv(self) -> Mapping[str, str | None]:
        try:
            return dotenv_values(Path.cwd() / ".env", interpolate=False)
        except (OSError, ValueError):
            self.problems.append(".env: cannot be read: make it a UTF-8 text file that this user may read")
            return {}


def _file(path: str, variable: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise ValueError(f"the file named by {variable} cannot be read") from None


def _settings(read: _Reader) -> Settings:
    config = _config(read)
    return Settings(
        sources={name: read_source(read, source) for name, source in all_sources(config).items()},
        policy=config.policy,
        dx_base_url=read("DX_BASE_URL", base_url, None),
        dx_api_token=read("DX_API_TOKEN", read_secret, None),
        dx_max_rps=read("DX_MAX_RPS", _number(0, 1000), 10.0),
        dx_timeout=read("DX_TIMEOUT", _number(0.1, 300), 15.0),
        dx_outlive=read("DX_OUTLIVE", _number(0.5, 3600), 30.0),
        dx_concurrency=read("DX_CONCURRENCY", _whole(1, 64), 4),
        database_url=_database(read),
        reject_with=read("REJECT_WITH", _reject_with, 401),
        admin_token=read("BRIDGE_ADMIN_TOKEN", read_secret, None),
        metrics_token=read("METRICS_TOKEN", read_secret, None),
        event_retention_days=read("EVENT_RETENTION_DAYS", _whole(1, 36500), 90),
        web_concurrency=read("WEB_CONCURRENCY", _whole(1, 64), 2),
        port=read("PORT", _whole(0, 65535), None),
        log_level=read("LOG_LEVEL", _log_level, "INFO"),
        start_paused=read("START_PAUSED", _flag, default=False),
        open_too_long_hours=read("OPEN_TOO_LONG_HOURS", _number(0, 100_000), 24.0),
        reconcile_every=read("RECONCILE_EVERY", _number(0, 604_800), 900.0),
        dx_web_api_token=read("DX_WEB_API_TOKEN", read_secret, None),
        dx_web_api_url=read("DX_WEB_API_URL", base_url, "https://api.getdx.com"),
        sentry_dsn=read("SENTRY_DSN", _dsn, None),
        # Heroku's router is the one way to a dyno
        trusted_proxies=read("TRUSTED_PROXIES", _whole(0, 9), 1 if os.environ.get("DYNO") else 0),
        variables=read.values,
        given=read.given(),
    )


def _config(read: _Reader) -> Config:
    """Read `bridge.toml`, or the file that BRIDGE_CONFIG names; without either, everything is as by default."""
    named = read("BRIDGE_CONFIG", Path, None)
    path = named or DEFAULT_CONFIG
    if named is None and not os.path.lexists(path):
        return Config()
    config, problems = read_file(path)
    read.problems += [f"{path}: {problem}" for problem in problems]
    return config


def _database(read: _Reader) -> str:
    """Return the database's URL; refuse a file on a disk that does not last, unless that is wanted."""
    url = read("DATABASE_URL", _database_url, "sqlite:///bridge.db")
    allowed = read("ALLOW_EPHEMERAL", _flag, default=False)
    platform = next((name for name in _EPHEMERAL if os.environ.get(name)), None)
    if platform and url.startswith("sqlite") and not allowed:
        read.problems.append(
            f"DATABASE_URL: {platform} is set, so this disk does not last and an SQLite file would lose events: "
            "run `heroku addons:create heroku-postgresql:essential-0` or set it to another PostgreSQL "
            "(ALLOW_EPHEMERAL=1 if losing them is fine)"
        )
    return url


def _dsn(text: str) -> Secret:
    """Check a DSN's form; it ends in the project's number."""
    scheme, _, rest = text.partition("://")
    keys, _, place = rest.partition("@")
    if not re.fullmatch(r"[0-9A-Za-z]+(:[0-9A-Za-z]+)?", keys) or not re.search(r"/[0-9]+$", place):
        raise ValueError(
            "is not a Sentry DSN: copy it from the project's settings, https://<key>@<host>/<number>"
        )
    base_url(f"{scheme}://{place}")
    return Secret(text)


def _number(least: float, most: float) -> Callable[[str], float]:
    def check(text: str) -> float:
        number = float(text) if text.replace(".", "", 1).isdecimal() else -1.0
        if not least <= number <= most:
            raise ValueError(f"is not a number from {least:g} to {most:g}")
        return number

    return check


def _whole(least: int, most: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
        if not least <= number <= most:
            raise ValueError(f"is not a whole number from {least} to {most}")
        return number

    return check


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("is neither 0 nor 1")
    return text == "1"


def _reject_with(text: str) -> int:
    if text not in ("401", "503"):
        raise ValueError("is neither 401 nor 503")
    return int(text)


def _log_level(text: str) -> str:
    if text.upper() not in _LOG_LEVELS:
        raise ValueError(f"is none of {', '.join(_LOG_LEVELS)}")
    return text.upper()


def _database_url(text: str) -> str:
    """Accept Heroku's `postgres://`; SQLAlchemy 2.1 reads `postgresql://` as psycopg 3."""
    if text.startswith("postgres://"):
        text = text.replace("postgres://", "postgresql://", 1)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("is not a database URL: write sqlite:///bridge.db or postgresql://…") from None
    if url.drivername not in _DRIVERS:
        raise ValueError(
            f"names neither SQLite nor PostgreSQL: it has to begin with one of {', '.join(_DRIVERS)}"
        )
    if url.drivername.startswith("sqlite") and url.query:
        raise ValueError("has options after `?`: write sqlite:///path and nothing more")
    if "@" in (url.host or ""):
        raise ValueError("has an @ in user or password: write it as %40")
    if url.port is not None and not 0 < url.port < 65536:
        raise ValueError("has a port that does not exist")
    if url.drivername.startswith("sqlite") and (
        not url.database or (":memory:" in text or "mode=memory" in text)
    ):
        raise ValueError("names no file: an SQLite database in memory would lose events")
    return text
