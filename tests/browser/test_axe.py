"""axe-core finds nothing serious on any page, in any language and theme.

New chapters are covered by their row in ``CHAPTERS``: what is here asks for no page by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from bn_ui.chapters import CHAPTERS, LESSONS
from bn_ui.palette import BACKGROUNDS
from bn_ui.questions import quiz_questions
from bn_ui.step_player.lesson import LEVELS
from bn_ui.text import labels
from tests.browser.driving import HELPERS

pytestmark = pytest.mark.browser

Theme = Literal["light", "dark"]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
GRAVE = ("serious", "critical")
TOO = ("heading-order", "empty-heading")  # less than serious for axe, but not for us
# At rest: every part drawn, and nothing more has come for twenty frames.
DRAWN = """(() => {
    const all = (selector, holds) => [...document.querySelectorAll(selector)].every(holds);
    const size = document.body.innerHTML.length;
    const calm = bn.idle()
        && size === window.axeSize
        && document.querySelector('[data-testid=stMain] h1')
        && document.documentElement.lang.startsWith(given)
        && all('[data-testid=stBidiComponentRegular]', (c) => c.querySelector('[class^=bn-]'))
        && all('.bn-live', (c) => c.dataset.pictures > 0)
        && all('.bn-step', (s) => s.querySelector('.bn-general .katex'));
    window.axeFrames = calm ? (window.axeFrames ?? 0) + 1 : 0;
    window.axeSize = size;
    return window.axeFrames >= 20;
})()"""
PAINTED = """(() => {
    const probe = document.createElement('i');
    probe.style.color = given;
    document.body.append(probe);
    const wanted = getComputedStyle(probe).color;
    probe.remove();
    const page = document.querySelector('[data-testid=stApp]');
    return getComputedStyle(page).backgroundColor === wanted
        && [...document.querySelectorAll('.bn-figure')]
            .every((figure) => figure.layout?.paper_bgcolor === given);
})()"""


@dataclass(frozen=True)
class Allowed:
    """A violation that Streamlit causes and that nothing can be set against.

    rule : axe's name for it
    element : a selector that the element itself must match
    widths : of the screens on which it is found
    """

    rule: str
    element: str
    widths: tuple[int, ...]
    reason: str


ALLOWED = (
    Allowed(
        "list",
        "ul[data-testid=stSidebarNavItems]",
        (390,),
        "Below 768 px Streamlit puts the menu into a sidebar, where each section is a <div> in the"
        " <ul>. Without sections it is a plain list, but the book has sections.",
    ),
    Allowed(
        "listitem",
        "ul[data-testid=stSidebarNavItems] li",
        (390,),
        "The same <div> from below: its <li> have no list as their parent.",
    ),
)


def violations(page: Page) -> list[dict[str, Any]]:
    """What axe finds, an element each: rule, impact, selector, whether it is an entry."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    return page.evaluate(
        """async (allowed) => {
            const { violations } = await axe.run(document, {
                resultTypes: ['violations'], elementRef: true,
            });
            return violations.flatMap(({ id, impact, nodes }) => nodes.map((node) => ({
                rule: id,
                impact,
                element: node.target.join(' '),
                html: node.html.slice(0, 160),
                why: node.failureSummary,
                allowed: allowed.findIndex(
                    ([rule, selector]) => rule === id && node.element?.matches(selector)),
            })));
        }""",
        [[entry.rule, entry.element] for entry in ALLOWED],
    )


