"""`bridge.toml`: read once, into a policy and the further sources; every mistake at once.

The policy in force is kept in the database as JSON of the same shape, read by the same schema.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from marshmallow import ValidationError

from app.config_schema import ConfigSchema, is_source_name, sentences
from app.errors import PolicyUnreadableError
from app.policy import DEFAULT, ISSUE_TYPES, METADATA, Policy, SourcePolicy
from mappers import MAPPERS

_OF_THE_PROCESS = ("secrets_env", "api_url", "api_token_env")
"""Keys of a source that decide about no document."""


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """Where a source of `bridge.toml` gets its secrets, and where its vendor is."""

    vendor: str
    secrets_env: str | None = None
    api_url: str | None = None
    api_token_env: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What `bridge.toml` says."""

    policy: Policy = DEFAULT
    sources: Mapping[str, SourceConfig] = field(default_factory=dict)


def read_file(path: Path) -> tuple[Config, list[str]]:
    """Return a file's configuration, or the default one and what is wrong with the file."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return Config(), ["cannot be read: make it a UTF-8 text file that this user may read"]
    except tomllib.TOMLDecodeError as error:
        return Config(), [f"is not TOML: {error}"]
    except (RecursionError, ValueError):
        return Config(), ["is not TOML that can be read: it is nested too deeply, or a number is too long"]
    return read_config(given)


def read_config(given: Mapping[str, Any]) -> tuple[Config, list[str]]:
    """Return the configuration that a parsed file gives, and every mistake in it."""
    try:
        loaded, problems = ConfigSchema().load(given), []
    except ValidationError as error:
        loaded, problems = _valid_part(error), sentences(error.messages)
    problems += _source_problems(given.get("sources"))
    problems += (
        [] if any(problem.startswith("[incidents") for problem in problems) else _rename_problems(loaded)
    )
    return (Config() if problems else _config(loaded)), problems


def load_policy(text: str) -> Policy:
    """Read what `policy_text` wrote; raise PolicyUnreadableError for one that only a newer version can have written."""
    try:
        return _config(ConfigSchema().load(orjson.loads(text))).policy
    except ValidationError as error:
        said = "; ".join(sentences(error.messages))
        raise PolicyUnreadableError(
            f"This version cannot read the policy in force ({said}): deploy the newer version again, "
            "or run `dx-bridge apply` with this one."
        ) from None


def policy_text(policy: Policy) -> str:
    """Write a policy as JSON in the shape of `bridge.toml`, without what is as by default."""
    incidents = {
        "include": policy.include and policy.include.text,
        "retract": sorted(policy.retract) or None,
        "metadata": None if policy.metadata == METADATA else list(policy.metadata),
        "rename": dict(policy.rename) or None,
    }
    services = {
        "unmapped": None if policy.unmapped == DEFAULT.unmapped else policy.unmapped,
        "map": {key: list(value) for key, value in policy.services.items()} or None,
    }
    tables = {
        "services": _said(services),
        "priorities": dict(policy.priorities) or None,
        "incidents": _said(incidents),
        "sources": _said({name: _said(_source(name, each)) for name, each in policy.sources.items()}),
    }
    return orjson.dumps(_said(tables) or {}, option=orjson.OPT_SORT_KEYS).decode()


def digest(policy: Policy) -> str:
    """Return what tells one policy from another, whatever the file's order and comments: 16 hex digits."""
    return sha256(policy_text(policy).encode()).hexdigest()[:16]


def _source(name: str, source: SourcePolicy) -> dict[str, object]:
    return {
        "vendor": None if name == source.vendor else source.vendor,
        "reference_prefix": source.reference_prefix or None,
        "include": source.include and source.include.text,
        "issue_types": None if source.issue_types == ISSUE_TYPES else list(source.issue_types),
        "app_url": source.app_url,
    }


def _said(table: Mapping[str, object]) -> dict[str, object] | None:
    """Return what a table says besides the defaults; None where that is nothing."""
    return {key: value for key, value in table.items() if value is not None} or None


def _valid_part(error: ValidationError) -> dict[str, Any]:
    valid = error.valid_data
    return dict(valid) if isinstance(valid, dict) else {}


def _config(loaded: Mapping[str, Any]) -> Config:
    services, incidents = loaded.get("services", {}), loaded.get("incidents", {})
    sources = {name: {"vendor": name, **each} for name, each in loaded.get("sources", {}).items()}
    policy = Policy(
        unmapped=services.get("unmapped", DEFAULT.unmapped),
        services=services.get("map", {}),
        priorities=_changed(loaded.get("priorities", {})),
        include=incidents.get("include"),
        retract=frozenset(incidents.get("retract", ())),
        metadata=_ordered(incidents.get("metadata", METADATA)),
        rename=_changed(incidents.get("rename", {})),
        sources={name: SourcePolicy(**_but(each, *_OF_THE_PROCESS)) for name, each in sources.items()},
    )
    configs = {name: SourceConfig(**_only(each)) for name, each in sources.items()}
    return Config(policy, configs)


def _changed(names: Mapping[str, str]) -> dict[str, str]:
    return {old: new for old, new in names.items() if old != new}


def _ordered(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in METADATA if key in keys)


def _but(table: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


def _only(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: table[key] for key in ("vendor", *_OF_THE_PROCESS) if key in table}


def _source_problems(given: object) -> Iterator[str]:
    """Tell what is missing or does not go together in the sources' tables, whatever else is wrong with them."""
    for name, source in given.items() if isinstance(given, dict) else ():
        if isinstance(source, dict):
            yield from (f"[sources.{name}] {problem}" for problem in _of_source(name, source))


def _of_source(name: str, source: Mapping[str, Any]) -> Iterator[str]:
    vendor = source.get("vendor", name)
    if not isinstance(vendor, str) or vendor not in MAPPERS:
        if "vendor" not in source and is_source_name(name):
            yield f"vendor: is missing: write one of {', '.join(MAPPERS)}"
    elif name in MAPPERS and vendor != name:
        yield f"vendor: this name is {name}'s own: give a source of {vendor} another name"
    elif name not in MAPPERS and "secrets_env" not in source and is_source_name(name):
        yield "secrets_env: is missing: name the variable that holds the source's secrets"
    if "api_token_env" in source and vendor in ("jsm", "jira"):
        yield "api_token_env: the sites of Atlassian are read with JSM_API_TOKEN, JSM_EMAIL and JSM_CLOUD_ID"
    if "issue_types" in source and str(vendor) in MAPPERS and vendor != "jira":
        yield "issue_types: only Jira's issues have types"


def _rename_problems(loaded: Mapping[str, Any]) -> Iterator[str]:
    """Two keys of one name would leave it to chance which is sent."""
    incidents = loaded.get("incidents", {})
    rename = incidents.get("rename", {})
    names = Counter(rename.get(key, key) for key in _ordered(incidents.get("metadata", METADATA)))
    for name in sorted(name for name, count in names.items() if count > 1):
        yield f"[incidents.rename]: two metadata keys would be called {name}: rename one of them otherwise"
