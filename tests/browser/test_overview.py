"""The front door: numbers under the finger, and progress that another visit has left."""

from collections.abc import Callable

import numpy as np
import pytest

from bn_ui.batches import first_layer
from bn_ui.figures import overview as figures
from bn_ui.questions import quiz_names
from bn_ui.text import LANGUAGES
from tests.browser.driving import Lab

pytestmark = pytest.mark.browser

NUMBERS = """() => [...document.querySelectorAll('.bn-figure')][0]
    .querySelectorAll('.textpoint text')"""
TEXTS = f"() => [...({NUMBERS})()].map((e) => Number(e.textContent.replace('−', '-')))"


def test_the_first_numbers_follow_the_bias_until_bn(lab: Callable[..., Lab]):
    """Text beside the curves is redrawn with them: x moves with b, what BN puts out does not."""
    tab = lab("/?lang=en")
    before = np.array(tab.page.evaluate(TEXTS)).reshape(3, figures.FIRST)
    tab.drag("over_b", 0.5, 0.7, release=False)
    tab.until("bn.root().dataset.shown.includes('over_b')")
    tab.next_frame()
    bias = figures.BIASES[tab.at("over_b")]
    after = np.array(tab.page.evaluate(TEXTS)).reshape(3, figures.FIRST)
    assert tab.sent() == 0
    x = 8 * first_layer.__wrapped__("digits", 2).x[: figures.FIRST, 0]
    np.testing.assert_allclose(before[0], x, atol=6e-4)
    np.testing.assert_allclose(after[0], x + bias, atol=6e-4)
    np.testing.assert_array_equal(after[1:], before[1:])
    tab.page.mouse.up()
    tab.settle()
    assert float(tab.query()["over_b"]) == bias


@pytest.mark.parametrize("lang", LANGUAGES)
def test_progress_of_an_earlier_visit_is_on_the_map(lab: Callable[..., Lab], lang: str):
    name = quiz_names("forward")[0]
    kept = f'{{"seed": 1, "right": {{"forward": ["{name}"]}}}}'
    script = f"localStorage.setItem('batch-normalization-quiz', '{kept}')"
    tab = lab(f"/overview?lang={lang}", script=script)
    tab.until("[...document.querySelectorAll('[data-testid=stCaptionContainer]')]"
              ".some((e) => e.innerText.startsWith('●○'))")  # fmt: skip
    link = tab.page.locator("[data-testid=stPageLink] a[href*=forward]").first
    assert ("lang=zh" in link.get_attribute("href")) == (lang == "zh")
