"""The quiz in a real browser: what it keeps, what it forgets, and the keyboard alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from bn_ui.numbers import number_text
from bn_ui.questions import quiz_names, quiz_questions
from bn_ui.text import LANGUAGES, labels
from tests.browser.driving import HELPERS, go

pytestmark = pytest.mark.browser

STORE = "batch-normalization-quiz"
SEED = 42
PATH = f"/forward?lang=en&quiz_seed={SEED}"
# What is in the browser is the quiz's own again, with a seed.
KEPT = """(() => {
    try {
        const kept = JSON.parse(localStorage.getItem(given));
        return Object.keys(kept).sort().join() === 'right,seed';
    } catch { return false; }
})()"""
ASKED = {asked.name: asked for asked in quiz_questions("forward", SEED, "en")}


class Quiz:
    """The quiz of the forward chapter in a tab."""

    def __init__(self, page: Page, home: str) -> None:
        self.page, self.home = page, home

    def open(self, path: str = PATH) -> Quiz:
        self.page.goto(self.home + path)
        return self.ready()

    def ready(self) -> Quiz:
        self.page.evaluate(HELPERS)
        self.page.locator(".st-key-forward_quiz_clear button").wait_for()
        return self.until("bn.idle()")

    def until(self, condition: str, given: Any = None) -> Quiz:
        self.page.evaluate(
            f"(given) => bn.until(() => ({condition}), {json.dumps(condition)})", given
        )
        return self

    def counts(self, right: int, lang: str = "en") -> Quiz:
        """Until so many are said to be answered right."""
        words = labels(lang)["quiz.progress"].format(right=right, all=len(quiz_names("forward")))
        self.page.get_by_text(words, exact=True).wait_for()
        return self.until("bn.idle()")

    def store(self) -> Any:
        return json.loads(self.page.evaluate("(key) => localStorage.getItem(key)", STORE) or "null")

    def put(self, text: str) -> None:
        self.page.evaluate("([key, text]) => localStorage.setItem(key, text)", [STORE, text])

    def option(self, name: str, option: str) -> Locator:
        words = ASKED[name].words.options[option]
        return self.page.locator(f"[class*=st-key-forward_quiz_{name}] button", has_text=words)

    def seed(self) -> str:
        return self.page.locator(".st-key-quiz_seed_box input").input_value()

    def alerts(self) -> list[str]:
        return self.page.locator("[data-testid=stAlert]").all_inner_texts()


@pytest.fixture
def quiz(tab: Callable[..., tuple[Page, str]]) -> Callable[..., Quiz]:
    """Opens it in a browser of its own, which has kept nothing yet."""
    return lambda path=PATH, **how: Quiz(*tab(**{"locale": "en-US"} | how)).open(path)


def test_progress_survives_a_reload_and_a_visit_elsewhere(quiz: Callable[..., Quiz]):
    it = quiz("/forward?lang=en")
    seed = it.seed()
    it.option("why_m", "this").click()
    it.counts(1)
    it.option("axis", "ten").click()
    it.counts(2)
    assert it.store() == {"seed": int(seed), "right": {"forward": ["why_m", "axis"]}}
    it.page.reload()
    it.ready().counts(2)
    assert it.seed() == seed
    assert "quiz_seed" not in it.page.url
    assert it.alerts() == []
    assert (
        it.page.get_by_text(labels("en")["quiz.solved"], exact=False).count() == 3
    )  # and the count
    it.page.goto(it.home + "/backward?lang=en")
    it.page.locator(".st-key-backward_quiz_clear button").wait_for()
    it.open("/forward?lang=en").counts(2)


def test_a_new_tab_of_the_same_browser_knows_it_too(quiz: Callable[..., Quiz]):
    it = quiz("/forward?lang=en")
    it.option("why_m", "this").click()
    it.counts(1)
    other = Quiz(it.page.context.new_page(), it.home).open("/forward?lang=en").counts(1)
    assert other.seed() == it.seed()
    other.option("axis", "ten").click()
    other.counts(2)
    it.option("constant", "beta").click()
    it.counts(2)
    assert set(it.store()["right"]["forward"]) == {"why_m", "axis", "constant"}


def test_clearing_is_one_click_and_lasts(quiz: Callable[..., Quiz]):
    it = quiz()
    it.option("why_m", "this").click()
    it.counts(1)
    it.page.locator(".st-key-forward_quiz_clear button").click()
    it.counts(0)
    it.until("!localStorage.getItem(given).includes('why_m')", STORE)
    assert it.alerts() == []
    assert it.option("why_m", "this").get_attribute("aria-checked") != "true"
    it.page.reload()
    it.ready().counts(0)
    assert it.store()["right"] == {}


HOSTILE = [
    "",
    "{",
    "null",
    "3",
    "[]",
    '"right"',
    '{"right": 3}',
    '{"right": null, "seed": 7}',
    '{"right": [["forward"]]}',
    '{"right": {"forward": "why_m", "backward": {"two": 1}}, "seed": "<script>"}',
    '{"right": {"forward": [null, 3, {}, "<img src=x onerror=alert(1)>"]}, "seed": 1e300}',
    '{"right": {"__proto__": ["x"], "constructor": ["y"]}, "seed": -5}',
    '{"right": {"forward": ["' + "x" * 100_000 + '"]}}',
]


def test_whatever_is_kept_instead_is_ignored(quiz: Callable[..., Quiz]):
    it = quiz("/forward?lang=en")
    for hostile in HOSTILE:
        it.put(hostile)
        it.page.reload()
        it.ready().counts(0)
        it.until(KEPT, STORE)
    it.put(HOSTILE[-2])
    it.page.reload()
    it.ready().option("why_m", "this").click()
    it.counts(1)
    it.page.reload()
    it.ready().counts(1)
    assert it.store() == {"seed": int(it.seed()), "right": {"forward": ["why_m"]}}


def test_a_browser_that_keeps_nothing(quiz: Callable[..., Quiz]):
    refuse = """for (const name of ['getItem', 'setItem'])
        Storage.prototype[name] = () => { throw new DOMException('no', 'SecurityError'); };"""
    it = quiz(script=f"if (location.protocol.startsWith('http')) {{ {refuse} }}")
    it.option("why_m", "this").click()
    it.counts(1)


ASKS = """window.asked = 0;
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (...what) {
    window.asked += 1;
    return send.apply(this, what);
};"""


def asked(it: Quiz) -> int:
    """How often this page has asked the server for a run, once nothing more comes."""
    it.page.wait_for_timeout(1000)
    return it.page.evaluate("asked")


def test_it_does_not_run_again_and_again(quiz: Callable[..., Quiz]):
    """One answer is one run; what was kept costs one more after a reload, and no second."""
    it = quiz(script=ASKS)
    first = asked(it)
    it.option("why_m", "this").click()
    it.counts(1)
    assert asked(it) == first + 1
    it.page.reload()
    it.ready().counts(1)
    assert asked(it) == first + 1


def test_the_keyboard_alone(quiz: Callable[..., Quiz]):
    it = quiz()
    page, keys = it.page, it.page.keyboard
    page.locator(f".st-key-forward_quiz_order_{SEED}_mu button").focus()
    for n, step in enumerate(ASKED["order"].task.answer, 1):
        go(page, page.locator(f".st-key-forward_quiz_order_{SEED}_{step} button"))
        keys.press("Enter")
        it.until("document.activeElement.innerText.trim().startsWith(given)", "◯①②③④⑤⑥"[n])
    it.counts(1)
    go(page, page.locator(f".st-key-forward_quiz_variance_{SEED} input"))
    keys.type(number_text(ASKED["variance"].task.answer))
    keys.press("Enter")
    it.counts(2)
    go(page, it.option("why_m", "mistake"))
    keys.press("ArrowRight")  # within the options of one question
    keys.press("Enter")
    it.counts(3)
    lines = page.locator(f".st-key-forward_quiz_wrong_line_{SEED} button")
    go(page, lines.first)
    for _ in range(list(ASKED["wrong_line"].task.lines).index(ASKED["wrong_line"].task.answer)):
        keys.press("ArrowRight")
    keys.press("Enter")
    it.counts(4)
    go(page, page.locator(".st-key-forward_quiz_clear button"))
    keys.press("Enter")
    it.counts(0)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_on_a_phone(tab: Callable[..., tuple[Page, str]], lang: str):
    """By touch, without sideways scrolling, and in the other language afterwards."""
    it = Quiz(*tab(phone=True)).open(f"/forward?lang={lang}&quiz_seed={SEED}")
    for n, step in enumerate(ASKED["order"].task.answer, 1):
        button = it.page.locator(f".st-key-forward_quiz_order_{SEED}_{step} button")
        wide = button.bounding_box()["width"]
        button.tap()
        button.get_by_text("◯①②③④⑤⑥"[n]).wait_for()
        assert abs(button.bounding_box()["width"] - wide) < 1
    it.counts(1, lang)
    assert it.page.evaluate(
        "[...document.querySelectorAll('html, [data-testid=stMain]')]"
        ".every((e) => e.scrollWidth <= e.clientWidth)"
    )
    other = next(name for name in LANGUAGES if name != lang)
    it.page.locator(".st-key-lang button", has_text=LANGUAGES[other]).tap()
    it.counts(1, other)
    found = it.page.locator("[data-testid=stAlert]").last.inner_text()
    asked = {question.name: question for question in quiz_questions("forward", SEED, other)}
    assert asked["order"].words.why in found
    it.page.locator(".st-key-forward_quiz_clear button").tap()
    it.counts(0, other)
