"""The glossary, and the marks in the prose that lead to it and from chapter to chapter."""

import re
from collections import Counter
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from bn_ui.chapters import CHAPTERS, LESSONS
from bn_ui.glossary import at_work, found
from bn_ui.text import LANGUAGES, MARK, TO_CHAPTER, glossary, labels, marked_term, sections
from tests.first_uses import first_uses, prose_of, unmarked, uses, with_marks
from tests.page_definitions import definitions
from tests.ui.test_distributions import checked, shared_link
from tests.ui.test_small_batch import arrived, press

PAGE = definitions("glossary")
NAMES = [chapter.name for chapter in CHAPTERS]
LINK = re.compile(r"(?<=\]\()[\w./]+\?[^) ]+")


def opened(**query: Any) -> AppTest:
    return arrived("glossary", **query)


def listed(app: AppTest) -> str:
    """The lists of the page, as HTML."""
    return "".join(e.proto.body for e in app.get("html") if e.proto.body.startswith("<dl"))


def names_listed(app: AppTest, lang: str) -> list[str]:
    tag = {"zh": "zh-CN", "en": "en"}[lang]
    names = re.findall(rf'<dt lang="{tag}">(.*?)</dt>', listed(app))
    return [unescape(re.sub(r"<span.*|<[^>]+>", "", name)).strip() for name in names]


def plain(markdown: str) -> str:
    """Without marks and links."""
    return re.sub(r'\[([^][]*)]\([^ )]+(?: "[^"]*")?\)', r"\1", unmarked(markdown))


# ---- the data ----------------------------------------------------------------------------------


def test_words_mean_one_term():
    for lang in LANGUAGES:
        words = Counter(w.casefold() for term in glossary().values() for w in term.words[lang])
        assert not [word for word, times in words.items() if times > 1]


@pytest.mark.parametrize("term", glossary().values(), ids=lambda term: term.name)
def test_an_entry(term):
    """It can be the title of a link, and says something in every language."""
    for lang in LANGUAGES:
        assert term.words[lang][0]
        assert 8 <= len(term.says[lang]) <= 240
        assert term.says[lang].endswith((".", "。"))
        assert not re.search(r"[\"\n$\\]", term.says[lang])
        assert f"glossary_themes.{term.theme}" in labels(lang)
    assert set(term.chapters) <= {chapter.name for chapter in LESSONS}


def test_the_words_of_the_curriculum_are_there():
    """Both languages' names, as it has them."""
    words = {lang: {w for t in glossary().values() for w in t.words[lang]} for lang in LANGUAGES}
    for english, chinese in (
        ("batch normalization", "批量归一化"),
        ("layer normalization", "层归一化"),
        ("instance normalization", "实例归一化"),
        ("group normalization", "组归一化"),
        ("mini-batch", "小批量"),
        ("batch size", "批量大小"),
        ("standardization", "标准化"),
        ("affine transformation", "仿射变换"),
        ("scale parameter", "缩放参数"),
        ("shift parameter", "偏移参数"),
        ("exponential moving average", "指数移动平均"),
        ("training mode", "训练模式"),
        ("inference mode", "推理模式"),
        ("internal covariate shift", "内部协变量偏移"),
        ("whitening", "白化"),
        ("activation function", "激活函数"),
        ("activation", "激活值"),
        ("pre-activation", "预激活值"),
        ("fully connected layer", "全连接层"),
        ("saturated region", "饱和区"),
        ("identity mapping", "恒等映射"),
        ("bias", "偏置"),
        ("biased", "有偏估计"),
        ("unbiased", "无偏估计"),
        ("upstream gradient", "上游梯度"),
        ("chain rule", "链式法则"),
        ("computational graph", "计算图"),
        ("Jacobian matrix", "雅可比矩阵"),
        ("rank", "秩"),
        ("eigenvalue", "特征值"),
        ("gradient check", "梯度检验"),
        ("central difference", "中心差分"),
        ("detach", "截断梯度"),
        ("round-off error", "舍入误差"),
        ("truncation error", "截断误差"),
        ("learning rate", "学习率"),
        ("weight decay", "权重衰减"),
        ("dropout", "暂退法"),
        ("vanishing gradient", "梯度消失"),
        ("exploding gradient", "梯度爆炸"),
        ("overfitting", "过拟合"),
        ("divergence", "发散"),
        ("skewness", "偏度"),
        ("percentile", "百分位数"),
        ("condition number", "条件数"),
        ("fold", "融合"),
        ("random seed", "随机种子"),
    ):
        assert english in words["en"], english
        assert chinese in words["zh"], chinese
        by_english = {w: t.name for t in glossary().values() for w in t.words["en"]}
        by_chinese = {w: t.name for t in glossary().values() for w in t.words["zh"]}
        assert by_english[english] == by_chinese[chinese]


