"""Worksheet and answer key: the core's numbers, no answer on the blank one, and sound HTML."""

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from bn_core import backward_train, forward_train
from bn_core.derivation import BACKWARD, FORWARD
from bn_ui import small_batch, url, worksheet
from bn_ui.mathml import mathml
from bn_ui.small_batch import PRESETS, UPSTREAMS
from bn_ui.step_player.formulas import plain
from bn_ui.text import LANGUAGES, labels
from bn_ui.worksheet import Sheet, page, sheet
from tests.ui.test_small_batch import state  # noqa: F401 (fixture)

VOID = {"meta", "br"}
pytestmark = pytest.mark.usefixtures("state")


class Document(HTMLParser):
    """Checks that every element is closed in order; gathers tables, texts and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag == "td" and "tbody" in self.open:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text.append(data)
        if "td" in self.open and "tbody" in self.open:
            self.tables[-1][-1][-1] += data


RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read_number(text: str) -> float:
    """−1.2, 3×10⁻⁵ or 10⁻⁵."""
    plain_text = text.replace("−", "-").replace("×10", "e")
    plain_text = re.sub("^(-?)10(?=[⁻⁰-⁹¹²³])", r"\g<1>1e", plain_text)
    return float(plain_text.translate(RAISED))


def numbers(table: list[list[str]]) -> np.ndarray:
    return np.array([[read_number(text) for text in row] for row in table[1:]])


def printed(**fields: Any) -> Sheet:
    for key, now in fields.items():
        field = next(f for f in small_batch.BACKWARD_BATCH if f.key == f"batch_{key}")
        url.assign(field, now)
    return sheet(small_batch.read())


BATCHES = [{}, *({"dy_from": name} for name in UPSTREAMS if name != "target")]
SIZES = [{"x": "7"}, {"x": "1,2\n3,5"}, {"x": "\n".join(["1,2,3,4.5", "9,-7,0.3,2e5"] * 4)}]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("fields", [*BATCHES, *SIZES], ids=str)
def test_the_key_has_the_cores_numbers(lang: str, fields: dict[str, Any]):
    s = printed(**fields)
    tables = Document(page(s, lang, answers=True)).tables
    b = s.batch
    fwd = forward_train(b.x, b.gamma, b.beta, eps=b.eps)
    grads = backward_train(s.dy, fwd)
    answers = [fwd.mu, fwd.var, fwd.x_hat, fwd.y]
    if s.source in ("target", "x_hat"):
        answers.append(s.dy)
    answers += [grads.dx_hat, grads.dvar, grads.dmu, grads.dx, grads.dgamma, grads.dbeta]
    for wanted, table in zip(answers, tables[-len(answers) :], strict=True):
        scale = max(1e-12 * np.abs(s.values["x"]).max(), 1e-9 * np.abs(wanted).max())
        np.testing.assert_allclose(numbers(table), np.atleast_2d(wanted), rtol=5.1e-4, atol=scale)
    np.testing.assert_allclose(numbers(tables[0]), b.x, rtol=1e-11)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("fields", [*BATCHES, *SIZES], ids=str)
def test_the_worksheet_has_the_same_cells_all_blank(lang: str, fields: dict[str, Any]):
    s = printed(**fields)
    blank, key = (Document(page(s, lang, answers=answers)) for answers in (False, True))
    assert len(blank.tables) == len(key.tables)
    start = 3 if s.source == "x_hat" else 4  # x, γ, β, and t or ∂y, which are given
    assert blank.tables[:start] == key.tables[:start]
    for empty, full in zip(blank.tables[start:], key.tables[start:], strict=True):
        assert [len(row) for row in empty] == [len(row) for row in full]
        assert not any(text for row in empty for text in row)
        assert all(text for row in full[1:] for text in row)


@pytest.mark.parametrize("name", UPSTREAMS)
def test_no_answer_stands_on_the_worksheet(name: str):
    """Not in a formula, an attribute or a comment either."""
    s = printed(x="1.37, 40.3\n0.41, 55.9\n2.93, 38.8", gamma="1.53, 0.87", dy_from=name)
    html = page(s, "en", answers=False)
    given = {text for table in Document(html).tables for row in table for text in row}
    key = Document(page(s, "en", answers=True))
    answers = {text for table in key.tables for row in table for text in row} - given
    answers = {text for text in answers if len(text) > 3}
    assert len(answers) > 10
    assert not [text for text in answers if text in html or text.replace("−", "-") in html]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("answers", [False, True])
def test_it_is_one_file_that_runs_nothing(lang: str, answers: bool):
    html = page(printed(), lang, answers=answers)
    document = Document(html)
    tags = {tag for tag, _ in document.seen}
    assert not tags & {"script", "img", "link", "iframe", "object", "base", "form"}
    for _, attributes in document.seen:
        assert not {"src", "href", "style"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    addresses = set(re.findall(r"https?://[^\"'\s]+", html))
    assert addresses == {"http://www.w3.org/1998/Math/MathML"}
    assert "url(" not in html
    assert "@import" not in html
    assert html.startswith("<!DOCTYPE html>")
    assert f'lang="{"zh-CN" if lang == "zh" else lang}"' in html
    assert "size: A4" in html
    words = labels(lang)
    said = " ".join(document.text)
    assert words[f"worksheet.title_{'key' if answers else 'sheet'}"] in said
    assert "{" not in said


@pytest.mark.parametrize("preset", PRESETS)
def test_both_pages_carry_the_same_code_and_other_batches_another(preset: str):
    before = printed()
    for field, now in PRESETS[preset].items():
        url.assign(field, now)
    s = sheet(small_batch.read())
    for lang in LANGUAGES:
        for answers in (False, True):
            assert s.code in " ".join(Document(page(s, lang, answers=answers)).text)
            assert s.code in worksheet.filename(s, lang, answers=answers)
    assert re.fullmatch("[0-9A-F]{6}", s.code)
    assert s.code != before.code
    assert sheet(small_batch.read()).code == s.code


def test_a_seed_is_printed_where_numbers_were_drawn_with_it():
    said = " ".join(Document(page(printed(dy_from="random", seed=41), "en", answers=False)).text)
    assert "seed 41" in said
    assert "seed" not in " ".join(
        Document(page(printed(dy_from="target"), "en", answers=False)).text
    )
    codes = {printed(dy_from="random", seed=seed).code for seed in range(5)}
    assert len(codes) == 5


def test_what_was_drawn_is_used_as_it_is_printed():
    s = printed(dy_from="random", seed=3)
    tables = Document(page(s, "en", answers=True)).tables
    np.testing.assert_array_equal(numbers(tables[1]), s.dy)


class TestMathML:
    @pytest.mark.parametrize("formula", [*FORWARD, *BACKWARD], ids=lambda f: f.name)
    def test_every_formula_of_the_derivation(self, formula: Any):
        Document(mathml(plain(formula.whole), block=True))

    def test_what_it_looks_like(self):
        found = mathml(r"\sigma^2_k = \frac{1}{m} \sum_{i=1}^{m} (x_{ik})^{-3/2}")
        assert "<msubsup><mi>σ</mi><mrow><mn>2</mn></mrow>" not in found
        assert "<msubsup><mi>σ</mi><mi>k</mi><mn>2</mn></msubsup>" in found
        assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>m</mi></mrow></mfrac>" in found
        assert "<munderover>" in found

    def test_limits_are_for_a_sum_and_not_for_what_has_one_inside(self):
        found = mathml(r"{(\sum_{i=1}^{m} x)}_k^2")
        assert found.count("<munderover>") == 1
        assert found.count("<msubsup>") == 1

    @pytest.mark.parametrize("tex", [r"\unknown{x}", "{x", "x}", "x_", "<b>", "&"])
    def test_what_it_does_not_know_is_refused(self, tex: str):
        with pytest.raises(ValueError, match=r"LaTeX|brace|argument"):
            mathml(tex)
