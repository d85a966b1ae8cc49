"""The form of log lines: one JSON object each where they are piped, readable on a terminal, nothing forged."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from app import logs

SECRET = 'a-configured-"secret"-0123456789'
IN_A_LOCAL = "words-of-a-local-variable"
QUOTED = "Jane Doe of acme"
FORGED = '2026-01-01T00:00:00Z [error] forged\r\n{"event": "forged"}\x1b[2J\u2028'
SCRIPT = f"""
import logging, threading, warnings
import structlog
from app.logs import configure

configure("INFO", [{SECRET!r}])
log = structlog.get_logger("script")
log.info("plain", source="pagerduty", event_id="01ABC", number=1)
log.info({FORGED!r}, because={FORGED!r})
logging.getLogger("foreign").warning("foreign %s", {FORGED!r})
log.warning("with a secret", of={SECRET!r}, listed=[{SECRET!r}])
log.debug("too quiet")
try:
    local = {IN_A_LOCAL!r}
    int({QUOTED!r})
except ValueError:
    log.exception("expected to show its place")
warnings.warn("a warning " + {FORGED!r})
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise RuntimeError("ended by " + repr({QUOTED!r}) + chr(10) + {IN_A_LOCAL!r})
"""


def run_piped() -> str:
    """Return what the script writes to a pipe."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    return done.stderr


def run_on_terminal(**more: str) -> str:
    """Return what the script writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "NO_COLOR": "", **more}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stderr=theirs, env=environment)
    os.close(theirs)
    read = b""
    try:
        while chunk := os.read(ours, 65536):
            read += chunk
    except OSError:  # how Linux tells that the other side has closed
        pass
    os.close(ours)
    process.wait(30)
    return read.decode()


@pytest.fixture(scope="module")
def piped() -> str:
    """The log in a pipe."""
    return run_piped()


@pytest.fixture(scope="module")
def shown() -> str:
    """The log on a terminal, without its colours."""
    return run_on_terminal(NO_COLOR="1").replace("\r\n", "\n")


def test_every_piped_line_is_one_json_object(piped: str) -> None:
    """No event, value, warning or uncaught exception breaks a line or adds one."""
    lines = [json.loads(line) for line in piped.splitlines()]
    assert [line["level"] for line in lines] == [
        "info",
        "info",
        "warning",
        "warning",
        "error",
        "warning",
        "critical",
        "critical",
    ]


def test_what_is_looked_for_comes_first(piped: str) -> None:
    """Time, level, event, source and event id open the line, in this order."""
    keys = list(json.loads(piped.splitlines()[0]))
    assert keys[:5] == ["timestamp", "level", "event", "source", "event_id"]


def test_a_line_names_its_module(piped: str) -> None:
    """A line says which logger wrote it."""
    assert [json.loads(line)["logger"] for line in piped.splitlines()[:3]] == ["script", "script", "foreign"]


def test_values_stay_exact_in_json(piped: str) -> None:
    """JSON escapes what is not printable, and gives it back as it was."""
    assert json.loads(piped.splitlines()[1])["because"] == FORGED


def test_an_exception_shows_type_text_and_places(piped: str) -> None:
    """A traceback tells its type and places."""
    (told,) = json.loads(piped.splitlines()[4])["exception"]
    assert (told["type"], told["frames"]) == ("ValueError", ["<string>:15 <module>"])


@pytest.mark.parametrize("hidden", [SECRET, json.dumps(SECRET)[1:-1], IN_A_LOCAL, QUOTED])
def test_nothing_private_is_piped(piped: str, hidden: str) -> None:
    """No configured secret, local variable, quoted value or further line of an exception's text is in the log."""
    assert hidden not in piped


@pytest.mark.parametrize("hidden", [SECRET, IN_A_LOCAL])
def test_nothing_private_is_shown(shown: str, hidden: str) -> None:
    """A terminal shows no configured secret and no local variable either."""
    assert hidden not in shown


def test_a_terminal_shows_one_line_an_event(shown: str) -> None:
    """Values with line breaks and control characters forge no line on a terminal and move no cursor."""
    starts = [line for line in shown.splitlines() if not line.startswith("    ")]
    assert len(starts) == 8
    assert all(line[4] == "-" and "Z [" in line for line in starts)
    assert "\x1b" not in shown
    assert "\u2028" not in shown


def test_a_terminal_shows_places_of_exceptions(shown: str) -> None:
    """Below its line, an exception shows type, text and places."""
    assert (
        "    ValueError: invalid literal for int() with base 10: '…'\n      <string>:15 <module>\n" in shown
    )


def test_a_terminal_has_colours() -> None:
    """Without NO_COLOR, a terminal gets colours."""
    assert "\x1b[32m" in run_on_terminal()


def test_a_test_runners_hook_stays() -> None:
    """A hook for exceptions of threads that somebody else has set is left alone."""
    program = (
        "import threading\nfrom app.logs import configure\nthreading.excepthook = print\nconfigure('INFO')\n"
    )
    program += "assert threading.excepthook is print"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_nothing_of_the_extras_is_imported() -> None:
    """Without their variables, neither Sentry's nor OpenTelemetry's package is imported by the web side or the pipeline."""
    program = (
        "import sys\nfrom app import sentry, tracing, wsgi\nfrom app.cli import work\n"
        "from app.settings import load_settings\nsentry.start(load_settings())\ntracing.start()\n"
        "with tracing.span('a') as tell: tell({})\nsentry.stop()\ntracing.stop()\n"
        "found = [name for name in sys.modules if name.startswith(('sentry_sdk', 'opentelemetry'))]\n"
        "assert not found, found[:5]\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SENTRY_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=Path(logs.__file__).parent.parent, check=False
    )
    assert done.returncode == 0
