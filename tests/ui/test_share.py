"""Links to share: what is in them, how they are copied and photographed."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET

import pytest

from bn_ui import share
from bn_ui.text import LANGUAGES, labels
from tests.ui.test_distributions import checked, shared_link
from tests.ui.test_small_batch import arrived


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_button_speaks(lang: str):
    app = arrived("forward", lang=lang)
    (panel,) = (e for e in app.get("bidi_component") if e.key == "forward_copy_link")
    words = json.loads(panel.proto.bytes)
    assert words["copy"] == labels(lang)["frame.copy_link"]
    assert words["link"] == shared_link(app)
    assert f"lang={lang}" in words["link"]


def test_a_qr_code_on_request(monkeypatch: pytest.MonkeyPatch):
    made, real = [], share.qr_code
    monkeypatch.setattr(share, "qr_code", lambda link: made.append(link) or real(link))
    app = arrived("forward", batch_x="1_2_4")
    assert made == []
    checked(app.toggle(key="forward_qr").set_value(True).run())
    assert made == [shared_link(app)]


@pytest.mark.parametrize("address", ["http://10.0.0.7:8501/forward?lang=zh", "x" * 1200])
def test_a_qr_code_is_black_on_white_and_has_a_margin(address: str):
    root = ET.parse(io.StringIO(share.qr_code(address))).getroot()
    assert root.tag.endswith("svg")
    paths = [element for element in root.iter() if element.tag.endswith("path")]
    assert paths[0].get("fill") == "#fff"
    assert paths[-1].get("stroke") == "#000"


def test_a_link_that_means_something_else_is_told_once():
    told = labels("en")["frame.link_misread"]
    app = arrived("forward", fwd_step="nonsense", lang="en")
    assert [toast.value for toast in app.toast] == [told]
    checked(app.run())
    assert not app.toast
    assert arrived("forward", lang="en", v="2").toast, "it may mean what this book does not know"
    fine = ({"v": "1"}, {"fwd_step": "var"}, {"batch_eps": "0.001"}, {"batch_x": "1.50_2"})
    for query in ({}, *fine):
        assert not arrived("forward", lang="en", **query).toast
