"""The browser tests' fixtures: `browser`, `app_url`, `page`, `phone`, and `new_page` for other devices."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.browser import chromium
from tests.browser.server import Server, serve

NewPage = Callable[..., Page]

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
# On a deep link Streamlit's client first looks for its server below the page's own path.
HARMLESS_404 = re.compile(r"/[\w-]+/_stcore/(health|host-config)$")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests; skipped where none is installed, except in CI."""
    if chromium.find() is None:
        if chromium.in_ci():
            pytest.fail(chromium.NOT_FOUND)
        pytest.skip(chromium.NOT_FOUND)
    with sync_playwright() as playwright:
        started = chromium.launch(playwright)
        yield started
        started.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The app, started once for all tests: `server.url`, `server.text()` (its log)."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def app_url(browser: Browser, server: Server) -> str:
    """Where the app answers, without a slash at the end. Without a browser no server is started."""
    return server.url


class Watch:
    """What went wrong in a page that no assertion would see."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"uncaught in the page: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        url = message.location.get("url", "")
        if "404" in message.text and HARMLESS_404.search(urlsplit(url).path):
            return
        self.found.append(f"console: {message.text} ({url})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self.found.append(f"asked a foreign host: {request.url}")


@pytest.fixture
def new_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[NewPage]:
    """`new_page(**options)`: a page in a fresh context (Playwright's `new_context` options; 1280 x 800).

    When the test ends, no page may have written an error to its console, thrown one, or asked another host
    than the app's; and the app's log may not have grown a traceback, which visitors see as one sentence, or a
    warning.
    """
    watches: list[Watch] = []
    contexts = []
    running: Server | None = request.getfixturevalue("server") if "app_url" in request.fixturenames else None
    logged = len(running.text()) if running else 0

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**{**DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        watches.append(Watch(page))
        return page

    yield open_page
    for context in contexts:
        context.close()
    found = [line for watch in watches for line in watch.found]
    assert not found, "\n".join(found)
    if running:
        new = running.text()[logged:]
        unwanted = ("Traceback (most recent call last)" in new, "warning" in new.lower())
        assert not any(unwanted), f"the app's log:\n{new[-4000:]}"


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page of 1280 x 800, English, in a context of its own."""
    return new_page()


@pytest.fixture
def phone(new_page: NewPage) -> Page:
    """A page of 390 x 844 with touch, two device pixels to one of CSS."""
    return new_page(**PHONE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the end of the app's log below a failed test."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    running = getattr(item, "funcargs", {}).get("server")
    if report.failed and isinstance(running, Server):
        report.sections.append(("the app's log", running.tail()))
    return report  # type: ignore[return-value]