class Look:
    """One visit to a page: each ``check`` is of the state that it is in."""

    def __init__(self, page: Page, home: str) -> None:
        self.page, self.home = page, home
        self.lang = ""  # whatever the page speaks that somebody else has opened

    def open(self, chapter: str, lang: str, query: str = "") -> None:
        self.lang, self.chapter = lang, chapter
        self.page.goto(f"{self.home}/{chapter}?lang={lang}{query}")
        self.page.evaluate(HELPERS)
        self.settle()

    def until(self, condition: str, given: Any = None) -> None:
        self.page.evaluate(
            f"(given) => bn.until(() => ({condition}), {json.dumps(condition)})", given
        )

    def settle(self) -> None:
        self.until(DRAWN, self.lang)

    def wear(self, theme: Theme) -> None:
        self.page.emulate_media(color_scheme=theme)
        self.until(PAINTED, BACKGROUNDS[theme])

    def own_numbers_with_an_error(self) -> None:
        """Where the chapter has a box for them."""
        box = self.page.locator("[data-testid=stMain] textarea").first
        if not box.count():
            return
        box.fill("1, two\n3")
        box.press("Control+Enter")
        self.page.locator("[data-testid=stAlert]").first.wait_for()
        self.settle()

    def open_link(self) -> None:
        """The popover with the link of this screen, its QR code shown."""
        words = labels(self.lang)
        self.page.get_by_role("button", name=words["frame.link"], exact=True).click()
        popover = self.page.get_by_test_id("stPopoverBody")
        popover.get_by_text(words["frame.show_qr"]).click()
        popover.get_by_test_id("stImage").wait_for()
        self.settle()

    def open_code(self) -> None:
        self.page.locator(f".st-key-{self.chapter}_code summary").click()
        self.page.locator("[data-testid=stCode] .token").first.wait_for()
        self.settle()

    def answer_quiz(self) -> None:
        """The first answer to everything that has options: right to some, wrong to others."""
        for question in quiz_questions(self.chapter, 0, self.lang):
            if question.kind in ("choice", "line"):
                place = f"[class*=st-key-{self.chapter}_quiz_{question.name}] button"
                self.page.locator(place).first.click()
                self.settle()

    def check(self, state: str) -> None:
        """On a screen that shows the page as a whole: axe does not see the contrast of what is
        scrolled out of a box, and Streamlit scrolls a box."""
        size = self.page.viewport_size
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        self.page.set_viewport_size({"width": size["width"], "height": height + 100})
        self.settle()
        found = violations(self.page)
        self.page.set_viewport_size(size)
        grave = [
            f"{entry['rule']} ({entry['impact']}): {entry['element']}\n  {entry['html']}\n"
            f"  {entry['why']}"
            for entry in found
            if entry["allowed"] < 0 and (entry["impact"] in GRAVE or entry["rule"] in TOO)
        ]
        assert not grave, f"{state}:\n" + "\n".join(grave)
        width = self.page.viewport_size["width"]
        expected = {n for n, entry in enumerate(ALLOWED) if width in entry.widths}
        met = {entry["allowed"] for entry in found} - {-1}
        assert met == expected, "ALLOWED holds what does not occur, or occurs elsewhere"


@pytest.fixture
def look(tab: Callable[..., tuple[Page, str]]) -> Callable[..., Look]:
    return lambda **how: Look(*tab(**how))


NAMES = [chapter.name for chapter in CHAPTERS]
REVEALED = "&revealed=1"
# Links to what a chapter has besides: a box for one's own numbers, everything left to practise.
MORE = {
    "distributions": "&dist_source=own",
    "scale_shift": "&scale_solved=1",
    "forward": f"&fwd_practice={LEVELS[-1]}",
    "backward": f"&bwd_practice={LEVELS[-1]}",
}


# Words differ by language and contrasts by theme: each is met with all of a page once.
@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("zh", "dark")])
@pytest.mark.parametrize("chapter", NAMES)
def test_page(look: Callable[..., Look], chapter: str, lang: str, theme: Theme):
    """Predictions uncovered, code open, questions answered."""
    at = look(theme=theme)
    at.open(chapter, lang, f"{REVEALED}&quiz_seed=0")
    at.wear(theme)
    if chapter in [lesson.name for lesson in LESSONS]:
        at.open_code()
        if theme == "light" or chapter in MORE:  # what is said to an answer looks alike everywhere
            at.answer_quiz()
    at.check(theme)


@pytest.mark.parametrize("chapter", MORE)
def test_states(look: Callable[..., Look], chapter: str):
    """What a chapter has besides; and the popover with the link, which is the same in all."""
    at = look()
    at.open(chapter, "zh", REVEALED + MORE[chapter])
    at.own_numbers_with_an_error()
    at.open_link()
    at.check("numbers that cannot be read, link open")


@pytest.mark.parametrize("chapter", NAMES)
def test_projector(look: Callable[..., Look], chapter: str):
    """Predictions covered."""
    at = look(theme="dark")
    at.open(chapter, "en", "&present=1")
    at.check("projector mode")


@pytest.mark.parametrize("chapter", NAMES)
def test_phone(look: Callable[..., Look], chapter: str):
    at = look(phone=True)
    at.open(chapter, "en", REVEALED)
    at.check("phone")


def test_menu_on_the_phone(look: Callable[..., Look]):
    """The same in all chapters."""
    at = look(phone=True)
    at.open(NAMES[-1], "zh")
    at.page.get_by_test_id("stExpandSidebarButton").click()
    at.page.get_by_test_id("stSidebarNavLink").first.wait_for()
    try:
        at.check("menu on the phone")
    finally:  # Streamlit remembers in the browser whether it is open
        at.page.locator("[data-testid=stSidebarCollapseButton] button").click()


def test_axe_itself_finds_something(look: Callable[..., Look]):
    """Otherwise everything above would pass whatever the pages are like."""
    at = look()
    at.open(NAMES[0], "en")
    at.until("document.querySelector('.bn-figure[aria-label]')")
    at.page.evaluate("document.querySelector('.bn-figure').removeAttribute('aria-label')")
    with pytest.raises(AssertionError, match="role-img-alt"):
        at.check("without its alt")
