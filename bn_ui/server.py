"""What the web server adds to Streamlit: response headers and Plotly's own JavaScript."""

from __future__ import annotations

import gzip
import logging
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bn_ui.embedding import frame_ancestors
from bn_ui.text import browser_language, labels, language


def _inline_scripts() -> str:
    """Hashes of the scripts inside Streamlit's own page: the policy refuses any other."""
    page = (files("streamlit") / "static" / "index.html").read_text("utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = (sha256(script.encode()).digest() for script in scripts)
    return " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in digests)


# Students' browsers talk to this server and to nobody else. Streamlit needs inline styles, blob:
# for a component's script and its downloads, data: for its icons.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' blob: {_inline_scripts()}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        frame_ancestors(),
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
UPLOADS = "/_stcore/upload_file/"
PLOTLY_PATH = f"/plotly/{version('plotly')}/plotly.min.js"


class SecurityHeaders:
    """Adds ``HEADERS`` to every HTTP response. Plain ASGI: nothing is buffered on the way."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        is_http = scope["type"] == "http"
        await self.app(scope, receive, send_with_headers if is_http else send)


class StrayUploads:
    """Answers 404 instead of 400 to a file for a session that is not in this process.

    Of several replicas only one knows a session. A proxy that is told "not found" may ask the next
    (deploy/nginx), which 400, "your mistake", forbids. Whatever else is wrong with an upload is as
    wrong there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_not_found(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 400:
                message = {**message, "status": 404}
            await send(message)

        is_upload = scope["type"] == "http" and UPLOADS in scope["path"]
        await self.app(scope, receive, send_not_found if is_upload else send)


def plotly_route() -> Route:
    """Plotly's JavaScript out of the installed package, under a URL that names its version."""
    return Route(PLOTLY_PATH, _plotly)


def plotly_url() -> str:
    """Where the browser finds Plotly."""
    return _url(PLOTLY_PATH)


def katex_url() -> str:
    """Where the browser finds the typesetter of formulas: Streamlit's own, which is loaded already.

    It is the module that typesets ``$…$`` in Markdown, `rehype-katex`, whose KaTeX is the one that
    Streamlit's style sheet and fonts are made for. Its file name has a hash in it.
    """
    return _url(f"/static/js/{_katex_file()}")


@cache
def _katex_file() -> str:
    scripts = files("streamlit") / "static" / "static" / "js"
    names = [file.name for file in scripts.iterdir()]
    found = [name for name in names if re.fullmatch(r"rehype-katex\.[\w-]+\.js", name)]
    if len(found) != 1:
        raise RuntimeError(f"this Streamlit has {len(found)} rehype-katex modules; expected one")
    return found[0]


def _url(path: str) -> str:
    """A path of this server as the browser must ask for it, also where the app lives below one."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{path}" if base else path


@cache
def _plotly_bytes(compressed: bool) -> bytes:
    plain = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    # Once for the life of the server: 4.8 MB become 1.5 MB.
    return gzip.compress(plain, 9, mtime=0) if compressed else plain


async def _plotly(request: Request) -> Response:
    compressed = accepts_gzip(request.headers)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
    }
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return Response(_plotly_bytes(compressed), media_type="text/javascript", headers=headers)


def accepts_gzip(headers: Headers) -> bool:
    """Whether Accept-Encoding allows gzip ("gzip;q=0" forbids it)."""
    for entry in headers.get("accept-encoding", "").split(","):
        name, _, quality = entry.partition(";")
        if name.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def report_error(error: Exception) -> bool:
    """Tell the log what happened and the reader what to do; no traceback reaches a page."""
    logging.getLogger(__name__).exception("A page failed", exc_info=error)
    try:
        lang = language()
    except Exception:  # the switch itself has been sent something that Streamlit cannot read
        lang = browser_language()
    words = labels(lang)
    st.error(words["frame.error"], title=words["frame.error_title"], icon=":material/error:")
    return True
