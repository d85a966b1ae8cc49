"""How many proxies in front are believed, and what of their word: over real HTTP."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.harness import ADMIN_TOKEN, Bridge
from tests.http.conftest import NOWHERE

TRIES = 5
"""Failed sign-ins before the brake holds a client."""


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Callable[[str], Bridge]]:
    """Return a function that gives the bridge which believes this many proxies; each is started once."""
    started: dict[str, Bridge] = {}

    def start(proxies: str) -> Bridge:
        if proxies not in started:
            folder = tmp_path_factory.mktemp("behind")
            shutil.copy(migrated, folder)
            settings = {"TRUSTED_PROXIES": proxies, "WEB_CONCURRENCY": "1"}
            started[proxies] = Bridge(folder, NOWHERE, **settings).start("--web-only")
        return started[proxies].wait_ready()

    yield start
    for bridge in started.values():
        bridge.stop()


def sign_in(bridge: Bridge, token: str = "a wrong one", **headers: Any) -> requests.Response:
    """Try to sign in with these headers, `_` for `-`."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(
        f"{bridge.url}/sign-in", data={"token": token}, headers=given, timeout=10, allow_redirects=False
    )


def exhaust(bridge: Bridge, chain: str) -> None:
    """Fail to sign in until the brake holds whoever this X-Forwarded-For stands for."""
    for number in range(TRIES):
        assert sign_in(bridge, X_Forwarded_For=chain.format(number)).status_code == 401


def test_without_a_trusted_proxy_no_header_tells_who_asks(behind):
    """By default a client that writes another X-Forwarded-For each time is braked all the same."""
    bridge = behind("0")
    exhaust(bridge, "203.0.113.{}")
    assert sign_in(bridge, X_Forwarded_For="203.0.113.99").status_code == 429


def test_behind_one_proxy_only_its_own_word_counts(behind):
    """What a client puts before the proxy's address does not hide it, nor brake the one it names."""
    bridge = behind("1")
    exhaust(bridge, "198.51.100.{}, 203.0.113.7")
    assert sign_in(bridge, X_Forwarded_For="198.51.100.99, 203.0.113.7").status_code == 429
    assert sign_in(bridge, ADMIN_TOKEN, X_Forwarded_For="203.0.113.7, 198.51.100.1").status_code == 303


def test_behind_two_proxies_the_last_but_one_counts(behind):
    """The nearer proxy's address of the farther one is passed over."""
    bridge = behind("2")
    exhaust(bridge, "198.51.100.{}, 203.0.113.7, 192.0.2.1")
    assert sign_in(bridge, X_Forwarded_For="198.51.100.99, 203.0.113.7, 192.0.2.1").status_code == 429
    assert sign_in(bridge, X_Forwarded_For="203.0.113.7, 198.51.100.99, 192.0.2.1").status_code == 401


def test_a_request_past_the_proxies_counts_by_its_connection(behind):
    """Fewer addresses than proxies believed: the connection's own counts, not what the client wrote."""
    bridge = behind("2")
    exhaust(bridge, "203.0.113.{}")
    assert sign_in(bridge, X_Forwarded_For="203.0.113.99").status_code == 429


@pytest.mark.parametrize(
    ("scheme", "secure"), [("https", True), ("http", False), ("https, http", False), ("http, https", True)]
)
def test_the_cookie_is_for_tls_where_the_nearest_proxy_says_so(behind, scheme, secure):
    """Of several schemes the last is the proxy's own; the others a client may have made up."""
    answer = sign_in(behind("1"), ADMIN_TOKEN, X_Forwarded_For="192.0.2.9", X_Forwarded_Proto=scheme)
    assert answer.status_code == 303
    assert ("Secure" in answer.headers["Set-Cookie"]) is secure


@pytest.mark.parametrize("proxies", ["0", "1"])
def test_host_port_and_prefix_are_the_requests_own(behind, proxies):
    """Routers pass these on from the client, so they change neither where one is sent nor what is served."""
    spoofed = {
        "X-Forwarded-Host": "evil.example.com",
        "X-Forwarded-Port": "444",
        "X-Forwarded-Prefix": "/evil",
    }
    answer = requests.get(f"{behind(proxies).url}/", headers=spoofed, timeout=10, allow_redirects=False)
    assert answer.status_code in (302, 303)
    assert "evil" not in answer.headers["Location"]
    assert "444" not in answer.headers["Location"]
    assert answer.headers["Location"].startswith("/sign-in")
