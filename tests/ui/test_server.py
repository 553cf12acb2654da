"""Headers and Plotly's file, by calling the ASGI app as a server does."""

import asyncio
import gzip
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from bn_ui import server
from bn_ui.server import (
    CONTENT_SECURITY_POLICY,
    HEADERS,
    PLOTLY_PATH,
    SecurityHeaders,
    accepts_gzip,
    katex_url,
    plotly_route,
    plotly_url,
)

PLOTLY = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
STREAMLIT_PAGE = (files("streamlit") / "static" / "index.html").read_text("utf-8")


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def framed(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello", headers={"Referrer-Policy": "no-referrer"})


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


APP = Starlette(
    routes=[
        plotly_route(),
        Route("/hello", hello),
        Route("/framed", framed),
        WebSocketRoute("/socket", socket),
    ],
    middleware=[Middleware(SecurityHeaders)],
)


def call(scope: dict, received: list[dict]) -> list[dict]:
    """Run the app for one request and return what it sent."""
    sent: list[dict] = []

    async def receive() -> dict:
        return received.pop(0)

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(APP(scope, receive, send))
    return sent


def get(path: str, method: str = "GET", **headers: str) -> SimpleNamespace:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "server": ("testserver", 80),
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
    }
    start, *body = call(scope, [{"type": "http.request", "body": b"", "more_body": False}])
    return SimpleNamespace(
        status=start["status"],
        headers=Headers(raw=start["headers"]),
        body=b"".join(part.get("body", b"") for part in body),
    )


class TestPlotly:
    def test_plain(self):
        response = get(PLOTLY_PATH)
        assert response.status == 200
        assert response.body == PLOTLY
        assert "content-encoding" not in response.headers
        assert int(response.headers["content-length"]) == len(PLOTLY)

    def test_compressed(self):
        response = get(PLOTLY_PATH, accept_encoding="gzip, deflate, br")
        assert response.headers["content-encoding"] == "gzip"
        assert gzip.decompress(response.body) == PLOTLY
        assert len(response.body) < len(PLOTLY) / 3

    @pytest.mark.parametrize("encoding", ["", "gzip"])
    def test_may_be_kept_for_ever(self, encoding: str):
        headers = get(PLOTLY_PATH, accept_encoding=encoding).headers
        assert "immutable" in headers["cache-control"]
        assert "public" in headers["cache-control"]
        assert int(re.search(r"max-age=(\d+)", headers["cache-control"])[1]) >= 31_536_000
        assert headers["vary"].lower() == "accept-encoding"
        assert headers["content-type"].startswith("text/javascript")

    def test_is_compressed_once(self):
        first, second = (get(PLOTLY_PATH, accept_encoding="gzip").body for _ in range(2))
        assert first == second
        assert server._plotly_bytes(True) is server._plotly_bytes(True)

    def test_its_address_names_its_version(self):
        version = re.search(rb"plotly\.js v(\d+\.\d+\.\d+)", PLOTLY[:300])
        assert version, "the file does not say which Plotly it is"
        assert re.fullmatch(r"/plotly/\d+\.\d+\.\d+/plotly\.min\.js", PLOTLY_PATH)
        assert get("/plotly/0.0.0/plotly.min.js").status == 404

    def test_is_only_read(self):
        assert get(PLOTLY_PATH, method="HEAD").status == 200
        assert get(PLOTLY_PATH, method="POST").status == 405

    @pytest.mark.parametrize(
        ("base", "expected"),
        [("", PLOTLY_PATH), ("bn", f"/bn{PLOTLY_PATH}"), ("/a/b/", f"/a/b{PLOTLY_PATH}")],
    )
    def test_its_address_below_a_path(
        self, monkeypatch: pytest.MonkeyPatch, base: str, expected: str
    ):
        monkeypatch.setattr(server, "st", SimpleNamespace(get_option=lambda name: base))
        assert plotly_url() == expected


