"""A replica ends, by accident or on purpose, and its users are on another with the same screen."""

from __future__ import annotations

import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, WebSocket
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

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
UPLOADED_TEXT = "\n".join(",".join(map(str, row)) for row in UPLOADED)


def sessions(server: Server) -> int:
    with urllib.request.urlopen(f"{server.url}/_stcore/metrics", timeout=10) as response:
        (found,) = re.findall(r"^active_sessions (\d+)", response.read().decode(), flags=re.M)
    return int(found)


def await_that(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


class Tab(Lab):
    """The Distributions chapter, and what the server has said on each of its websockets.

    finished : for each websocket in turn, how many runs have come to their end
    """

    def __init__(self, page: Page, home: str) -> None:
        super().__init__(page, home)
        self.finished: list[int] = []
        page.on("websocket", self.on_websocket)

    def on_websocket(self, socket: WebSocket) -> None:
        place = len(self.finished)
        self.finished.append(0)

        def on_frame(data: str | bytes) -> None:
            message = ForwardMsg.FromString(data)
            self.finished[place] += message.WhichOneof("type") == "script_finished"

        socket.on("framereceived", on_frame)

    def await_reconnection(self) -> None:
        """Until another websocket has brought a whole page: what was there before stays in sight
        until then, and would prove nothing."""
        end = time.monotonic() + WITHIN
        while len(self.finished) < 2 or not self.finished[-1]:
            assert time.monotonic() < end, "the browser did not come back"
            self.page.wait_for_timeout(20)  # lets Playwright hear

    def assert_same_screen(self, *, gamma: float) -> None:
        """Chapter, language, γ and the learner's own numbers; picture, table, boxes and link."""
        self.assert_shows(START, OWN, gamma=gamma)
        assert self.page.locator("h1").inner_text() == labels("zh")["chapters.distributions"]
        assert self.query()["lang"] == "zh"
        trouble = "[data-testid=stException], [data-testid=stAlert], [role=dialog]"
        assert self.page.locator(trouble).count() == 0


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    yield context.new_page()
    context.close()


def in_use(page: Page, proxy: Proxy, servers: list[Server]) -> tuple[Tab, Server, Server]:
    """A screen that somebody works on, the replica it is on, and the other."""
    tab = Tab(page, proxy.url)
    tab.open(OPENED)
    tab.type("dist_gamma", "1.7")
    tab.assert_same_screen(gamma=1.7)
    home, other = sorted(servers, key=sessions, reverse=True)
    assert (sessions(home), sessions(other)) == (1, 0)
    return tab, home, other


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to stop"])
def test_the_users_of_a_replica_that_ends_are_on_the_other(page: Page, how: signal.Signals):
    with Server(APP) as one, Server(APP) as two, Proxy([one, two]) as proxy:
        tab, home, other = in_use(page, proxy, [one, two])

        home.process.send_signal(how)
        home.process.wait(timeout=WITHIN)
        tab.await_reconnection()
        assert sessions(other) == 1
        tab.assert_same_screen(gamma=1.7)

        tab.type("dist_gamma", "0.6")  # and it can be used
        tab.assert_same_screen(gamma=0.6)

        link = page.url
        page.goto("about:blank")
        tab.open(link.removeprefix(proxy.url))
        tab.assert_same_screen(gamma=0.6)


def test_files_find_their_session_when_the_replica_is_back(page: Page):
    """The cookie still names the first replica, which knows nothing of a session on the second."""
    with Server(APP) as one, Server(APP) as two, Proxy([one, two], rest="1s") as proxy:
        tab, home, other = in_use(page, proxy, [one, two])
        home.process.kill()
        home.process.wait()
        tab.await_reconnection()
        with Server(APP, port=home.port) as back:
            await_that(lambda: asked_again(proxy, page, back), "nginx does not ask it again")
            assert (sessions(back), sessions(other)) == (0, 1)

            with page.expect_download() as started:
                page.locator(".st-key-dist_csv button").click()
            rows = started.value.path().read_text("utf-8-sig").splitlines()
            assert len(rows) == 1 + OWN.size

            page.locator(".st-key-dist_own_upload input[type=file]").set_input_files(
                {"name": "mine.csv", "mimeType": "text/csv", "buffer": UPLOADED_TEXT.encode()}
            )
            tab.await_picture(START | {"gamma": 1.7}, UPLOADED)

            first, second = (f"127.0.0.1:{server.port}" for server in (back, other))
            for method, path in (("GET", "/media/"), ("PUT", UPLOADS)):
                proxy.await_requests(1, path)
                asked = [r for r in proxy.requests() if r.path.startswith(path)]
                found = [(r.status < 300, r.replicas) for r in asked if r.method == method]
                assert found[:1] == [(True, [first, second])], path


def asked_again(proxy: Proxy, page: Page, server: Server) -> bool:
    """Whether nginx sends what this browser asks for to this replica."""
    page.request.get(f"{proxy.url}/_stcore/host-config")
    last = proxy.requests()[-1]
    return last.replicas == [f"127.0.0.1:{server.port}"]


def test_when_all_are_gone_it_says_so_at_once_and_recovers_by_itself():
    with Server(APP) as only, Proxy([only], rest="1s") as proxy:
        only.process.kill()
        only.process.wait()
        started = time.monotonic()
        with pytest.raises(urllib.error.HTTPError, match="502"):
            urllib.request.urlopen(proxy.url)
        assert time.monotonic() - started < 3, "nobody is kept waiting for it"
        with Server(APP, port=only.port):
            await_that(lambda: is_healthy(proxy.url), "it does not recover")
