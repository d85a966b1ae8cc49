"""A span for each request, but for those of the routes that are polled."""

from contextlib import ExitStack
from importlib import import_module

from flask import Flask, Response, g, request

from app import tracing

_POLLED = ("health",)
_METRICS = "/metrics"


def init(app: Flask) -> None:
    """Trace an application's requests."""
    app.before_request(_open)
    app.after_request(_tell)
    app.teardown_request(_close)


def _open() -> None:
    if not tracing.is_on():
        return
    route = str(request.url_rule or "")
    if request.blueprint in _POLLED or route == _METRICS:
        return
    carrier = {"traceparent": request.headers.get("traceparent", "")}
    caller = import_module("opentelemetry.propagate").extract(carrier)
    attributes = {"http.request.method": request.method, "http.route": route or None}
    g.span = ExitStack()
    name = f"{request.method} {route}".strip()
    g.tell_span = g.span.enter_context(tracing.span(name, attributes, kind="SERVER", caller=caller))


def _tell(response: Response) -> Response:
    if "tell_span" in g:
        g.tell_span({"http.response.status_code": response.status_code})
    return response


def _close(_: BaseException | None) -> None:
    if "span" in g:
        g.pop("span").close()
