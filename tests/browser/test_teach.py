"""From the Teach page to a link, its QR code and printed paper, in few clicks."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page

from bn_ui.lesson_link import preset_batch
from bn_ui.text import LANGUAGES, labels
from tests.browser.driving import HELPERS
from tests.browser.player import Player
from tests.browser.serving import Server

pytestmark = pytest.mark.browser
MOST_CLICKS = 8


class Teacher:
    """Somebody at the Teach page, whose clicks are counted."""

    def __init__(self, page: Page, home: str, lang: str) -> None:
        self.page, self.home, self.words = page, home, labels(lang)
        self.clicks = 0

    def open(self, path: str) -> "Teacher":
        self.page.goto(self.home + path)
        self.page.evaluate(HELPERS)
        self.link_box().wait_for()
        return self

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def select(self, key: str, option: str) -> None:
        self.click(
            self.page.locator(f".st-key-{key} [data-baseweb=select], .st-key-{key} input").first
        )
        self.click(self.page.get_by_role("option", name=option, exact=True))

    def link_box(self) -> Locator:
        return self.page.locator(".st-key-teach_lesson_copy_link input")

    def link(self) -> str:
        return self.link_box().input_value()

    def until_link(self, condition: str, given: Any = None) -> None:
        """Wait for the shown link (``link`` in the condition)."""
        box = "document.querySelector('.st-key-teach_lesson_copy_link input')"
        self.page.evaluate(
            f"(given) => bn.until(() => {{ const link = {box}?.value ?? ''; return {condition}; }},"
            f" {json.dumps(condition)})",
            given,
        )

    def download(self, key: str, folder: Path) -> Path:
        with self.page.expect_download() as found:
            self.click(self.page.locator(f".st-key-{key} button"))
        path = folder / found.value.suggested_filename
        found.value.save_as(path)
        return path


def scanned(picture: Locator) -> str:
    """What a phone reads from the picture on the screen."""
    picture.scroll_into_view_if_needed()
    image = Image.open(io.BytesIO(picture.screenshot())).convert("L")
    (found,) = zxingcpp.read_barcodes(image)
    return found.text


TEXT = "document.querySelector('[data-testid=stMain]').innerText"


def seen(there: Player, last: str) -> dict[str, Any]:
    """All that a reader of a step by step chapter sees, once its ``last`` words are there."""
    page = there.page
    page.locator("[data-testid=stMain]").get_by_text(last).first.wait_for()
    there.ready()
    return {
        "text": page.evaluate(f"bn.still(() => {TEXT}, bn.idle)"),
        "query": sorted(parse_qsl(urlsplit(page.url).query)),
        "boxes": page.locator("textarea, input:not([type=range])").evaluate_all(
            "all => all.map((box) => box.value)"
        ),
    }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_link_qr_code_and_worksheet(
    tab: Callable[..., tuple[Page, str]],
    player: Callable[..., Player],
    new_context: Callable[..., BrowserContext],
    lang: str,
    tmp_path: Path,
):
    teacher = Teacher(*tab(accept_downloads=True), lang).open(f"/teach?lang={lang}")
    teacher.select("teach_chapter", teacher.words["chapters.backward"])
    teacher.until_link("link.includes('/backward?')")
    teacher.click(teacher.page.locator(".st-key-batch_round button"))
    teacher.until_link("link.includes('batch_x=')")
    # Otherwise every browser draws quiz numbers of its own.
    teacher.click(teacher.page.locator(".st-key-teach_same_quiz label").last)
    teacher.until_link("link.includes('quiz_seed=0')")
    teacher.click(teacher.page.locator(".st-key-teach_lesson_qr label").last)
    code = teacher.page.locator("[data-testid=stImage] img, [data-testid=stImageContainer] img")
    code.first.wait_for()
    link = teacher.link()
    assert scanned(code.first) == link
    sheet = teacher.download("teach_worksheet", tmp_path)
    key = teacher.download("teach_key", tmp_path)
    assert teacher.clicks <= MOST_CLICKS

    found = dict(parse_qsl(urlsplit(link).query))
    assert found == {"lang": lang, "quiz_seed": "0", "v": "1", **preset_batch("backward", "round")}
    (code_of_batch,) = re.findall("[0-9A-F]{6}", sheet.name)
    assert code_of_batch in key.name
    assert code_of_batch in teacher.page.locator("[data-testid=stMain]").inner_text()
    paper = new_context().new_page()
    for path in (sheet, key):
        paper.goto(path.as_uri())
        assert code_of_batch in paper.locator(".identity").inner_text()
        pages = re.findall(rb"/Type\s*/Page\b", paper.pdf(prefer_css_page_size=True))
        assert len(pages) == 2

    path = link.removeprefix(teacher.home)
    last = "Kratzert"
    warm = seen(player(path, locale="en-US"), last)  # a tab of its own: nothing answered in it
    with Server(["-m", "streamlit", "run", "app.py"]) as fresh:
        cold = player(path, at=fresh, locale="en-US")
        assert seen(cold, last) == warm
    assert labels(lang)["chapters.backward"] in warm["text"]


def test_the_preview_shows_the_lesson(tab: Callable[..., tuple[Page, str]]):
    teacher = Teacher(*tab(), "en").open("/teach?lang=en")
    teacher.click(teacher.page.locator(".st-key-teach_preview label").last)
    title = teacher.page.frame_locator("iframe").locator("h1")
    title.wait_for()
    assert title.inner_text() == labels("en")["chapters.forward"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_projection_shows_the_class_the_hands_and_nothing_else(
    tab: Callable[..., tuple[Page, str]], lang: str
):
    page, home = tab()
    words = labels(lang)
    page.goto(f"{home}/teach?lang={lang}&present=1")
    page.locator(".bn-live svg").first.wait_for()
    page.get_by_role("heading", name=words["teach.hands_title"]).wait_for()
    assert page.locator("h2:visible").all_inner_texts() == [words["teach.hands_title"]]
    for key in ("teach_chapter", "teach_plan", "teach_key_of", "teach_reset"):
        assert page.locator(f".st-key-{key}:visible").count() == 0, key
    first = page.locator(".st-key-teach_hands_1 input")
    first.fill("12")
    first.press("Enter")
    page.locator(".bn-live svg").get_by_text("12", exact=True).wait_for()


@pytest.mark.parametrize("plan", ["90", "phone"])
def test_no_sideways_scrolling_on_a_phone(tab: Callable[..., tuple[Page, str]], plan: str):
    teacher = Teacher(*tab(phone=True), "zh").open(f"/teach?lang=zh&teach_plan={plan}")
    teacher.page.locator(".bn-live svg").first.wait_for()
    assert teacher.page.evaluate("document.documentElement.scrollWidth") == 390
