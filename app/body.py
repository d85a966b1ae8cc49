"""Read a request's body within a bound of size and time."""

from contextlib import suppress
from typing import Any

from flask import Request
from gunicorn.http.errors import ParseException

from app import errors
from app.overdue import watched

LARGEST_BODY = 1024 * 1024
SLOWEST_BODY = 10.0
"""Seconds from the start of the request's handling to the body's last byte."""


def read_body(request: Request) -> bytes:
    """Return the raw body; raise Refusal where it is too large, too slow or cut off.

    When it is overdue, the receiving half of the connection is shut: the read ends and 413 can be sent.
    """
    length = request.content_length
    if length is not None and length > LARGEST_BODY:
        raise errors.too_large(LARGEST_BODY)
    stream = request.environ["wsgi.input"]
    with watched(SLOWEST_BODY, request.environ.get("gunicorn.socket")) as watch:
        body = _read(stream)
    if watch.overdue or body is None or len(body) < (length or 0):
        with suppress(AttributeError):  # gunicorn then closes the connection: what follows is no request
            stream.failed = True
        raise errors.too_slow(SLOWEST_BODY)
    if len(body) > LARGEST_BODY:
        raise errors.too_large(LARGEST_BODY)
    return body


def _read(stream: Any) -> bytes | None:
    try:
        body: bytes = stream.read(LARGEST_BODY + 1)
    except (OSError, ParseException):  # the connection broke, or its chunks make no sense
        return None
    return body
