import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.scene import POLICY, SETTINGS, Scene, play, running_bridge
from tests.browser.window import Windows, sign_in

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; where there is none, CI fails and other machines say so."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        told = "Chromium is not installed (apt-get install chromium): the browser tests were NOT run"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A bridge with a day behind it, the same for all tests; each works on incidents of its own."""
    with running_bridge(tmp_path_factory.mktemp("scene"), POLICY, **SETTINGS) as running:
        play(running)
        yield running


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, scene: Scene) -> object:
    """The cookie of a session."""
    context = chromium.new_context(base_url=scene.url)
    sign_in(context.new_page())
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def windows(chromium: Browser, scene: Scene) -> Iterator[Windows]:
    """Opens windows onto the bridge; what goes wrong inside them fails the test."""
    opened = Windows(chromium, scene.url)
    yield opened
    opened.close()


@pytest.fixture
def page(windows: Windows, signed_in: object) -> Page:
    """A window, signed in."""
    return windows.open(storage_state=signed_in)


@pytest.fixture(params=["with scripts", "without scripts"])
def any_page(request: pytest.FixtureRequest, windows: Windows, signed_in: object) -> Page:
    """A window, signed in, with JavaScript and without."""
    return windows.open(storage_state=signed_in, java_script_enabled=request.param == "with scripts")


@pytest.fixture
def stranger(windows: Windows) -> Page:
    """A window, not signed in."""
    return windows.open()
