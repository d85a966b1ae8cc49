"""What is sent to Sentry, seen through a transport of the test's own: exceptions, and nothing private."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import sentry_sdk
import structlog
from click.testing import CliRunner
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from app import fold, logs, receive, sentry
from app.cli import check
from app.clock import Clock
from app.errors import SettingsError
from app.factory import create_app
from app.fold import Folder
from app.settings import Settings, load_settings
from app.store import events
from app.store.engine import connect
from tests.harness import ADMIN_TOKEN, DX_TOKEN, SECRETS, signed

DSN = "https://0123456789abcdef@sentry.example.com/1"
IN_BODY = "words-of-the-body"
IN_A_LOCAL = "words-of-a-local-variable"
IN_A_QUERY = "words-of-a-query"
COOKIE = "session-of-somebody"
PERSON = "Jane Doe"
PASSWORD = "database-password-0123456789"


class Kept(Transport):
    """Keeps what would have been sent."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep an envelope."""
        self.envelopes.append(envelope)

    def events(self) -> list[dict[str, Any]]:
        """Return the events among it."""
        found = (each.get_event() for each in self.envelopes)
        return [each for each in found if each]

    def text(self) -> str:
        """Return everything as it would go over the wire."""
        return b"".join(each.serialize() for each in self.envelopes).decode()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, sqlite_url: str) -> Settings:
    """The settings of a bridge with every secret, on a migrated database."""
    monkeypatch.chdir(tmp_path)
    for name, value in SECRETS.values():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("SENTRY_DSN", DSN)
    monkeypatch.setenv("BRIDGE_ADMIN_TOKEN", ADMIN_TOKEN)
    monkeypatch.setenv("DX_API_TOKEN", DX_TOKEN)
    return load_settings()


@pytest.fixture
def kept_logging() -> Iterator[None]:
    """Logging is afterwards as it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def kept(settings: Settings, kept_logging: None) -> Iterator[Kept]:
    """Sentry as a process starts it, with a transport that keeps."""
    transport = Kept()
    logs.configure("INFO", settings.secrets())
    sentry.start(settings, transport)
    yield transport
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)
    sentry_sdk.get_isolation_scope().clear_breadcrumbs()


def broken(*_: Any, **__: Any) -> Any:
    """Fail as a bug would that has everything private at hand."""
    local = f"{IN_A_LOCAL} {DX_TOKEN}"
    raise RuntimeError(
        f"cannot read {PERSON + ' of acme'!r} {IN_BODY!r} with {SECRETS['opsgenie'][1]} at "
        f"postgresql://bridge:{PASSWORD}@db.example.com/bridge?x={local!r}\nBearer guessed-token-0123456789 {local}"
    )


@pytest.fixture
def request_failed(settings: Settings, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """What was sent when a request with everything private in it met a bug."""
    monkeypatch.setattr(receive, "read_webhook", broken)
    app = create_app(settings)
    body = orjson.dumps({"event": IN_BODY, "person": PERSON})
    headers = {
        **signed("pagerduty", body),
        "Cookie": COOKIE,
        "Authorization": f"Bearer {ADMIN_TOKEN}",
        "X-Request-Id": "router-0001",
    }
    answer = app.test_client().post(f"/webhooks/pagerduty?token={IN_A_QUERY}", data=body, headers=headers)
    assert answer.status_code == 500
    app.extensions["engine"].dispose()
    app.extensions["receiver"].intake.engine.dispose()
    return kept


def test_a_bug_is_reported_once(request_failed: Kept) -> None:
    """An unhandled exception of a request makes one event with its type, place, request id and source."""
    (event,) = request_failed.events()
    (exception,) = event["exception"]["values"]
    assert exception["type"] == "RuntimeError"
    assert exception["stacktrace"]["frames"][-1]["function"] == "broken"
    assert event["tags"]["request_id"] == "router-0001"
    assert event["tags"]["source"] == "pagerduty"


@pytest.mark.parametrize(
    "private",
    [
        IN_BODY,
        IN_A_LOCAL,
        IN_A_QUERY,
        COOKIE,
        PERSON,
        PASSWORD,
        ADMIN_TOKEN,
        DX_TOKEN,
        "guessed-token",
        "v1=",
        *(secret for _, secret in SECRETS.values()),
    ],
)
def test_nothing_private_is_sent(request_failed: Kept, private: str) -> None:
    """No part of body, headers, query string, local variables or quoted values, and no secret, is sent."""
    assert private not in request_failed.text()


def test_no_request_is_sent(request_failed: Kept) -> None:
    """The event has neither a request nor a user."""
    assert {"request", "user", "extra"}.isdisjoint(request_failed.events()[0])


def test_the_pipeline_reports(settings: Settings, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug met while folding is reported with the incident's reference, and without the event's body."""
    monkeypatch.setattr(fold, "renewed", broken)
    engine = connect(settings.database_url)
    incident = {"id": "PINCIDENT1", "type": "incident", "status": "triggered", "title": IN_BODY}
    event = {"id": "01A", "event_type": "incident.triggered", "occurred_at": "2026-01-02T03:04:05Z"}
    with engine.begin() as connection:
        events.add(connection, "pagerduty", "01A", orjson.dumps({"event": {**event, "data": incident}}), 1)
    assert Folder(engine, settings.sources, None, Clock()).fold() == 1
    engine.dispose()
    (sent,) = kept.events()
    assert sent["tags"]["reference_id"] == "PINCIDENT1"
    assert sent["contexts"]["log"] == {"event": "incident could not be folded"}
    assert IN_BODY not in kept.text()


