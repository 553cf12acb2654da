"""Other sites show the book only if whoever runs it has said so."""

import subprocess
import sys

import pytest

from bn_ui.embedding import VARIABLE, frame_ancestors
from bn_ui.preflight import embedding_problem
from bn_ui.server import HEADERS


@pytest.mark.parametrize(
    ("sites", "directive"),
    [
        ("", "frame-ancestors 'self'"),
        ("'none'", "frame-ancestors 'none'"),
        (" https://a.example  https://*.b.example:8443 ",
         "frame-ancestors https://a.example https://*.b.example:8443"),
    ],
)  # fmt: skip
def test_what_is_sent(monkeypatch: pytest.MonkeyPatch, sites: str, directive: str):
    monkeypatch.setenv(VARIABLE, sites)
    assert frame_ancestors() == directive
    assert embedding_problem() == ""


@pytest.mark.parametrize(
    "sites",
    [
        "*",
        "self",
        "https://a.example; script-src *",
        "javascript:x",
        "https://..",
        "'none' https://a.example",
    ],
)
def test_anything_else_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, sites: str):
    monkeypatch.setenv(VARIABLE, sites)
    with pytest.raises(ValueError, match=VARIABLE):
        frame_ancestors()
    assert embedding_problem().startswith(f"{VARIABLE} must be addresses")


def test_it_is_in_the_policy():
    assert "frame-ancestors 'self'" in HEADERS["Content-Security-Policy"]


def test_a_server_with_its_own_sites():
    code = "from bn_ui.server import HEADERS; print(HEADERS['Content-Security-Policy'])"
    environment = {VARIABLE: "https://moodle.example.edu"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert said.rstrip().endswith("frame-ancestors https://moodle.example.edu")
