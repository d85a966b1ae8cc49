"""Read a request's body within a bound of size and time."""

from flask import Request

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
    with watched(SLOWEST_BODY, request.environ.get("gunicorn.socket")) as watch:
        body = _read(request)
    if watch.overdue or len(body) < (length or 0):
        raise errors.too_slow(SLOWEST_BODY)
    if len(body) > LARGEST_BODY:
        raise errors.too_large(LARGEST_BODY)
    return body


def _read(request: Request) -> bytes:
    try:
        body: bytes = request.environ["wsgi.input"].read(LARGEST_BODY + 1)
    except OSError:  # the connection broke, or its chunks make no sense
        return b""
    return body
