"""`dx-bridge replay`: post webhook bodies to a running bridge, signed as the vendor would."""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import click
import requests

from app.cli.common import settings_or_exit
from app.cli.inputs import bodies
from app.sources import Source
from app.verify import SIGNERS
from app.webhook import NotJSONError, parse
from mappers import recognise

_SUFFIXES = (".json", ".jsonl")


@click.command("replay")
@click.option("--to", "url", required=True, metavar="URL", help="The bridge, as http://127.0.0.1:8000")
@click.option("--source", metavar="NAME", help="Where the bodies come from, if they do not tell (jsm).")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH…"
)
def command(paths: tuple[Path, ...], url: str, source: str | None) -> None:
    """Post webhook bodies to a running bridge, signed with the configured secrets.

    PATH is a file with one body or JSON Lines of them, or a folder of such files. Exit code: 0, or 1
    if anything was refused.

    \b
      dx-bridge replay saved-webhooks/ --to http://127.0.0.1:8000
      dx-bridge replay --source jsm alert.json --to http://127.0.0.1:8000
    """
    sources = settings_or_exit().sources
    if source is not None and source not in sources:
        raise click.BadParameter(f"is none of {', '.join(sources)}", param_hint="--source")
    posts = [
        text.raw for path in paths for file in _files(path) for text in bodies(str(file), file.read_bytes())
    ]
    told: Counter[str] = Counter()
    bar = click.progressbar(posts, file=sys.stderr, hidden=not sys.stderr.isatty())
    with requests.Session() as session, bar:
        for body in bar:
            told[_post(session, url.rstrip("/"), sources, source, body)] += 1
    click.echo(
        ", ".join(f"{count} {outcome}" for outcome, count in sorted(told.items())) or "nothing to post"
    )
    sys.exit(bool(set(told) - {"accepted", "duplicate"}))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES)


def _post(
    session: requests.Session, url: str, sources: Mapping[str, Source], name: str | None, body: bytes
) -> str:
    source = sources.get(name or _vendor(body) or "")
    if source is None:
        return "of no known vendor"
    if not source.secrets:
        return f"not sent, since {source.secrets_env} is not set"
    signature = SIGNERS[source.vendor](body, source.secrets[0].reveal().encode())
    headers = {"Content-Type": "application/json", **signature}
    try:
        response = session.post(f"{url}/webhooks/{source.name}", data=body, headers=headers, timeout=30)
    except requests.RequestException as error:
        return f"not sent ({type(error).__name__}): is the bridge running at {url}?"
    try:
        said = parse(response.content)
    except NotJSONError:
        said = {}
    return str(said.get("status") or f"refused: {response.status_code} {said.get('message', '')}".strip())


def _vendor(body: bytes) -> str | None:
    try:
        return recognise(parse(body))
    except NotJSONError:
        return None
