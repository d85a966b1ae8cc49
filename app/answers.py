"""What DX's answer to a call means: pure classification, in the order of the documentation.

DX documents the statuses 200 and 422 only and puts the reason into the JSON key `error`
(docs.getdx.com/datacloudapi/overview), so the body is looked at before the status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import orjson

AUTH_ERRORS = frozenset({"not_authed", "invalid_auth", "account_inactive"})
_NOT_NOW = frozenset({408, 429})
_GATEWAY_TIMEOUT = frozenset({504, 524})
"""A gateway has given up waiting; 524 is Cloudflare's (developers.cloudflare.com/support, 5xx errors)."""
_UNAUTHORIZED = 401
_SECONDS_LIMIT = 900.0  # the longest back-off: no answer may stop the sender for longer
_WORDS_LIMIT = 500

Meaning = Literal["confirmed", "not_now", "unauthorised", "refused"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The meaning of one call's end."""

    meaning: Meaning
    code: str
    """DX's error code, `http_503`, or the kind of failure (`timeout`, `connection` …)."""
    words: str = ""
    """DX's own words, or what failed, for people."""
    status: int | None = None
    retry_after: float | None = None
    """Seconds, where the answer asks for a wait."""
    unfinished: bool = False
    """DX may still be at work on this call, and apply it later."""
    begun: bool = True
    """False: not one byte of the body was written, so DX cannot have applied it."""


def classify(status: int, retry_after: str | None, body: bytes, now: datetime) -> Answer:
    """Tell what an answer means; `now` is aware and measures a `Retry-After` that is a date."""
    said = _json_object(body)
    code, words = _error(said)
    if 200 <= status < 300 and said.get("ok") is True:
        return Answer("confirmed", "ok", status=status)
    if status in _NOT_NOW or status >= 500 or 300 <= status < 400 or not said:
        wait = seconds(retry_after, now)
        return Answer("not_now", f"http_{status}", words, status, wait, unfinished=status in _GATEWAY_TIMEOUT)
    if code in AUTH_ERRORS or status == _UNAUTHORIZED:
        return Answer("unauthorised", code or f"http_{status}", words, status)
    return Answer("refused", code or f"http_{status}", words, status)


def seconds(retry_after: str | None, now: datetime) -> float | None:
    """Read a `Retry-After` header: seconds or a date, at most 15 minutes; None for anything else."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _SECONDS_LIMIT)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    wait = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(wait, 0.0), _SECONDS_LIMIT)


def _json_object(body: bytes) -> Mapping[str, object]:
    """Return DX's JSON object, which has `ok` or `error`; a proxy's page or JSON is not DX speaking."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    ours = isinstance(said, dict) and (isinstance(said.get("ok"), bool) or isinstance(said.get("error"), str))
    return said if ours else {}


def _error(said: Mapping[str, object]) -> tuple[str, str]:
    code = said.get("error")
    words = said.get("message") or code or ""
    return (_plain(code, 100) if isinstance(code, str) else ""), _plain(str(words), _WORDS_LIMIT)


def _plain(text: str, limit: int) -> str:
    """Return a text without control characters, which logs and PostgreSQL do not take."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:limit])
