import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.sandbox import create_sandbox, running
from app.sandbox.page import duration
from tests.sandbox.shared import AUTH, FULL, TOKEN, switch_on, upsert


def test_the_page_shows_incidents_calls_and_faults(client: FlaskClient) -> None:
    """The page shows what is held, what was called and what is switched on, and lets nothing run."""
    upsert(client, **(FULL | {"name": "<script>", "resolved_at": "2024-01-01T13:29:33Z"}))
    upsert(client, reference_id="R2", source_url="javascript:alert(1)")
    switch_on(client, {"status": 503, "name": "outage"})
    answer = client.get("/")
    for text in ("&lt;script&gt;", "2 h 07 min", "payments", "open", "outage", "incidents.upsert"):
        assert text in answer.text
    assert 'href="javascript:' not in answer.text
    assert "script" not in answer.headers["Content-Security-Policy"]


def test_an_empty_page(client: FlaskClient) -> None:
    """A sandbox that was told nothing has a page too."""
    assert "None yet" in client.get("/").text


@pytest.mark.parametrize(
    ("seconds", "text"), [(42, "42 s"), (185, "3 min 05 s"), (7620, "2 h 07 min"), (273_600, "3 d 04 h")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    """A duration is told in its two largest units."""
    assert duration(seconds) == text


def over_http(connection: http.client.HTTPConnection, body: dict[str, Any]) -> int:
    connection.request(
        "POST", "/api/incidents.upsert", json.dumps(body), AUTH | {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_connections_stay_open(address: tuple[str, int]) -> None:
    """Calls, refused ones too, go over one connection."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    assert over_http(connection, FULL) == 200
    first = connection.sock
    assert [over_http(connection, {}), over_http(connection, FULL)] == [422, 200]
    assert connection.sock is first
    connection.close()


@pytest.mark.parametrize("effect", [{"reset": "before"}, {"reset": "after"}, {"late": 0}])
def test_a_broken_connection_is_reset(
    address: tuple[str, int], effect: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """A reset is a TCP RST, without a word in the sandbox's output."""
    control, connection = (http.client.HTTPConnection(*address, timeout=10) for _ in range(2))
    control.request("PUT", "/sandbox/faults", json.dumps([effect | {"times": 1}]))
    assert control.getresponse().read()
    with pytest.raises(ConnectionResetError):
        over_http(connection, FULL)
    connection.close()
    assert over_http(connection, FULL) == 200
    connection.close()
    control.close()
    assert capfd.readouterr() == ("", "")


def test_a_body_cut_short_is_never_applied(
    address: tuple[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    """A request whose body ends early is not a call."""
    head = "POST /api/incidents.upsert HTTP/1.1\r\nHost: dx\r\nContent-Length: 99\r\n\r\n{"
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    control = http.client.HTTPConnection(*address, timeout=10)
    control.request("GET", "/sandbox/calls")
    assert json.load(control.getresponse())["total"] == 0
    control.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("header", ["Content-Length: x", "Content-Length: -1", "Transfer-Encoding: chunked"])
def test_a_bad_length_is_refused(address: tuple[str, int], header: str) -> None:
    """A body whose length cannot be told is a 400, and the connection ends."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(
            f"POST /api/incidents.upsert HTTP/1.1\r\nHost: dx\r\n{header}\r\n\r\nzz\r\n".encode()
        )
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_bodies_in_chunks_are_read(address: tuple[str, int]) -> None:
    """A chunked body is taken, and the connection stays usable."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    headers = AUTH | {"Content-Type": "application/json"}
    connection.request("POST", "/api/incidents.upsert", iter([json.dumps(FULL).encode()]), headers)
    assert json.load(connection.getresponse()) == {"ok": True}
    assert over_http(connection, FULL) == 200
    connection.close()


def test_a_stopped_sandbox_answers_nobody() -> None:
    """When the sandbox stops, its open connections end with it."""
    with running(create_sandbox(TOKEN)) as url:
        host, port = url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        assert over_http(connection, FULL) == 200
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        over_http(connection, FULL)
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_told_to_stop(number: signal.Signals) -> None:
    """`sandbox --port 0` prints one line with its address and ends with exit code 0."""
    code = "from app.cli.sandbox import command; command()"
    environment = os.environ | {"DX_API_TOKEN": TOKEN}
    with subprocess.Popen(
        [sys.executable, "-c", code, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stderr
        host, port = process.stderr.readline().split("http://")[1].split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        assert over_http(connection, FULL) == 200
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0
    connection.close()
