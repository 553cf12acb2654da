"""A real browser, a real server, and eyes on what either complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.driving import Lab, Watch
from tests.browser.serving import ROOT, Server

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HERE = Path(__file__).parent
SETTINGS = {"viewport": {"width": 1280, "height": 900}, "locale": "en-US"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests last: what is quick to see should be seen quickly."""
    items.sort(key=lambda item: HERE in item.path.parents)


def chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium or Google Chrome on the PATH, nor named by CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server(["-m", "streamlit", "run", "app.py"]) as running:
        yield running


@pytest.fixture(scope="session")
def slow_server() -> Iterator[Server]:
    """The same app, whose every answer takes 0.4 seconds longer."""
    with Server([str(HERE.relative_to(ROOT) / "slow_server.py")]) as running:
        yield running


@pytest.fixture(scope="session")
def plain_server() -> Iterator[Server]:
    """Streamlit's own slider above Streamlit's own chart."""
    page = str(HERE.relative_to(ROOT) / "plain_page.py")
    with Server(["-m", "streamlit", "run", page]) as running:
        yield running


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    opened: list[BrowserContext] = []

    def new(**options: Any) -> BrowserContext:
        context = browser.new_context(**SETTINGS | options)
        opened.append(context)
        return context

    yield new
    for context in opened:
        context.close()


@pytest.fixture(scope="session")
def desktop(browser: Browser) -> Iterator[Page]:
    """One tab for all tests that need no other: a new one takes three seconds to warm up.

    Every test opens an address in it, which is a new session for Streamlit.
    """
    context = browser.new_context(**SETTINGS)
    yield context.new_page()
    context.close()


@pytest.fixture
def lab(
    new_context: Callable[..., BrowserContext], desktop: Page, server: Server
) -> Iterator[Callable[..., Lab]]:
    """Opens the chapter; afterwards no page may have complained, nor asked another host."""
    watched: list[Watch] = []

    def open_lab(
        path: str = "/distributions", at: Server = server, script: str = "", **options: Any
    ) -> Lab:
        page = new_context(**options).new_page() if options or script else desktop
        if script:
            page.add_init_script(script)
        watched.append(Watch(page, at.url))
        return Lab(page, at.url).open(path)

    yield open_lab
    seen = [complaint for watch in watched for complaint in watch.end()]
    assert not seen, "\n".join(seen)
