"""A real browser, a real server, and eyes on what either complains about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.driving import Lab, Watch
from tests.browser.player import Player
from tests.browser.serving import FLAGS, ROOT, Server, chromium

HERE = Path(__file__).parent
collect_ignore = ["plain_page.py", "slow_server.py"]  # programs, which run when imported
SETTINGS = {"viewport": {"width": 1280, "height": 900}, "locale": "en-US"}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests last: what is quick to see should be seen quickly."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Beside a failure, what the servers said: a page hides its traceback from its readers."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Server):
                report.sections.append((f"log of {name}", value.said()[-4000:]))
    return report


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


@pytest.fixture(scope="session")
def phone(browser: Browser) -> Iterator[Page]:
    """The same for a phone."""
    context = browser.new_context(**SETTINGS | PHONE)
    yield context.new_page()
    context.close()


@pytest.fixture
def tab(
    new_context: Callable[..., BrowserContext],
    server: Server,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., tuple[Page, str]]]:
    """A browser tab and the address of the server; afterwards nothing may have complained in it,
    nor asked another host."""
    watched: list[Watch] = []

    def open_tab(
        *,
        at: Server = server,
        phone: bool = False,
        theme: Literal["light", "dark"] = "light",
        script: str = "",
        **options: Any,
    ) -> tuple[Page, str]:
        if options or script:
            page = new_context(**options).new_page()
            page.add_init_script(script)
        else:
            page = request.getfixturevalue("phone" if phone else "desktop")
            page.set_viewport_size((PHONE if phone else SETTINGS)["viewport"])  # a test may turn it
        page.goto("about:blank")  # what was there before still asks its own server
        page.emulate_media(color_scheme=theme)
        watched.append(Watch(page, at.url))
        return page, at.url

    yield open_tab
    seen = [complaint for watch in watched for complaint in watch.end()]
    assert not seen, "\n".join(seen)


@pytest.fixture
def lab(tab: Callable[..., tuple[Page, str]]) -> Callable[..., Lab]:
    """Opens the Distributions chapter."""
    return lambda path="/distributions", **how: Lab(*tab(**how)).open(path)


@pytest.fixture
def player(tab: Callable[..., tuple[Page, str]]) -> Callable[..., Player]:
    """Opens a chapter with a step player."""
    return lambda path="/forward", **how: Player(*tab(**how)).open(path)
