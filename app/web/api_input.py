"""How the admin API reads requests, and acts on them: every mistake is refused in one sentence."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from flask import current_app, request
from marshmallow import Schema, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app import errors
from app.acts import Acts
from app.body import read_body
from app.errors import OverrideError, PolicyUnreadableError, Refusal, UnknownError
from app.nearest import nearest
from app.override import AmbiguousError
from app.webhook import NotJSONError, parse

LARGEST_BODY = 64 * 1024
UNKNOWN = "Unknown field."
"""What marshmallow says of a key that a schema does not have."""
_MOST_TOLD = 3


def invalid(message: str) -> Refusal:
    """Refuse what can be read and is wrong."""
    return Refusal(422, "invalid", message)


def unknown(message: str) -> Refusal:
    """Refuse what names something that is not here."""
    return Refusal(404, "unknown", message)


def query(schema: Schema) -> dict[str, Any]:
    """Read the query with a schema; a parameter without a value counts as not given."""
    given = [(key, value) for key, value in request.args.items(multi=True) if value]
    names = [key for key, _ in given]
    twice = [key for key in names if names.count(key) > 1]
    if twice:
        raise invalid(f"{twice[0][:60]}: Given more than once.")
    read: dict[str, Any] = load(schema, dict(given))
    return read


def body() -> dict[str, Any]:
    """Return the request's JSON object; raise Refusal where it is too large, or anything else."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise errors.too_large(LARGEST_BODY)
    raw = read_body(request)
    if len(raw) > LARGEST_BODY:
        raise errors.too_large(LARGEST_BODY)
    if request.mimetype != "application/json":
        raise Refusal(415, "unsupported_type", "Send the body as application/json.")
    try:
        return parse(raw)
    except NotJSONError as error:
        raise errors.not_json(str(error)) from None


def load(schema: Schema, given: Mapping[str, Any]) -> Any:
    """Read what was given with a schema; raise Refusal naming what is wrong."""
    try:
        return schema.load(given)
    except ValidationError as error:
        raise invalid(told(error.messages, schema.fields)) from None


def told(messages: Any, known: Iterable[str]) -> str:
    """Return the first mistakes as one sentence, an unknown key with the nearest known one."""
    words = tuple(known)
    said = [_said(place, message, words) for place, message in _flat(messages)]
    return "; ".join(said[:_MOST_TOLD]) + "."


def _said(place: str, message: str, known: tuple[str, ...]) -> str:
    if message == UNKNOWN:
        hint = nearest(place, known).rstrip("?") or f"; known are {', '.join(known)}"
        return f"{place[:60]!r} is not known here{hint}"
    return f"{place[:60]}: {message.rstrip('.')}"


def _flat(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for key, value in messages.items():
            yield from _flat(value, (*path, str(key)))
    else:
        yield from ((".".join(path), str(each)) for each in messages)


@contextmanager
def acting() -> Iterator[Acts]:
    """Yield what operators can do, recorded as the API's; refuse what cannot be; then wake the pipeline."""
    extensions = current_app.extensions
    try:
        yield Acts(extensions["engine"], extensions["settings"], extensions["receiver"].clock, "API")
    except UnknownError as error:
        raise unknown(str(error)) from None
    except AmbiguousError as error:
        names = ", ".join(error.sources)
        raise Refusal(
            409, "ambiguous", f"Several sources have it: add ?source= with one of {names}."
        ) from None
    except OverrideError as error:
        raise invalid(str(error)) from None
    except PolicyUnreadableError as error:
        raise Refusal(503, "policy_unreadable", str(error), retry_after=60) from None
    with suppress(SQLAlchemyError):
        extensions["receiver"].notifier.notify()
