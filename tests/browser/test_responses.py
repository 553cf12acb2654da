"""What the running server answers, asked without a browser."""

import gzip
import urllib.request
from http.client import HTTPMessage

import pytest

from bn_ui.server import HEADERS, PLOTLY_PATH
from tests.browser.serving import Server


def get(url: str, **headers: str) -> tuple[HTTPMessage, bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
        return response.headers, response.read()


@pytest.mark.parametrize("path", ["/", "/distributions", "/_stcore/health", PLOTLY_PATH])
def test_security_headers(server: Server, path: str):
    headers, _ = get(server.url + path)
    assert {name: headers[name] for name in HEADERS} == HEADERS


def test_plotly_is_compressed_and_kept(server: Server):
    headers, body = get(server.url + PLOTLY_PATH, **{"Accept-Encoding": "gzip"})
    plain_headers, plain = get(server.url + PLOTLY_PATH)
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == plain
    assert "immutable" in headers["Cache-Control"]
    assert plain_headers["Content-Encoding"] is None


def test_nothing_of_the_project_is_served_as_a_file(server: Server):
    for path in ("/app/static/app.py", "/content/en/labels.toml", "/.streamlit/config.toml"):
        _, body = get(server.url + path)
        assert body == get(server.url + "/")[1], (
            "Streamlit answers every unknown path with its page"
        )
