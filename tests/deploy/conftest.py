"""Two replicas, nginx before them, and a browser before that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.serving import FLAGS, Server, chromium
from tests.deploy.proxy import Proxy, nginx

APP = ["-m", "streamlit", "run", "app.py"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Beside a failure, what nginx said and whom it asked."""
    report = yield
    proxy = getattr(item, "funcargs", {}).get("proxy")
    if report.failed and proxy:
        asked = "\n".join(map(str, proxy.requests()[-40:]))
        report.sections.append(("nginx", f"{proxy.said()[-4000:]}\n{asked}"))
    return report


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    if nginx() is None:
        pytest.fail("nginx is missing: `make test-deploy` installs it", pytrace=False)


@pytest.fixture(scope="module")
def replicas() -> Iterator[list[Server]]:
    """Two processes of the app. A test that ends one has it started again by ``revive``."""
    with ExitStack() as stack:
        yield [stack.enter_context(Server(APP)) for _ in range(2)]


@pytest.fixture(scope="module")
def proxy(replicas: list[Server]) -> Iterator[Proxy]:
    with Proxy(replicas) as running:
        yield running


@pytest.fixture(scope="module")  # no longer: asyncio.run and Playwright do not go together
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()
