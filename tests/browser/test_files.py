"""The learner's own numbers in, pictures and numbers out."""

import csv
import io
from collections.abc import Callable

import numpy as np
import pytest

from bn_core.activations import ACTIVATIONS
from bn_core.sweeps import follow
from bn_ui import own_numbers
from bn_ui.text import labels
from tests.browser.driving import START, Lab, opening_batch

pytestmark = pytest.mark.browser

OWN = "/distributions?lang=en&dist_source=own&dist_view=pooled"
GOOD, RAGGED = "1,2\n3,4\n5,9", "1,2\n3\n5,9"
ALERT = "[data-testid=stAlert]"


def paste(tab: Lab, text: str) -> None:
    box = tab.page.locator(".st-key-dist_own textarea")
    box.fill(text)
    box.press("Control+Enter")


def batch(text: str) -> np.ndarray:
    return own_numbers.parse(text).x


class TestOwnNumbers:
    def test_pasting(self, lab: Callable[..., Lab]):
        tab = lab(OWN)
        paste(tab, GOOD)
        tab.await_picture(START, batch(GOOD))
        paste(tab, RAGGED)
        alert = tab.page.locator(ALERT)
        alert.wait_for()
        assert (
            labels("en")["own.error_ragged"].format(line=2, cells=1, width=2) in alert.inner_text()
        )
        assert tab.page.locator(".st-key-dist_own textarea").input_value() == RAGGED
        tab.settle().await_picture(START, batch(GOOD))
        better = "1,2\n3,0\n5,9"
        paste(tab, better)
        alert.wait_for(state="detached")
        tab.assert_shows(START, batch(better))
        assert tab.query()["dist_own"] == "1~2_3~0_5~9"
        linked = lab(tab.page.url.removeprefix(tab.home))
        linked.assert_shows(START, batch(better))

    def test_uploading_more_than_the_box_holds(self, lab: Callable[..., Lab]):
        rows = np.random.default_rng(0).standard_normal((1500, 2))
        text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
        assert len(text) > own_numbers.BOX_CHARACTERS
        tab = lab(OWN)
        tab.page.locator(".st-key-dist_own_upload input[type=file]").set_input_files(
            {"name": "mine.csv", "mimeType": "text/csv", "buffer": text.encode()}
        )
        tab.await_picture(START, rows)
        assert tab.page.locator(ALERT).count() == 0
        tab.page.locator("[data-testid=stPopoverButton]").first.click()
        warning = tab.page.locator("[data-testid=stPopoverBody]").locator(ALERT)
        warning.wait_for()
        assert labels("en")["own.not_in_link"] in warning.inner_text()


class TestDownloads:
    def download(self, tab: Lab, selector: str) -> tuple[str, bytes]:
        with tab.page.expect_download() as started:
            tab.page.locator(selector).click()
        path = started.value.path()
        return started.value.suggested_filename, path.read_bytes()

    def test_pictures(self, lab: Callable[..., Lab]):
        tab = lab("/distributions?dist_gamma=2")
        name, data = self.download(tab, ".bn-live:has([data-knob]) .bn-downloads button >> nth=0")
        assert name.endswith(".png")
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
        assert width == 2 * tab.page.evaluate("bn.figure().layout.width")
        assert height == 2 * tab.page.evaluate("bn.figure().layout.height")
        assert len(data) > 20_000

        name, data = self.download(tab, ".bn-live:has([data-knob]) .bn-downloads button >> nth=1")
        drawing = data.decode("utf-8")
        assert name.endswith(".svg")
        assert drawing.startswith("<svg")
        assert drawing.count("js-line") >= 5, "all five curves are in it"

    def test_numbers(self, lab: Callable[..., Lab]):
        tab = lab("/distributions?lang=zh&dist_gamma=2.5&dist_beta=-1")
        name, data = self.download(tab, ".st-key-dist_csv button")
        assert name.endswith(".csv")
        assert data.startswith(b"\xef\xbb\xbf"), "a spreadsheet needs the mark for Chinese"
        header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig")))
        prefix = "csv."
        assert header == [v for k, v in labels("zh").items() if k.startswith(prefix)]
        x = opening_batch()
        assert len(rows) == len(x)
        found = np.array(rows, dtype=float)
        assert found[:, 0].tolist() == list(range(1, len(x) + 1))
        assert set(found[:, 1]) == {7.0}
        expected = (
            x,
            *follow(x, gamma=2.5, beta=-1.0, eps=1e-5, activation=ACTIVATIONS["sigmoid"]),
        )
        np.testing.assert_array_equal(found[:, 2:], np.concatenate(expected, axis=1))
