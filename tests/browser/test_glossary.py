"""From a word in a chapter to what it means, and nothing lost on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bn_ui.text import glossary
from tests.browser.driving import Lab

pytestmark = pytest.mark.browser

WORD = '.stMarkdown a[href*="term=mini_batch"]'
LOOKS = """(link) => {
    const [mine, around] = [link, link.parentElement].map((element) => getComputedStyle(element));
    return [mine.color === around.color, mine.textDecorationLine, mine.textDecorationStyle];
}"""


@pytest.mark.parametrize("on_phone", [False, True])
def test_a_word_leads_to_its_entry(lab: Callable[..., Lab], on_phone: bool):
    """In a tab of its own, in sight, in this language; by the keyboard where there is one."""
    at = lab("/distributions?lang=zh&dist_gamma=2", phone=on_phone)
    word = at.page.locator(WORD).first
    term = glossary()["mini_batch"]
    assert word.get_attribute("title") == term.says["zh"]
    assert word.evaluate(LOOKS) == [True, "underline", "dotted"]
    before = at.page.url
    with at.page.context.expect_page() as opened:
        if on_phone:
            word.tap()
        else:
            word.press("Enter")
    entry = opened.value.locator(".bn-chosen")
    entry.get_by_text(term.says["zh"]).wait_for()
    box, size = entry.bounding_box(), opened.value.viewport_size
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= size["height"]
    assert opened.value.evaluate("document.documentElement.scrollWidth") == size["width"]
    assert entry.locator("dt").evaluate_all("all => all.map((dt) => dt.lang)") == ["zh-CN", "en"]
    opened.value.close()
    assert at.page.url == before
