"""Browser windows that notice what goes wrong inside them."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.harness import ADMIN_TOKEN

_STATUS = "Failed to load resource: the server responded with a status of "
"""What Chromium says of a page that is an error on purpose; tests assert on those pages themselves."""


class Windows:
    """Opens windows, each with cookies of its own."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self._browser, self._base_url = browser, base_url
        self._contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def open(self, **options: Any) -> Page:
        """Open a window."""
        options = {"base_url": self._base_url, "locale": "en-GB"} | options
        context = self._browser.new_context(**options)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda sent: self._sent(sent.url, options["base_url"]))
        return page

    def close(self) -> None:
        """Close all windows, and tell what went wrong in them: errors, warnings, CSP, addresses elsewhere."""
        for each in self._contexts:
            each.close()
        assert self.problems == []

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_STATUS):
            self.problems.append(message.text)

    def _sent(self, url: str, base_url: str) -> None:
        if not url.startswith((base_url, "data:")):
            self.problems.append(f"asked for {url}")


def sign_in(page: Page, token: str = ADMIN_TOKEN) -> None:
    """Sign in by the form."""
    page.goto("/sign-in")
    page.get_by_label("Admin token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
