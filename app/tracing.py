"""OpenTelemetry traces when the usual OTEL_ variables ask for them; without, nothing is imported or done.

Spans are made by hand: the ready-made instrumentations record query strings, addresses of clients and
the texts of exceptions, and that of requests would send its headers to DX.
"""

import atexit
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import structlog

Attributes = Mapping[str, str | int | float | bool | None]
Tell = Callable[[Attributes], None]

SERVICE = "dx-incident-bridge"
MISSING = "OTEL_ variables are set, but the package is missing: pip install 'dx-incident-bridge[otel]', or unset them"
FLUSH_SECONDS = 3.0
"""How long the end waits for the collector: calls to DX may have taken 20 of the 25 s."""
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTERS = {
    "otlp": ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "OTLPSpanExporter"),
    "console": ("opentelemetry.sdk.trace.export", "ConsoleSpanExporter"),
}

log = structlog.get_logger()


class _Process:
    """What this process traces with: the SDK's provider and tracer, and the API."""

    provider: Any = None
    tracer: Any = None
    api: Any = None


def start() -> None:
    """Begin to trace if the environment asks for it; after the fork, which the exporter's thread does not survive."""
    for problem in problems():
        log.warning("no traces", do=problem)
        return
    exporters = [
        getattr(import_module(module), name) for module, name in map(_EXPORTERS.__getitem__, _wanted())
    ]
    if exporters:
        batch = import_module("opentelemetry.sdk.trace.export").BatchSpanProcessor
        begin([batch(exporter()) for exporter in exporters])


def begin(processors: list[Any]) -> None:
    """Trace in this process, its spans going to these processors of the SDK."""
    resources, sdk = import_module("opentelemetry.sdk.resources"), import_module("opentelemetry.sdk.trace")
    own = resources.Resource.create({"service.name": SERVICE})
    resource = own.merge(resources.OTELResourceDetector().detect())  # what the environment says wins
    provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=False)
    for each in processors:
        provider.add_span_processor(each)
    _Process.api = import_module("opentelemetry.trace")
    _Process.provider, _Process.tracer = provider, provider.get_tracer(SERVICE)
    atexit.register(stop)


def stop() -> None:
    """Trace no more, and send what is left, waiting FLUSH_SECONDS at most: the SDK itself would wait 30 s."""
    provider, _Process.provider, _Process.tracer = _Process.provider, None, None
    if provider is not None:
        last = threading.Thread(target=provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(FLUSH_SECONDS)


def problems() -> Iterator[str]:
    """Yield what keeps the traces from being made that the environment asks for, with its remedy."""
    wanted = _wanted()
    unknown = [name for name in wanted if name not in _EXPORTERS]
    protocol = next(filter(None, map(os.environ.get, _PROTOCOLS)), "http/protobuf")
    if unknown:
        yield f"OTEL_TRACES_EXPORTER names {unknown[0][:40]!r}: write otlp, console or none"
    if "otlp" in wanted and protocol != "http/protobuf":
        yield "OTEL_EXPORTER_OTLP_PROTOCOL is not http/protobuf: write that, and port 4318 in the endpoint"
    try:
        for name in set(wanted) - set(unknown):
            import_module(_EXPORTERS[name][0])
    except ImportError:
        yield MISSING


def _wanted() -> list[str]:
    """Return the names of the exporters that the environment asks for."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return []
    default = "otlp" if any(map(os.environ.get, _ENDPOINTS)) else "none"
    names = (os.environ.get("OTEL_TRACES_EXPORTER") or default).split(",")
    return [name.strip() for name in names if name.strip() not in ("", "none")]


@contextmanager
def span(
    name: str, attributes: Attributes | None = None, *, kind: str = "INTERNAL", caller: Any = None
) -> Iterator[Tell]:
    """Trace a block, and yield what tells further attributes; without tracing, do nothing.

    `kind` is one of OpenTelemetry's; `caller` is the context that a request's headers gave.
    """
    api, tracer = _Process.api, _Process.tracer
    if tracer is None:
        yield _tell_nobody
        return
    begun = tracer.start_span(name, caller, api.SpanKind[kind], _known(attributes or {}))
    with api.use_span(begun, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield lambda more: begun.set_attributes(_known(more))
        except Exception as error:  # marked, whatever it is
            begun.set_status(api.StatusCode.ERROR, type(error).__name__)  # its text may quote a body
            raise


def record(name: str, begun: int, ended: int, attributes: Attributes) -> None:
    """Trace what is over already; `begun` and `ended` in nanoseconds since the epoch."""
    if _Process.tracer is not None:
        _Process.tracer.start_span(name, start_time=begun, attributes=_known(attributes)).end(ended)


def is_on() -> bool:
    """Whether this process traces."""
    return _Process.tracer is not None


def add_ids(_: Any, __: str, event: Any) -> Any:
    """Add the trace's id to a log line that is written within a span."""
    if _Process.tracer is not None:
        context = _Process.api.get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = f"{context.trace_id:032x}"
    return event


def _known(attributes: Attributes) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}


def _tell_nobody(_: Attributes) -> None:
    pass
