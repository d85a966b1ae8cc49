"""What DX answers, and how it last answered the sender, for `dx-bridge check`."""

import time
from collections.abc import Iterator

import click
from sqlalchemy import Engine

from app.answers import Answer
from app.cli.common import note
from app.dx import DX
from app.secret import Secret
from app.store import sender
from app.store.engine import reading


def ask(url: str, token: Secret, timeout: float) -> Iterator[str]:
    """Ask DX whether it takes the token; `timeout` in seconds. Yield a problem with its remedy."""
    answer = DX(url, token, timeout).check_token()
    if answer.meaning == "unauthorised":
        yield f"DX refuses the token ({answer.code}): set DX_API_TOKEN to a valid organization token"
    elif answer.meaning == "not_now" and answer.status in (None, 408, 429, 500, 502, 503, 504):
        came = _instead(answer, timeout)
        yield f"DX does not answer ({came}): check DX_BASE_URL and the network, try again"
    elif answer.meaning == "not_now":
        yield f"DX_BASE_URL answers {answer.status}, but not with DX's JSON: does it lead to your DX instance?"
    elif answer.meaning == "refused":
        note(
            f"DX answered `{answer.code}` to a harmless question, so the token could not be verified: look at "
            "DX_BASE_URL and the token's scope; the first incident shows whether it may write"
        )
    else:
        click.echo("DX: the token is accepted for reading; writing shows with the first incident")


def _instead(answer: Answer, timeout: float) -> str:
    if answer.code == "timeout":
        return f"nothing within {timeout:g} s"
    if answer.code == "connection":
        return "no connection" if answer.words == "ConnectionError" else f"no connection: {answer.words}"
    return f"{answer.code} {answer.words}".strip()


def tell_sender(engine: Engine) -> None:
    """Note that nothing is sent at present, and what ends that."""
    with reading(engine).begin() as connection:
        row = sender.load(connection, time.time_ns())
    state, reason = row.shown(can_deliver=True)  # what is not set is a problem of its own
    if state == "paused":
        note(
            f"nothing is sent: the sender is paused ({reason}); resume it on the dashboard or with "
            "`POST /api/v1/sender/resume`"
        )
    elif state == "held":
        note(
            f"nothing is sent: the sender is held ({reason}); repair what DX refuses, and it goes on within "
            "five minutes, or at once with a restart"
        )
    elif state == "probing":
        note(f"the sender finds DX away ({reason}); it goes on by itself within a minute of DX's return")
