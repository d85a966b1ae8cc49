"""The environment, read once into frozen settings; every problem at once, no secret in any message."""

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from environs import FileAwareEnv
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.errors import SettingsError

T = TypeVar("T")

SHORTEST_SECRET = 16
_EPHEMERAL = ("DYNO", "K_SERVICE", "RENDER")
"""Variables that Heroku, Cloud Run and Render set, whose disks are gone with the next restart."""
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that prints as `***`."""

    _value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"

    def reveal(self) -> str:
        """Return the secret itself, for the one place that needs it."""
        return self._value


@dataclass(frozen=True, slots=True)
class Source:
    """Where webhooks come from: `/webhooks/<name>`."""

    name: str
    vendor: str
    secrets_env: str
    secrets: tuple[Secret, ...] = ()
    app_url: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; README lists them."""

    sources: Mapping[str, Source]
    dx_base_url: str | None
    dx_api_token: Secret | None
    dx_max_rps: float
    dx_timeout: float
    dx_outlive: float
    dx_concurrency: int
    database_url: str
    reject_with: int
    admin_token: Secret | None
    metrics_token: Secret | None
    event_retention_days: int
    web_concurrency: int
    port: int | None
    log_level: str
    start_paused: bool

    @property
    def can_deliver(self) -> bool:
        """Whether DX's address and token are known."""
        return self.dx_base_url is not None and self.dx_api_token is not None


def load_settings() -> Settings:
    """Read the environment and `.env` in this folder; raise SettingsError naming every problem."""
    env = FileAwareEnv(strip_whitespace=True)
    if (dotenv := Path.cwd() / ".env").is_file():
        env.read_env(dotenv, recurse=False)
    read = _Reader(env)
    settings = _settings(read)
    if read.problems:
        raise SettingsError(read.problems)
    return settings


class _Reader:
    """Reads variables, each with its check, and collects what is wrong instead of stopping at the first."""

    def __init__(self, env: FileAwareEnv) -> None:
        self._env = env
        self.problems: list[str] = []

    def __call__(self, name: str, check: Callable[[str], T], default: T) -> T:
        """Return the checked value; an empty variable counts as not set."""
        try:
            text = self._env.str(name, "") or ""
            return check(text) if text else default
        except ValueError as error:
            self.problems.append(f"{name}: {error}")
            return default


def default_sources() -> dict[str, Source]:
    """Return the sources that every bridge has, without their secrets, by name."""
    sources = (
        Source("pagerduty", "pagerduty", "PAGERDUTY_WEBHOOK_SECRETS"),
        Source("opsgenie", "opsgenie", "OPSGENIE_WEBHOOK_TOKENS", app_url="https://app.opsgenie.com"),
        Source("jsm", "jsm", "JSM_WEBHOOK_TOKENS"),
    )
    return {source.name: source for source in sources}


_APP_URLS = {"opsgenie": "OPSGENIE_APP_URL", "jsm": "JSM_SITE_URL"}


def _settings(read: _Reader) -> Settings:
    return Settings(
        sources={name: _source(read, source) for name, source in default_sources().items()},
        dx_base_url=read("DX_BASE_URL", _https, None),
        dx_api_token=read("DX_API_TOKEN", _secret, None),
        dx_max_rps=read("DX_MAX_RPS", _number(0, 1000), 10.0),
        dx_timeout=read("DX_TIMEOUT", _number(0.1, 300), 15.0),
        dx_outlive=read("DX_OUTLIVE", _number(0.5, 3600), 30.0),
        dx_concurrency=read("DX_CONCURRENCY", _whole(1, 64), 4),
        database_url=_database(read),
        reject_with=read("REJECT_WITH", _reject_with, 401),
        admin_token=read("BRIDGE_ADMIN_TOKEN", _secret, None),
        metrics_token=read("METRICS_TOKEN", _secret, None),
        event_retention_days=read("EVENT_RETENTION_DAYS", _whole(1, 36500), 90),
        web_concurrency=read("WEB_CONCURRENCY", _whole(1, 64), 2),
        port=read("PORT", _whole(0, 65535), None),
        log_level=read("LOG_LEVEL", _log_level, "INFO"),
        start_paused=read("START_PAUSED", _flag, default=False),
    )


def _database(read: _Reader) -> str:
    """Return the database's URL; refuse a file on a disk that does not last, unless that is wanted."""
    url = read("DATABASE_URL", _database_url, "sqlite:///bridge.db")
    platform = next((name for name in _EPHEMERAL if os.environ.get(name)), None)
    if platform and url.startswith("sqlite") and not read("ALLOW_EPHEMERAL", _flag, default=False):
        read.problems.append(
            f"DATABASE_URL: {platform} is set, so this disk does not last and an SQLite file would lose events: "
            "run `heroku addons:create heroku-postgresql:essential-0` or set it to another PostgreSQL "
            "(ALLOW_EPHEMERAL=1 if losing them is fine)"
        )
    return url


def _source(read: _Reader, source: Source) -> Source:
    app_url_env = _APP_URLS.get(source.name)
    app_url = read(app_url_env, _https, source.app_url) if app_url_env else None
    return replace(source, secrets=read(source.secrets_env, _secrets, ()), app_url=app_url)


def _secret(text: str) -> Secret:
    if len(text) < SHORTEST_SECRET:
        raise ValueError(f"is shorter than {SHORTEST_SECRET} characters: make a long random one")
    if not text.isascii() or not text.isprintable():
        raise ValueError("has characters that no HTTP header can carry: use printable ASCII")
    return Secret(text)


def _secrets(text: str) -> tuple[Secret, ...]:
    """Split at commas; an empty item would be a key that anybody can sign with."""
    items = [item.strip() for item in text.split(",")]
    if "" in items:
        raise ValueError("has an empty item: remove the comma too many")
    return tuple(_secret(item) for item in items)


def _https(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("is not an https URL: write it as https://yourinstance.example")
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise ValueError("uses plain http, which is for loopback hosts only: write https://")
    if url.query or url.fragment or url.username:
        raise ValueError("has a query, a fragment or a user name: give the plain base URL")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _number(least: float, most: float) -> Callable[[str], float]:
    def check(text: str) -> float:
        number = float(text) if text.replace(".", "", 1).isdecimal() else -1.0
        if not least <= number <= most:
            raise ValueError(f"is not a number from {least:g} to {most:g}")
        return number

    return check


def _whole(least: int, most: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        if not text.isdecimal() or not least <= int(text[:12]) <= most:
            raise ValueError(f"is not a whole number from {least} to {most}")
        return int(text)

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
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError("names neither SQLite nor PostgreSQL")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("names no file: an SQLite database in memory would lose events")
    return text
