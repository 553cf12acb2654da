"""A replica ends, by accident or on purpose, and its users are on another with the same screen."""

from __future__ import annotations

import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from bn_ui.server import UPLOADS
from bn_ui.text import labels
from tests.browser.driving import START, Lab
from tests.browser.serving import Server, is_healthy
from tests.deploy.conftest import APP
from tests.deploy.proxy import Proxy

WITHIN = 30  # seconds, on any machine
OPENED = (
    "/distributions?lang=zh&dist_gamma=2.5&dist_view=pooled&dist_source=own&dist_own=1~2_3~0_5~9"
)
OWN = np.array([[1.0, 2.0], [3.0, 0.0], [5.0, 9.0]])
UPLOADED = np.arange(12.0).reshape(6, 2) ** 2


def sessions(server: Server) -> int:
    with urllib.request.urlopen(f"{server.url}/_stcore/metrics", timeout=10) as response:
        (found,) = re.findall(r"^active_sessions (\d+)", response.read().decode(), flags=re.M)
    return int(found)


def await_that(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    yield context.new_page()
    context.close()


def in_use(page: Page, proxy: Proxy, servers: list[Server]) -> tuple[Lab, Server, Server]:
    """A screen that somebody works on, the replica it is on, and the other."""
    before = [sessions(server) for server in servers]
    tab = Lab(page, proxy.url).open(OPENED)
    tab.type("dist_gamma", "1.7")
    assert_same_screen(tab, gamma=1.7)
    (home,) = [s for s, count in zip(servers, before, strict=True) if sessions(s) == count + 1]
    (other,) = [server for server in servers if server is not home]
    return tab, home, other


def assert_same_screen(tab: Lab, *, gamma: float) -> None:
    """Chapter, language, γ and the learner's own numbers; picture, table, boxes and link."""
    tab.assert_shows(START, OWN, gamma=gamma)
    assert tab.page.locator("h1").inner_text() == labels("zh")["chapters.distributions"]
    assert tab.query()["lang"] == "zh"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to stop"])
def test_the_users_of_a_replica_that_ends_are_on_the_other(page: Page, how: signal.Signals):
    with Server(APP) as one, Server(APP) as two, Proxy([one, two]) as proxy:
        tab, home, other = in_use(page, proxy, [one, two])

        home.process.send_signal(how)
        home.process.wait(timeout=WITHIN)
        await_that(lambda: sessions(other) == 1, "the browser did not come to the other replica")
        assert_same_screen(tab, gamma=1.7)
        assert page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0

        tab.type("dist_gamma", "0.6")  # and it can be used
        assert_same_screen(tab, gamma=0.6)

        link = page.url
        page.goto("about:blank")
        page.goto(link)
        tab.ready()
        assert_same_screen(tab, gamma=0.6)
