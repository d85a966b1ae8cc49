"""The settings as a page may show them: secrets as dots."""

from sqlalchemy import make_url

from app.secret import Secret
from app.settings import Settings


def settings_shown(settings: Settings) -> list[tuple[str, str]]:
    """Return each setting's variable and what it is."""
    shown = {name: _shown(value) for name, value in settings.variables.items()}
    shown["DATABASE_URL"] = make_url(settings.database_url).render_as_string(hide_password=True)
    for source in settings.sources.values():
        if source.api and source.api_url:  # of bridge.toml, so no variable tells it
            shown[source.api.variable] = f"••• at {source.api.url}"
    return sorted(shown.items())


def _shown(value: object) -> str:
    if value is None or value == ():
        return "not set"
    if isinstance(value, tuple):  # of secrets
        return ", ".join(map(_shown, value))
    if isinstance(value, Secret):
        return "•••"
    return str(int(value)) if isinstance(value, bool) else str(value)