class TestKatex:
    def test_its_address_is_a_file_of_streamlits_own(self):
        path = katex_url().removeprefix("/static/")
        assert re.fullmatch(
            r"static/js/rehype-katex\.[\w-]+\.js", "static/" + path.removeprefix("static/")
        )
        script = (files("streamlit") / "static" / "static" / path).read_text("utf-8")
        assert "katex" in script
        assert "export" in script

    def test_its_address_below_a_path(self, monkeypatch: pytest.MonkeyPatch):
        plain = katex_url()
        monkeypatch.setattr(server, "st", SimpleNamespace(get_option=lambda name: "/a/b/"))
        assert katex_url() == f"/a/b{plain}"

    @pytest.mark.parametrize("names", [[], ["rehype-katex.a1.js", "rehype-katex.b2.js"]])
    def test_a_streamlit_without_it_is_named(self, monkeypatch, tmp_path, names: list[str]):
        folder = tmp_path / "static" / "static" / "js"
        folder.mkdir(parents=True)
        for name in [*names, "index.abc.js", "rehype-katex.a1.js.map"]:
            (folder / name).touch()
        monkeypatch.setattr(server, "files", lambda package: tmp_path)
        with pytest.raises(RuntimeError, match=f"has {len(names)} rehype-katex modules"):
            server._katex_file.__wrapped__()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("deflate, gzip ;q=0.5", True),
        ("*", True),
        ("br", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, identity", False),
        ("gzip;q=0.000", False),
        ("*;q=0", False),
        ("deflate, *;q=0", False),
        ("gzipped", False),
        (",;,=", False),
    ],
)
def test_accepts_gzip(header: str | None, expected: bool):
    given = {} if header is None else {"accept-encoding": header}
    assert accepts_gzip(Headers(given)) is expected


class TestSecurityHeaders:
    @pytest.mark.parametrize("path", ["/hello", "/nowhere", PLOTLY_PATH])
    def test_are_on_every_response(self, path: str):
        headers = get(path).headers
        assert {name: headers[name] for name in HEADERS} == HEADERS

    def test_what_a_response_says_itself_stays(self):
        assert get("/framed").headers.getlist("referrer-policy") == ["no-referrer"]

    def test_websockets_pass(self):
        scope = {
            "type": "websocket",
            "path": "/socket",
            "raw_path": b"/socket",
            "query_string": b"",
            "scheme": "ws",
            "headers": [],
            "subprotocols": [],
        }
        sent = call(scope, [{"type": "websocket.connect"}])
        assert [message["type"] for message in sent] == [
            "websocket.accept",
            "websocket.send",
            "websocket.close",
        ]


POLICY = dict(entry.split(" ", 1) for entry in CONTENT_SECURITY_POLICY.split("; "))


class TestContentSecurityPolicy:
    def test_allows_the_scripts_inside_streamlits_page_by_their_hash(self):
        scripts = re.findall(r"<script>(.*?)</script>", STREAMLIT_PAGE, flags=re.DOTALL)
        assert scripts, "Streamlit's page has no inline script any more: drop its hash"
        for script in scripts:
            digest = b64encode(sha256(script.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in POLICY["script-src"].split()

    def test_no_script_is_inside_the_page_that_the_hashes_miss(self):
        """Such as one with attributes, which the search in the code would not find."""
        inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", STREAMLIT_PAGE)
        assert set(inline) == {"<script>"}

    def test_no_other_host_and_no_other_script(self):
        for directive, sources in POLICY.items():
            for source in sources.split():
                allowed = r"'self'|'none'|blob:|data:|ws:|wss:|'sha256-[\w+/=]+'"
                if directive == "style-src":
                    allowed += "|'unsafe-inline'"
                assert re.fullmatch(allowed, source), (directive, source)
        assert POLICY["default-src"] == "'self'"
        assert POLICY["object-src"] == "'none'"
        assert "data:" not in POLICY["script-src"]


@pytest.mark.parametrize(
    ("path", "status", "seen"),
    [
        ("/_stcore/upload_file/session/file", 400, 404),
        ("/_stcore/upload_file/session/file", 403, 403),
        ("/_stcore/upload_file/session/file", 204, 204),
        ("/elsewhere", 400, 400),
    ],
)
def test_a_file_for_an_unknown_session_is_not_found(path: str, status: int, seen: int):
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})

    sent = []

    async def send(message) -> None:
        sent.append(message["status"])

    asyncio.run(server.StrayUploads(app)({"type": "http", "path": path}, None, send))
    assert sent == [seen]
