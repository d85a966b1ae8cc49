"""Traces: what spans there are, what they say, and that they are off unless asked for."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app import tracing
from app.clock import Clock
from app.factory import create_app
from app.fold import Folder
from app.settings import Settings, load_settings
from app.store import events
from app.store.engine import connect
from tests.harness import SECRETS, signed

IN_BODY = "words-of-the-body"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that asks for no traces."""
    for name in (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_TRACES_EXPORTER",
        "OTEL_SERVICE_NAME",
        "OTEL_SDK_DISABLED",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Tracing that keeps its spans in memory."""
    kept = InMemorySpanExporter()
    tracing.begin([SimpleSpanProcessor(kept)])
    yield kept
    tracing.stop()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, sqlite_url: str) -> Settings:
    """The settings of a bridge on a migrated database."""
    monkeypatch.chdir(tmp_path)
    for name, value in SECRETS.values():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    return load_settings()


@pytest.fixture
def client(settings: Settings) -> Iterator[Any]:
    """A client of the application."""
    app = create_app(settings)
    yield app.test_client()
    app.extensions["engine"].dispose()
    app.extensions["receiver"].intake.engine.dispose()


def webhook(identifier: str = "01A") -> bytes:
    """Return an event about an incident."""
    incident = {"id": "PINCIDENT1", "type": "incident", "status": "triggered", "title": IN_BODY}
    event = {"id": identifier, "event_type": "incident.triggered", "occurred_at": "2026-01-02T03:04:05Z"}
    return orjson.dumps({"event": {**event, "data": incident}})


def post(client: Any, **headers: str) -> Any:
    """Post an authentic webhook."""
    body = webhook()
    return client.post(
        "/webhooks/pagerduty?token=x", data=body, headers={**signed("pagerduty", body), **headers}
    )


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """Return the finished spans."""
    return {each.name: each for each in exporter.get_finished_spans()}


def test_a_webhook_has_a_span_and_one_for_its_commit(client: Any, exporter: InMemorySpanExporter) -> None:
    """A request's span has its route and status; the commit's is its child."""
    assert post(client).status_code == 202
    spans = by_name(exporter)
    request, commit = spans["POST /webhooks/<source>"], spans["store commit"]
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/webhooks/<source>",
        "http.response.status_code": 202,
    }
    assert request.kind is SpanKind.SERVER
    assert commit.parent is not None
    assert commit.parent.span_id == request.context.span_id


def test_the_callers_trace_goes_on(client: Any, exporter: InMemorySpanExporter) -> None:
    """A request that comes with a traceparent is part of that trace."""
    post(client, traceparent=TRACEPARENT)
    assert {f"{each.context.trace_id:032x}" for each in exporter.get_finished_spans()} == {TRACE}


def test_one_request_does_not_reach_into_the_next(client: Any, exporter: InMemorySpanExporter) -> None:
    """The request after it begins a trace of its own."""
    post(client, traceparent=TRACEPARENT)
    post(client)
    assert len({each.context.trace_id for each in exporter.get_finished_spans()}) == 2


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz/pipeline", "/metrics"])
def test_polled_routes_have_none(client: Any, exporter: InMemorySpanExporter, path: str) -> None:
    """What is polled makes no spans."""
    client.get(path)
    assert exporter.get_finished_spans() == ()


def test_nothing_private_is_in_a_span(client: Any, exporter: InMemorySpanExporter) -> None:
    """No body, query string, signature, address or secret is in any span."""
    post(client, **{"User-Agent": "somebody"})
    text = "".join(each.to_json() for each in exporter.get_finished_spans())
    for private in (IN_BODY, "token=x", "v1=", "127.0.0.1", "somebody", SECRETS["pagerduty"][1]):
        assert private not in text


def test_a_line_within_a_span_has_its_trace(exporter: InMemorySpanExporter) -> None:
    """A log line that is written within a span carries the trace's id."""
    with tracing.span("a"):
        event = tracing.add_ids(None, "info", {})
    (span,) = exporter.get_finished_spans()
    assert event == {"trace_id": f"{span.context.trace_id:032x}"}


def test_a_failed_block_tells_its_kind_alone(exporter: InMemorySpanExporter) -> None:
    """A span that ends in an exception has its type, and not its text, which may quote a body."""
    with pytest.raises(ValueError, match=IN_BODY), tracing.span("a"):
        raise ValueError(IN_BODY)
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert IN_BODY not in span.to_json()


def test_a_batch_has_a_span(settings: Settings, exporter: InMemorySpanExporter) -> None:
    """A fold's span counts its events; a look that finds none makes no span."""
    engine = connect(settings.database_url)
    with engine.begin() as connection:
        for identifier in ("01A", "01B"):
            events.add(connection, "pagerduty", identifier, webhook(identifier), 1)
    folder = Folder(engine, settings.sources, None, Clock())
    assert [folder.fold(), folder.fold()] == [2, 0]
    engine.dispose()
    (span,) = exporter.get_finished_spans()
    assert (span.name, dict(span.attributes or {})) == ("fold", {"events": 2})
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.end_time > span.start_time


def test_the_service_has_a_name(exporter: InMemorySpanExporter) -> None:
    """Spans are of the service dx-incident-bridge."""
    tracing.record("a", 1, 2, {})
    assert exporter.get_finished_spans()[0].resource.attributes["service.name"] == "dx-incident-bridge"


def test_the_environment_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SERVICE_NAME wins."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "acme-bridge")
    kept = InMemorySpanExporter()
    tracing.begin([SimpleSpanProcessor(kept)])
    tracing.record("a", 1, 2, {})
    tracing.stop()
    assert kept.get_finished_spans()[0].resource.attributes["service.name"] == "acme-bridge"


def test_without_variables_nothing_is_traced() -> None:
    """Without the variables, start does nothing, and spans tell nobody."""
    tracing.start()
    assert not tracing.is_on()
    with tracing.span("a", {"b": 1}) as tell:
        tell({"c": 2})
    tracing.record("d", 1, 2, {})


@pytest.mark.parametrize(
    ("variables", "remedy"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "write otlp, console or none"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "http/protobuf",
        ),
    ],
)
def test_what_cannot_be_done_is_told(
    variables: dict[str, str], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exporter or protocol that is not there is told with its remedy, and the start goes on untraced."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with structlog.testing.capture_logs() as lines:
        tracing.start()
    assert [remedy in line["do"] for line in lines] == [True]
    assert not tracing.is_on()


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variables and without the package, the problem says what to install."""

    def none(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setattr(tracing, "import_module", none)
    assert list(tracing.problems()) == [tracing.MISSING]


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
def test_it_can_be_switched_off(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual variables switch it off."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tracing.start()
    assert not tracing.is_on()


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port whose server takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Trace to a collector at this port, with little patience at the end."""

    def begin(port: int) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.3)
        tracing.start()

    return begin


def test_a_collector_that_hangs_does_not_hold_the_end(black_hole: int, brief: Callable[[int], None]) -> None:
    """The end waits for the collector no longer than it should."""
    brief(black_hole)
    assert tracing.is_on()
    tracing.record("a", 1, 2, {})
    begun = time.monotonic()
    tracing.stop()
    assert time.monotonic() - begun < 5
