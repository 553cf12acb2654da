"""What nginx does with requests while every replica is well."""

from __future__ import annotations

import asyncio
import gzip
import re
import secrets
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPMessage

import pytest
from streamlit.web.server.starlette import starlette_server_config

from benchmarks.sessions import Session
from bn_ui.server import HEADERS, PLOTLY_PATH, UPLOADS
from tests.browser.serving import ROOT, Server
from tests.deploy.proxy import TEMPLATE, Proxy

CLASS = 30
COOKIE = "lab_replica"
MEGABYTE = 2**20
SETTINGS = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["server"]


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def cookie(self) -> str:
        """The pair that a browser would send back, or nothing."""
        pairs = [value.partition(";")[0] for value in self.headers.get_all("Set-Cookie", [])]
        return next((pair for pair in pairs if pair.startswith(f"{COOKIE}=")), "")


def ask(url: str, data: bytes | None = None, method: str = "GET", **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, names, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


def asked(proxy: Proxy, path: str) -> list[list[str]]:
    """Which replicas each request for this path was sent to."""
    return [request.replicas for request in proxy.requests() if request.path == path]


def script(url: str) -> str:
    """The path of the first script of Streamlit's page."""
    return "/" + re.search(r"static/js/[^\"]+", ask(url).body.decode())[0]


class TestSticking:
    def test_a_class_behind_one_address_is_spread_and_each_stays(self, proxy: Proxy):
        visitors = {}
        for number in range(CLASS):
            first = ask(f"{proxy.url}/visitor-{number}")
            assert re.fullmatch(rf"{COOKIE}=[0-9a-f]{{32}}", first.cookie)
            visitors[number] = first.cookie
        for number, cookie in visitors.items():
            for _ in range(2):
                assert ask(f"{proxy.url}/visitor-{number}", Cookie=cookie).cookie == ""
        proxy.await_requests(3 * CLASS, "/visitor-")

        homes = Counter()
        for number in visitors:
            (home,) = {replica for (replica,) in asked(proxy, f"/visitor-{number}")}
            homes[home] += 1
        assert len(homes) == 2
        assert min(homes.values()) >= 4, "by chance, once in 100,000 times, it is fewer"

    def test_a_websocket_goes_where_its_page_came_from(self, proxy: Proxy):
        async def visit(path: str) -> None:
            cookie = (await asyncio.to_thread(ask, proxy.url + path)).cookie
            async with Session(proxy.url, "distributions", "lang=en", cookie=cookie) as tab:
                assert tab.has("dist_gamma")

        async def visit_all() -> None:
            for number in range(6):
                await visit(f"/with-socket-{number}")

        before = len(asked(proxy, "/_stcore/stream"))
        asyncio.run(visit_all())
        proxy.await_requests(before + 6, "/_stcore/stream")
        pages = [asked(proxy, f"/with-socket-{number}")[0] for number in range(6)]
        assert asked(proxy, "/_stcore/stream")[before:] == pages

    @pytest.mark.parametrize("value", ["", "x", "g" * 32, "0" * 33, "0" * 31 + ",", '"'])
    def test_a_cookie_that_is_none_of_ours_is_replaced(self, proxy: Proxy, value: str):
        answer = ask(proxy.url, Cookie=f"{COOKIE}={value}")
        assert re.fullmatch(rf"{COOKIE}=[0-9a-f]{{32}}", answer.cookie)
        attributes = answer.headers["Set-Cookie"].split("; ")[1:]
        assert attributes == ["Path=/", "HttpOnly", "SameSite=Lax"]


class TestAnswers:
    @pytest.mark.parametrize("path", ["/", "/distributions", "/_stcore/host-config", PLOTLY_PATH])
    @pytest.mark.parametrize("encoding", ["identity", "gzip", "gzip, deflate, br, zstd"])
    def test_as_the_replica_gives_it(
        self, proxy: Proxy, replicas: list[Server], path: str, encoding: str
    ):
        """Headers and bytes alike, so that nothing is compressed twice."""
        behind = ask(replicas[0].url + path, Accept_Encoding=encoding)
        before = ask(proxy.url + path, Accept_Encoding=encoding)
        assert before.body == behind.body
        for name in (*HEADERS, "Content-Encoding", "Cache-Control", "Content-Type"):
            assert before.headers.get_all(name) == behind.headers.get_all(name), name
        assert before.headers["Server"] == "nginx", "and not its version"

    def test_scripts_are_compressed_here(self, proxy: Proxy, replicas: list[Server]):
        path = script(proxy.url)
        behind = ask(replicas[0].url + path, Accept_Encoding="gzip")
        assert behind.headers["Content-Encoding"] is None, "Streamlit leaves it to a proxy"
        before = ask(proxy.url + path, Accept_Encoding="gzip")
        assert before.headers.get_all("Content-Encoding") == ["gzip"]
        assert gzip.decompress(before.body) == behind.body
        assert len(before.body) < 0.4 * len(behind.body)
        assert "immutable" in before.headers["Cache-Control"]
        assert {name: before.headers[name] for name in HEADERS} == HEADERS
        assert before.cookie == "", "what is kept for everybody carries nobody's cookie"

    @pytest.mark.parametrize("refusal", ["gzip;q=0", "gzip; q=0.0, br", "br", ""])
    def test_whoever_refuses_gzip_gets_none(self, proxy: Proxy, refusal: str):
        for path in (script(proxy.url), PLOTLY_PATH):
            answer = ask(proxy.url + path, Accept_Encoding=refusal)
            assert answer.headers["Content-Encoding"] is None
            assert answer.body[:2] != b"\x1f\x8b"

    def test_a_class_that_comes_at_once_is_one_request(self, replicas: list[Server]):
        """Of Plotly's 4.8 MB a replica compresses and sends one copy."""
        with Proxy(replicas) as fresh, ThreadPoolExecutor(CLASS) as pool:
            address = fresh.url + PLOTLY_PATH
            fetched = pool.map(lambda _: ask(address, Accept_Encoding="gzip"), range(CLASS))
            assert len({answer.body for answer in fetched}) == 1
            fresh.await_requests(CLASS, PLOTLY_PATH)
            assert len([replica for replica in asked(fresh, PLOTLY_PATH) if replica]) == 1

    def test_what_is_for_the_operator_is_not_for_everybody(
        self, proxy: Proxy, replicas: list[Server]
    ):
        assert b"active_sessions" in ask(replicas[0].url + "/_stcore/metrics").body
        assert ask(proxy.url + "/_stcore/metrics").status == 404

    def test_the_log_knows_no_person(self, proxy: Proxy):
        secret = secrets.token_hex(8)
        ask(f"{proxy.url}/forward?fwd_own={secret}", Referer=f"{proxy.url}/?{secret}")
        proxy.await_requests(1, "/forward")
        log = (proxy.folder / "access.log").read_text("utf-8")
        assert secret not in log
        assert not re.search(r"127\.0\.0\.1(?!:)", log), "replicas have a port, learners none"


class TestLimits:
    def put(self, proxy: Proxy, size: int, **headers: str) -> Answer:
        return ask(
            f"{proxy.url}{UPLOADS}no-session/no-file",
            b"0" * size,
            "PUT",
            Content_Type="application/octet-stream",
            **headers,
        )

    def test_what_is_too_large_is_refused_before_a_replica_sees_it(self, proxy: Proxy):
        assert self.put(proxy, 4 * MEGABYTE).status == 413
        proxy.await_requests(1, UPLOADS)
        assert proxy.requests()[-1].replicas == []

    def test_what_streamlit_takes_is_let_through(self):
        (allowed,) = re.findall(r"client_max_body_size (\d+)m;", TEMPLATE.read_text("utf-8"))
        assert SETTINGS["maxUploadSize"] < int(allowed)

    def test_nobody_is_cut_off_between_two_pings(self):
        waits = re.findall(r"proxy_(?:read|send)_timeout (\d+)s;", TEMPLATE.read_text("utf-8"))
        ping = starlette_server_config.DEFAULT_WEBSOCKET_PING_INTERVAL
        assert "websocketPingInterval" not in SETTINGS
        assert len(waits) == 2
        assert min(map(int, waits)) > 2 * ping

    def test_a_file_for_a_session_of_another_process_is_offered_to_all(self, proxy: Proxy):
        token = "a" * 32  # XSRF: the same in cookie and header; no process knows more about it
        before = len(proxy.requests())
        answer = self.put(proxy, 10, Cookie=f"_streamlit_xsrf={token}", X_Xsrftoken=token)
        assert answer.status == 404
        proxy.await_requests(before + 1)
        assert len(set(proxy.requests()[-1].replicas)) == 2

    def test_without_the_token_it_is_refused_at_once(self, proxy: Proxy):
        before = len(proxy.requests())
        assert self.put(proxy, 10).status == 403
        proxy.await_requests(before + 1)
        assert len(proxy.requests()[-1].replicas) == 1

    def test_a_long_link_arrives(self, proxy: Proxy):
        assert ask(f"{proxy.url}/distributions?dist_own={'1~' * 8000}").status == 200