def test_expected_failures_are_not_reported(kept: Kept) -> None:
    """A line of level error without an exception makes no event."""
    structlog.get_logger().error("database failed", error="disk full")
    logging.getLogger("gunicorn.error").error("Worker exiting")
    assert kept.events() == []


def test_the_lines_before_go_along(kept: Kept) -> None:
    """The log lines before an exception go with it, secrets masked."""
    log = structlog.get_logger()
    log.info("webhook", source="opsgenie", event_id="01ABC", of=SECRETS["opsgenie"][1])
    fail(log)
    (before,) = kept.events()[0]["breadcrumbs"]["values"]
    assert before["message"] == "webhook"
    assert before["data"] == {"source": "opsgenie", "event_id": "01ABC", "of": "***"}


def fail(log: Any) -> None:
    """Log an exception."""
    try:
        broken()
    except RuntimeError:
        log.exception("a bug")


def test_one_exception_is_reported_once(kept: Kept) -> None:
    """An exception that is logged on its way and again at the end makes one event."""
    log, error = structlog.get_logger(), RuntimeError("the end")
    for words in ("on its way", "at the end"):
        log.error(words, exc_info=error)
    assert len(kept.events()) == 1


def test_variables_are_not_even_collected(
    settings: Settings, kept_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames have no variables and no source lines before anything is scrubbed."""
    monkeypatch.setattr(sentry, "scrubber", lambda _: lambda event, _hint: event)
    transport = Kept()
    logs.configure("INFO", settings.secrets())
    sentry.start(settings, transport)
    fail(structlog.get_logger())
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)
    frames = transport.events()[0]["exception"]["values"][0]["stacktrace"]["frames"]
    assert {"vars", "context_line"}.isdisjoint({key for frame in frames for key in frame})


def test_uncaught_exceptions_are_reported(kept: Kept) -> None:
    """What ends a process is reported, too."""
    error = RuntimeError("the end")
    logs._uncaught(RuntimeError, error, None)
    assert kept.events()[0]["exception"]["values"][0]["value"] == "the end"


def scrub(event: dict[str, Any]) -> dict[str, Any]:
    """Scrub an event that some integration has filled."""
    scrubbed: dict[str, Any] = sentry.scrubber(lambda text: text.replace(PASSWORD, "***"))(event, {})
    return scrubbed


def test_a_request_is_reduced() -> None:
    """Should an integration add a request, only method, address without query and few headers pass."""
    given = {
        "method": "POST",
        "url": "https://bridge.example.com/webhooks/pagerduty?token=x",
        "data": {"title": IN_BODY},
        "cookies": {"session": COOKIE},
        "query_string": f"token={IN_A_QUERY}",
        "env": {"REMOTE_ADDR": "192.0.2.1"},
        "headers": {"X-PagerDuty-Signature": "v1=00", "Cookie": COOKIE, "Content-Type": "application/json"},
    }
    assert scrub({"request": given})["request"] == {
        "method": "POST",
        "url": "https://bridge.example.com/webhooks/pagerduty",
        "headers": {"Content-Type": "application/json"},
    }


def test_frames_lose_their_values() -> None:
    """Frames keep their places and lose variables and source lines."""
    frame = {"function": "f", "lineno": 1, "vars": {"a": IN_A_LOCAL}, "context_line": IN_A_LOCAL}
    event = {"exception": {"values": [{"type": "E", "value": "e", "stacktrace": {"frames": [frame]}}]}}
    (exception,) = scrub(event)["exception"]["values"]
    assert exception["stacktrace"]["frames"] == [{"function": "f", "lineno": 1}]


def test_secrets_are_masked_everywhere() -> None:
    """A configured secret is masked however deep it lies."""
    event = {"contexts": {"log": {"event": [f"with {PASSWORD}", (PASSWORD, 1)]}}, "user": {"name": PERSON}}
    assert scrub(event) == {"contexts": {"log": {"event": ["with ***", ["***", 1]]}}}


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extra."""
    monkeypatch.setattr(sentry, "find_spec", lambda _: None)


def test_a_missing_package_is_told(settings: Settings, without_package: None) -> None:
    """With a DSN and without the package there is one problem, which says what to install."""
    assert list(sentry.problems(settings)) == [sentry.MISSING]
    assert "pip install" in sentry.MISSING


def test_a_missing_package_does_not_stop_the_start(settings: Settings, without_package: None) -> None:
    """Without the package the start goes on, with a warning."""
    with structlog.testing.capture_logs() as lines:
        sentry.start(settings)
    assert [(line["log_level"], line["do"]) for line in lines] == [("warning", sentry.MISSING)]


def test_check_tells_of_a_missing_package(
    settings: Settings, without_package: None, kept_logging: None
) -> None:
    """`dx-bridge check` has a note on it."""
    assert f"note: {sentry.MISSING}" in CliRunner().invoke(check.command).stderr


def dsn(text: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Settings]:
    """Return what loads the settings with this DSN."""
    monkeypatch.setenv("SENTRY_DSN", text)
    return load_settings


@pytest.mark.parametrize(
    "text",
    [
        DSN,
        "https://0123456789abcdef:fedcba98@sentry.example.com:9000/sentry/42",
        "http://0123456789abcdef@127.0.0.1:9000/1",
    ],
)
def test_usual_forms_are_taken(text: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """DSNs of the usual forms are taken, plain http on loopback only, and never printed."""
    taken = dsn(text, monkeypatch)()
    assert taken.sentry_dsn is not None
    assert taken.sentry_dsn.reveal() == text
    assert text not in repr(taken)


@pytest.mark.parametrize(
    "text",
    [
        "sentry.example.com",
        "https://sentry.example.com/1",
        "https://key@sentry.example.com",
        "https://key@sentry.example.com/project",
        "http://key@sentry.example.com/1",
        "ftp://key@sentry.example.com/1",
        "https://key@sentry.example.com/1?x=1",
        "https://k ey@sentry.example.com/1",
    ],
)
def test_other_forms_are_refused(text: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything else stops the start, naming the variable and not its value."""
    with pytest.raises(SettingsError, match=r"^SENTRY_DSN: ") as raised:
        dsn(text, monkeypatch)()
    assert text not in str(raised.value)


def test_every_secret_is_known(settings: Settings) -> None:
    """The settings name each of their secrets, so that none can be left unmasked."""
    known = {secret for _, secret in SECRETS.values()} | {ADMIN_TOKEN, DX_TOKEN, DSN}
    assert known <= set(settings.secrets())


def test_it_can_be_sent(request_failed: Kept) -> None:
    """What is sent is JSON."""
    lines = request_failed.text().splitlines()
    assert all(isinstance(json.loads(line), dict) for line in lines)
