"""The shape of `bridge.toml`, with every mistake told in its place and the nearest valid word."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema

from app.nearest import nearest
from app.policy import METADATA, RETRACTABLE, UNMAPPED
from app.urls import base_url
from mappers import MAPPERS

if TYPE_CHECKING:
    from app.rules import Rule

_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_PREFIX = re.compile(r"[A-Za-z0-9_.:-]{0,40}")
_METADATA_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")


class StrictSchema(Schema):
    """A table in which every key has to be known."""

    class Meta:
        """What is unknown is told below, with the nearest known key."""

        unknown = EXCLUDE

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _nothing_unknown(self, _: Any, original: Any, **__: Any) -> None:
        known = tuple(self.fields)
        unknown = [key for key in original if key not in known] if isinstance(original, dict) else []
        if unknown:
            raise ValidationError({key: [f"is not known here{_hint(key, known)}"] for key in unknown})


class Read(fields.Field[Any]):
    """A value as a function reads it, whose ValueError is the mistake."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self._read = read

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        try:
            return self._read(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Table(fields.Field[dict[str, Any]]):
    """A table whose keys are the user's own."""

    def __init__(self, read: Callable[[Any], Any], key: Callable[[str], str] = str) -> None:
        super().__init__()
        self._read, self._key = read, key

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        wrong: dict[str, Any] = {}
        for key, item in _table(value).items():
            of_key, _ = _attempt(self._key, key)
            of_item, read = _attempt(self._read, item)
            if of_key or of_item:
                wrong[key] = {**of_item, _ITSELF: [*of_key.get(_ITSELF, ()), *of_item.get(_ITSELF, ())]}
            else:
                found[key] = read
        if wrong:
            raise ValidationError(wrong, valid_data=found)
        return found


_ITSELF = ...
"""Stands in messages for the place itself, beside the keys below it."""


def _attempt(read: Callable[[Any], Any], value: Any) -> tuple[dict[Any, Any], Any]:
    """Return what is wrong with a value, by place, and what was read of it."""
    try:
        return {}, read(value)
    except ValidationError as error:
        told = error.messages
        return (told if isinstance(told, dict) else {_ITSELF: told}), None
    except ValueError as error:
        return {_ITSELF: [str(error)]}, None


class Tables(fields.Nested):
    """A table of a schema's own."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return super()._deserialize(_table(value), *args, **kwargs)


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValidationError("is not a table")
    return value


def _hint(word: str, words: tuple[str, ...]) -> str:
    return nearest(word, words) or f"; known are {', '.join(words)}"


def text(value: Any) -> str:
    """Read a text; raise ValueError for anything else."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("is not a text: put it in quotes")
    return value


def filled(value: Any) -> str:
    """Read a text that is not blank."""
    if not text(value).strip():
        raise ValueError("is blank")
    return text(value)


def one_of(*words: str) -> Callable[[Any], str]:
    """Return a reader of one of these words."""

    def read(value: Any) -> str:
        if text(value) not in words:
            raise ValueError(f"{_shown(value)} is none of {', '.join(words)}{nearest(value, words)}")
        return text(value)

    return read


def matching(pattern: re.Pattern[str], what: str) -> Callable[[Any], str]:
    """Return a reader of texts of a form that `what` describes."""

    def read(value: Any) -> str:
        if not pattern.fullmatch(text(value)):
            raise ValueError(f"{_shown(value)} is not {what}")
        return text(value)

    return read


def list_of(read: Callable[[Any], str]) -> Callable[[Any], tuple[str, ...]]:
    """Return a reader of lists; a mistake names the item, counted from 1."""

    def read_list(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValidationError("is not a list: put it in [brackets]")
        wrong, found = {}, []
        for number, item in enumerate(value, 1):
            try:
                found.append(read(item))
            except ValueError as error:
                wrong[number] = [str(error)]
        if wrong:
            raise ValidationError(wrong)
        return tuple(found)

    return read_list


def identifiers(value: Any) -> tuple[str, ...]:
    """Read one identifier, or a list of them."""
    return list_of(filled)(value) if isinstance(value, list) else (filled(value),)


def rule(value: Any) -> "Rule":
    """Read and compile a rule."""
    from app import rules  # noqa: PLC0415 - its module says why

    try:
        return rules.compile_rule(filled(value))
    except rules.RuleError as error:
        raise ValidationError(str(error)) from None


def _variable(value: Any) -> str:
    """Read the name of a variable; what is none may be the secret itself, and is not shown."""
    if not _VARIABLE.fullmatch(text(value)):
        raise ValueError("is not the name of an environment variable, like PAGERDUTY_EU_WEBHOOK_SECRETS")
    return text(value)


def _url(value: Any) -> str:
    return base_url(text(value))


class ServicesSchema(StrictSchema):
    """`[services]`."""

    unmapped = Read(one_of(*UNMAPPED))
    map = Table(identifiers)


class IncidentsSchema(StrictSchema):
    """`[incidents]`."""

    include = Read(rule)
    retract = Read(list_of(one_of(*RETRACTABLE)))
    metadata = Read(list_of(one_of(*METADATA)))
    rename = Table(
        matching(_METADATA_KEY, "a key that DX takes: letters, digits, - and _"), key=one_of(*METADATA)
    )


class SourceSchema(StrictSchema):
    """`[sources.<name>]`."""

    vendor = Read(one_of(*MAPPERS))
    secrets_env = Read(_variable)
    reference_prefix = Read(matching(_PREFIX, "a prefix: at most 40 letters, digits and _ . : -"))
    include = Read(rule)
    issue_types = Read(list_of(filled))
    api_url = Read(_url)
    api_token_env = Read(_variable)
    app_url = Read(_url)


class ConfigSchema(StrictSchema):
    """The whole file."""

    services = Tables(ServicesSchema)
    priorities = Table(text)
    incidents = Tables(IncidentsSchema)
    sources = Table(
        lambda value: SourceSchema().load(_table(value)),
        key=matching(_SOURCE_NAME, "a name for a URL: lower-case letters, digits, - and _"),
    )


def is_source_name(name: str) -> bool:
    """Whether a source may be called so."""
    return bool(_SOURCE_NAME.fullmatch(name))


def sentences(messages: Any, path: tuple[str | int, ...] = ()) -> list[str]:
    """Return each mistake as `[table] key: what is wrong`."""
    if isinstance(messages, Mapping):
        inner = ((path if key is _ITSELF else (*path, key), value) for key, value in messages.items())
        return [each for place, value in inner for each in sentences(value, place)]
    return [f"{_place(path)}: {message}" for message in messages]


def _place(path: tuple[str | int, ...]) -> str:
    """Write a place as the file shows it: `[incidents] retract, item 2`."""
    items = [f"item {each}" for each in path if isinstance(each, int)]
    keys = [each for each in path if isinstance(each, str)]
    depth = 2 if keys[0] == "sources" or keys[:2] in (["services", "map"], ["incidents", "rename"]) else 1
    table, rest = keys[:depth], [_key(key) for key in keys[depth:]]
    head = ".".join(map(_key, table))
    return ", ".join([" ".join([f"[{head}]" if rest or depth == 2 else head, *rest]), *items])


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _shown(key)


def _shown(value: str) -> str:
    """Return a text in quotes and on one line."""
    return f'"{value}"' if value.isprintable() else json.dumps(value)
