"""Reading a body whatever is in it, and telling what is wrong with it."""

import json
from collections.abc import Iterator
from typing import Any

DEEPEST = 100  # levels; what is kept has to fit into the log of calls, some levels further down


def parse(data: bytes) -> Any:
    """Return what a JSON body says; ValueError if it is none, or has NaN, lone surrogates, deep nests."""
    try:
        document = json.loads(data.decode())
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
        deep = _depth(document) > DEEPEST
    except RecursionError:
        deep = True
    if deep:
        raise ValueError("nested too deeply")
    return document


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)


def reference_of(body: Any) -> str | None:
    """Return the reference_id that a body names, valid or not; incidents.delete takes integers too."""
    value = body.get("reference_id") if isinstance(body, dict) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def sentence(errors: Any) -> str:
    """Return marshmallow's errors as one line: `services.0.identifier: Missing data …. name: …`."""
    return " ".join(f"{path}: {text}" if path else text for path, text in _leaves(errors))


def _leaves(errors: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if not isinstance(errors, dict):
        yield path, " ".join(str(error) for error in errors)
        return
    for key, inner in errors.items():
        yield from _leaves(inner, path if key == "_schema" else f"{path}.{key}".lstrip("."))
