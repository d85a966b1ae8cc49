"""The sources: where webhooks come from, and where their vendors' REST APIs are."""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.config import Config, SourceConfig
from app.secret import Secret, read_secret, read_secrets
from app.urls import base_url

Read = Callable[[str, Callable[[str], Any], Any], Any]
"""Reads a variable with a check and a default, as the settings do."""


@dataclass(frozen=True, slots=True)
class Api:
    """Access to a vendor's REST API; `variable` holds the secret, and `url` has no slash at its end."""

    url: str
    secret: Secret
    variable: str
    token: Secret | None = None
    """Of basic authentication, the part that is the token."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not be shown."""
        return (self.secret, self.token) if self.token else (self.secret,)


@dataclass(frozen=True, slots=True)
class Source:
    """Where webhooks come from: `/webhooks/<name>`."""

    name: str
    vendor: str
    secrets_env: str
    secrets: tuple[Secret, ...] = ()
    app_url: str | None = None
    api_env: str | None = None
    api_url: str | None = None
    api: Api | None = None
    """None: nothing can be read from the vendor."""


def default_sources() -> dict[str, Source]:
    """Return the sources that every bridge has, without their secrets, by name."""
    pagerduty = Source("pagerduty", "pagerduty", "PAGERDUTY_WEBHOOK_SECRETS", api_env="PAGERDUTY_API_TOKEN")
    opsgenie = Source("opsgenie", "opsgenie", "OPSGENIE_WEBHOOK_TOKENS", api_env="OPSGENIE_API_KEY")
    sources = (
        pagerduty,
        replace(opsgenie, app_url="https://app.opsgenie.com"),
        Source("jsm", "jsm", "JSM_WEBHOOK_TOKENS", api_env="JSM_API_TOKEN"),
        Source("jira", "jira", "JIRA_WEBHOOK_SECRETS", api_env="JSM_API_TOKEN"),
    )
    return {source.name: source for source in sources}


def all_sources(config: Config) -> dict[str, Source]:
    """Return the default sources as `bridge.toml` changes them, and its further ones; without their secrets."""
    defaults = default_sources()
    return defaults | {name: _configured(name, each, defaults) for name, each in config.sources.items()}


def _configured(name: str, given: SourceConfig, defaults: Mapping[str, Source]) -> Source:
    """A further source is another account, so it shares no secret and no token with the default one."""
    own = defaults.get(name, replace(defaults[given.vendor], name=name, api_env=None))
    return replace(
        own,
        secrets_env=given.secrets_env or own.secrets_env,
        api_env=given.api_token_env or own.api_env,
        api_url=given.api_url,
    )


def read_source(read: Read, source: Source) -> Source:
    """Return a source with its secrets, its links and its access to the vendor's API."""
    variable = _APP_URLS.get(source.vendor)
    app_url = read(variable, base_url, source.app_url) if variable else source.app_url
    secrets = read(source.secrets_env, read_secrets, ())
    return replace(source, secrets=secrets, app_url=app_url, api=_api(read, source))


_APP_URLS = {"opsgenie": "OPSGENIE_APP_URL", "jsm": "JSM_SITE_URL", "jira": "JSM_SITE_URL"}
_API_URLS = {
    "pagerduty": ("PAGERDUTY_API_URL", "https://api.pagerduty.com"),
    "opsgenie": ("OPSGENIE_API_URL", "https://api.opsgenie.com"),
}
_ATLASSIAN = "https://api.atlassian.com"
_PATHS = {"jsm": "/jsm/ops/api", "jira": "/ex/jira"}


def _api(read: Read, source: Source) -> Api | None:
    if source.vendor in _PATHS:
        return _atlassian(read, source)
    token = read(source.api_env, read_secret, None) if source.api_env else None
    variable, default = _API_URLS[source.vendor]
    url = source.api_url or read(variable, base_url, default)
    return Api(url, token, source.api_env or "") if token else None


def _atlassian(read: Read, source: Source) -> Api | None:
    """Return the access of basic authentication, an account's e-mail with its API token, to one site."""
    if source.api_env is None:
        return None
    token = read(source.api_env, read_secret, None)
    email, cloud = read("JSM_EMAIL", _email, None), read("JSM_CLOUD_ID", _cloud_id, None)
    url = source.api_url or read("JSM_API_URL", base_url, _ATLASSIAN)
    if token is None:
        return None
    missing = [name for name, value in (("JSM_EMAIL", email), ("JSM_CLOUD_ID", cloud)) if value is None]
    if email is None or cloud is None:
        read(source.api_env, _useless_without(missing), None)
        return None
    both = b64encode(f"{email}:{token.reveal()}".encode()).decode()
    return Api(f"{url}{_PATHS[source.vendor]}/{cloud}", Secret(both), source.api_env, token)


def _useless_without(missing: list[str]) -> Callable[[str], None]:
    def check(_: str) -> None:
        raise ValueError(f"is of no use without {' and '.join(missing)}: set that, too")

    return check


def _email(text: str) -> str:
    if not re.fullmatch(r"[!-~]+@[!-~]+", text) or ":" in text:
        raise ValueError("is not an e-mail address")
    return text


def _cloud_id(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z-]{8,64}", text):
        raise ValueError("is not a cloud id: https://<your site>.atlassian.net/_edge/tenant_info tells it")
    return text
