"""A request's id: in its answer and in each of its log lines; and one line for the request itself."""

import re
from collections.abc import Callable
from random import getrandbits
from time import perf_counter

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._+/=-]{8,128}", re.ASCII)
_PLAIN_SEGMENT = re.compile(r"[a-z_-]{1,20}", re.ASCII)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

log = structlog.get_logger()


def init(app: Flask) -> None:
    """Give each of the application's requests its id; to be called before anything else hooks into them."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(lambda _: clear_contextvars())


def request_id(given: str | None) -> str:
    """Return the id that a router gave, where it looks like one, else a new one."""
    return given if given and _SANE.fullmatch(given) else f"{getrandbits(128):032x}"


def plain_path(path: str) -> str:
    """Return a path for the log: what is not a plain word may be somebody's token."""
    kept = [each if _PLAIN_SEGMENT.fullmatch(each) else "…" for each in path.split("/")[1:6]]
    return "/" + "/".join(kept)


def _begin() -> None:
    clear_contextvars()  # a thread serves one request after the other, and the variables are the thread's
    g.begun, g.request_id = perf_counter(), request_id(request.headers.get(HEADER))
    bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    is_webhook = request.blueprint == "webhooks"
    route = {} if is_webhook else {"method": request.method, "path": _path()}
    took = round((perf_counter() - g.begun) * 1000, 1)
    say = _loudness(response.status_code, is_webhook=is_webhook)
    say("webhook" if is_webhook else "request", **route, status=response.status_code, duration_ms=took)
    return response


def _path() -> str:
    return request.url_rule.rule if request.url_rule else plain_path(request.path)


def _loudness(status: int, *, is_webhook: bool) -> Callable[..., None]:
    """Return how to say it: a refused webhook aloud; of the rest, what changes something or tries to."""
    if is_webhook:
        say = log.info if status < 400 else log.warning
    else:
        say = log.debug if request.method in _SAFE_METHODS else log.info
    loudly: Callable[..., None] = say
    return loudly