# ---- marks in the prose ------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("chapter", NAMES)
class TestMarks:
    def test_every_mark_has_its_term(self, chapter: str, lang: str):
        text = prose_of(lang, chapter)
        for mark in MARK.finditer(text):
            try:
                marked_term(mark, lang)
            except KeyError:
                pytest.fail(f"content/{lang}/{chapter}.md: no term for {mark[0]}")
        assert text.count("[[") == len(MARK.findall(text)), "a mark that is none"

    def test_the_first_use_of_every_term_is_marked(self, chapter: str, lang: str):
        text = prose_of(lang, chapter)
        missing = [use for use in first_uses(text, lang) if not use.marked]
        assert not missing, (
            f"content/{lang}/{chapter}.md: first uses that are not marked"
            f" (`python -m tests.first_uses {chapter}` marks them):\n"
            + "\n".join(
                f"  [[{text[u.start : u.end]}]]  in …{text[max(u.start - 30, 0) : u.end + 20]!r}…"
                for u in missing
            )
        )

    def test_no_term_is_marked_twice(self, chapter: str, lang: str):
        times = Counter(use.term for use in uses(prose_of(lang, chapter), lang) if use.marked)
        twice = [term for term, count in times.items() if count > 1]
        assert not twice, f"content/{lang}/{chapter}.md"

    def test_links_lead_to_other_chapters(self, chapter: str, lang: str):
        text = prose_of(lang, chapter)
        targets = TO_CHAPTER.findall(text)
        assert set(targets) <= set(NAMES) - {chapter}
        assert text.count("chapter:") == len(targets), "a link to a chapter that is none"
        other = next(each for each in LANGUAGES if each != lang)
        assert sorted(targets) == sorted(TO_CHAPTER.findall(prose_of(other, chapter)))

    def test_what_becomes_of_them(self, chapter: str, lang: str):
        """Every link opens a page in this language; and bold type is not lost between Chinese
        characters, where Markdown wants none of its signs beside a bracket."""
        for mode in ({}, {"present": "1", "hide": "-"}):
            app = arrived(chapter, lang=lang, revealed="1", **mode)
            shown = [m.value for m in app.markdown]
            assert not [text for text in shown if "[[" in text and "$" not in text]
            assert not [text for text in shown if "chapter:" in text]
            for text in shown:
                assert not re.search(r"[\w]\*\*\[|\)\*\*\w", text) or lang == "en", text
                for address in LINK.findall(text):
                    asked = dict(parse_qsl(urlsplit(address).query))
                    assert asked["lang"] == lang
                    if not address.startswith(("http", "/")):
                        assert {k: asked[k] for k in mode} == mode
                        assert urlsplit(address).path in NAMES


@pytest.mark.parametrize("chapter", [c.name for c in CHAPTERS if c.name != "teach"])
def test_prose_stands_in_the_file_as_on_the_page(chapter: str):
    """... so that the first use in the file is the first that a reader meets."""
    app = arrived(chapter, lang="en", revealed="1")
    shown = plain("\n".join(m.value for m in app.markdown))
    starts = [plain(text)[:60] for text in sections("en", chapter).values()]
    places = [place for start in starts if (place := shown.find(start)) >= 0]
    assert places
    assert places == sorted(places)


def test_the_scan_itself():
    text = (
        "# training loss\nThe `loss` and $\\gamma$, a [loss](x), “a loss”, then the training loss;"
        " γ, a mini-batch of\nsize 2 and a batch\nsize. ∂σ², x̂γ, σ²_run, glosses; loss"
    )
    named = [use.term for use in first_uses(text, "en")]
    assert named == ["loss", "scale_parameter", "mini_batch", "batch_size"]
    marked = with_marks(text, "en")
    assert re.findall(r"\[\[(.*?)]]", marked, flags=re.S) == [
        "training loss",
        "γ",
        "mini-batch",
        "batch\nsize",
    ]
    assert with_marks(marked, "en") == marked
    assert with_marks("用**小批量**来算", "zh") == "用[[**小批量**]]来算"
    assert [use.marked for use in uses("[[消失|vanishing_gradient]]，梯度消失", "zh")] == [
        True,
        False,
    ]


# ---- the page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_all_terms_in_both_languages(lang: str):
    app = opened(lang=lang)
    for shown in LANGUAGES:
        wanted = [term.words[shown][0] for term in glossary().values()]
        assert names_listed(app, shown) == wanted
    for term in glossary().values():
        for says in term.says.values():
            assert says in unescape(listed(app))
    first = re.search(r'<dt lang="([\w-]+)"', listed(app))[1]
    assert first.startswith(lang), "the page's own language comes first"


def test_a_term_leads_to_the_chapters_where_it_is_at_work():
    assert {"training", "inference"} <= set(at_work()["running_statistics"])
    assert "distributions" in at_work()["saturated_region"]
    html = unescape(listed(opened(lang="zh", term="running_statistics")))
    entry = html[: html.index("</dl>")]
    targets = re.findall(r'<a href="(\w+)\?lang=zh" target="_blank">', entry)
    assert targets == list(at_work()["running_statistics"])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_link_opens_its_term(lang: str):
    app = opened(lang=lang, term="saturated_region")
    (chosen,) = re.findall(r'<dl class="bn-terms bn-chosen">.*?</dl>', listed(app))
    assert glossary()["saturated_region"].says[lang] in unescape(chosen)
    assert listed(app).startswith(chosen), "before all others"
    assert dict(app.query_params)["term"] == "saturated_region"
    assert "term=saturated_region" in shared_link(app)
    press(app, "glossary_reset")
    assert "bn-chosen" not in listed(app)


def test_terms_are_found_in_both_languages():
    app = opened(lang="en")
    for asked, name in (("skew", "skewness"), ("偏度", "偏度"), ("  Batch   SIZE", "batch size")):
        checked(app.text_input(key="glossary_find").set_value(asked).run())
        shown = names_listed(app, "en") + names_listed(app, "zh")
        assert name in shown
        assert len(shown) < len(glossary())
    assert found("γ")[0].name == "scale_parameter", "what is called so comes first"
    assert found("") == list(glossary().values())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_found_is_said(lang: str):
    app = opened(lang=lang, glossary_find="<b>xyzzy</b>")
    assert not listed(app)
    assert [info.value for info in app.info] == [labels(lang)["glossary.nothing"]]


def test_hostile_links():
    for hostile in ("__class__", "", "saturated region", "<script>", "🎲" * 500):
        assert "bn-chosen" not in listed(opened(term=hostile))
    app = opened(glossary_find="m" * 5000)
    assert len(app.text_input(key="glossary_find").value) == PAGE.LONGEST
