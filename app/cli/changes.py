"""What would change in DX, for people."""

from collections.abc import Iterator

import click
import orjson

from app.cli.open import plain, short
from app.plan import Body, Change

_SIGNS = {"add": ("+", "green"), "update": ("~", "yellow"), "remove": ("-", "red")}


def print_change(change: Change) -> None:
    """Print what would change for one incident, key by key."""
    for line in _lines(change):
        click.echo(line)


def _lines(change: Change) -> Iterator[str]:
    sign, colour = _SIGNS[change.kind]
    body = change.after or change.before or {}
    why = f"  ({change.reason})" if change.reason else ""
    head = f"{sign} {plain(change.reference_id)}  {short(body.get('name') or '')}"
    yield click.style(f"{head.rstrip()}{plain(why)}", fg=colour)
    if change.kind == "update":
        yield from _differences(change.before or {}, change.after or {})


def _differences(before: Body, after: Body) -> Iterator[str]:
    """Show key by key what differs; of metadata, its own keys."""
    before, after = _flat(before), _flat(after)
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old != new:
            yield f"    {key}: {click.style(_shown(old), fg='red')} -> {click.style(_shown(new), fg='green')}"


def _flat(body: Body) -> Body:
    nested = {f"metadata.{key}": value for key, value in (body.get("metadata") or {}).items()}
    return {key: value for key, value in body.items() if key != "metadata"} | nested


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return plain(value if isinstance(value, str) else orjson.dumps(value).decode())
