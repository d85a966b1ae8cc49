"""The settings as a page may show them: secrets as dots."""

from collections.abc import Iterable, Iterator
from dataclasses import fields

from sqlalchemy import make_url

from app.secret import Secret
from app.settings import Settings
from app.sources import Source

_VARIABLES = {"admin_token": "BRIDGE_ADMIN_TOKEN", "sentry_dsn": "SENTRY_DSN"}
_ELSEWHERE = ("sources", "policy", "database_url")


def settings_shown(settings: Settings) -> list[tuple[str, str]]:
    """Return each setting's variable and what it is."""
    plain = (
        (field.name, getattr(settings, field.name))
        for field in fields(settings)
        if field.name not in _ELSEWHERE
    )
    shown = [(_VARIABLES.get(name, name.upper()), _shown(value)) for name, value in plain]
    database = make_url(settings.database_url).render_as_string(hide_password=True)
    return sorted({*shown, ("DATABASE_URL", database), *_secrets(settings.sources.values())})


def _secrets(sources: Iterable[Source]) -> Iterator[tuple[str, str]]:
    for source in sources:
        yield source.secrets_env, ", ".join("•••" for _ in source.secrets) or "not set"
        if source.api_env:
            yield source.api_env, f"••• at {source.api.url}" if source.api else "not set"


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, Secret):
        return "•••"
    return {True: "1", False: "0"}.get(value, str(value)) if isinstance(value, bool) else str(value)
