"""The Teach page without a browser: links open what they say, whatever is chosen or linked."""

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from bn_ui import lesson_link, prepare, presets_training, share, url
from bn_ui.chapters import CHAPTERS
from bn_ui.figures import teach as figures
from bn_ui.lesson_link import PREDICTIONS, SCENES, Lesson, plan_lessons, scene
from bn_ui.questions import answer_key
from bn_ui.runs.networks import job
from bn_ui.small_batch import BACKWARD_BATCH, PRESETS
from bn_ui.text import LANGUAGES, labels, questions, sections
from tests.first_uses import unmarked
from tests.page_definitions import PAGES, definitions
from tests.ui.test_distributions import checked, kept, pick
from tests.ui.test_small_batch import (
    arrived,
    fields,
    press,
)

PAGE = definitions("teach")
FRAME = ("lang", "quiz_seed", "present", "hide", "revealed")  # what the frame reads, not a chapter


def opened(**query: Any) -> AppTest:
    return arrived("teach", **query)


def component(app: AppTest, key: str) -> bytes:
    (found,) = (element for element in app.get("bidi_component") if element.key == key)
    return found.proto.bytes


def link(app: AppTest) -> str:
    """The lesson link that the page shows."""
    return json.loads(component(app, "teach_lesson_copy_link"))["link"]


def query(address: str) -> dict[str, str]:
    """What a link says, but for its version, which it always says."""
    found = dict(parse_qsl(urlsplit(address).query))
    assert found.pop("v") == "1"
    return found


def chapter_of(address: str) -> str:
    return urlsplit(address).path.strip("/")


def own(parameters: dict[str, str]) -> dict[str, str]:
    """Without what the frame reads."""
    return {key: text for key, text in parameters.items() if key not in FRAME}


def kept_by_the_page(parameters: Mapping[str, str]) -> dict[str, str]:
    """Not the language, if it is the browser's; nor "revealed", which a copy starts without."""
    return {key: text for key, text in parameters.items() if key not in ("lang", "revealed")}


def select(app: AppTest, key: str, option: str) -> AppTest:
    return checked(app.selectbox(key=key).set_value(option).run())


def switch(app: AppTest, key: str) -> AppTest:
    return checked(app.toggle(key=key).set_value(True).run())


# ---- it runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_opens(lang: str):
    app = opened(lang=lang)
    assert not app.error
    assert app.title[0].value == labels(lang)["chapters.teach"]
    assert chapter_of(link(app)) == "forward"
    assert query(link(app)) == {"lang": lang}
    titles = [s.value for s in app.header]
    for name in ("link", "sheet", "plan", "hands"):
        assert labels(lang)[f"teach.{name}_title"] in titles


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("host", ["http://localhost:8501", "http://192.168.1.5:8501"])
def test_on_localhost_it_says_so(lang: str, host: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(share, "is_local", lambda: "localhost" in host)
    said = [warning.value for warning in opened(lang=lang).warning]
    assert said == ([labels(lang)["teach.local"]] if "localhost" in host else [])
    assert "make class" in labels(lang)["teach.local"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:8501/teach", True),
        ("http://127.0.0.1:8501/teach", True),
        ("http://[::1]:8501/teach", True),
        ("http://0.0.0.0:8501/teach", True),
        ("http://192.168.1.5:8501/teach", False),
        ("https://localhost.example.org/teach", False),
        (None, False),
    ],
)
def test_what_is_local(url: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch):
    class Fake:
        context = type("Context", (), {"url": url})

    monkeypatch.setattr(share, "st", Fake)
    assert share.is_local() is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://192.168.1.5:8501/teach", "http://192.168.1.5:8501/forward?lang=zh&v=1"),
        ("https://x.org/app/teach", "https://x.org/app/forward?lang=zh&v=1"),
    ],
)
def test_addresses_are_below_where_the_page_is(
    url: str, expected: str, monkeypatch: pytest.MonkeyPatch
):
    class Fake:
        context = type("Context", (), {"url": url})

    monkeypatch.setattr(share, "st", Fake)
    assert share.address("teach", "forward", {"lang": "zh"}) == expected


# ---- links open what they say ------------------------------------------------------------------


def assert_opens(chapter: str, parameters: dict[str, str]) -> AppTest:
    """The chapter takes every parameter as it stands, with nothing to complain of."""
    app = arrived(chapter, **parameters)
    assert not app.error
    assert kept_by_the_page(app.query_params) == kept_by_the_page(parameters)
    assert not [toast for toast in app.toast if toast.value == labels("en")["frame.link_misread"]]
    return app


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("seed", [0, 3])
def test_a_scene_is_what_the_chapters_own_button_shows(name: str, seed: int):
    app = assert_opens("distributions", scene(name, seed))
    if name == "open" or seed:
        return
    pressed = press(arrived("distributions"), f"dist_preset_{name}")
    assert dict(pressed.query_params) == own(dict(app.query_params))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("chapter", ["forward", "backward"])
def test_a_preset_is_what_the_chapters_own_button_sets(chapter: str, name: str):
    app = assert_opens(chapter, lesson_link.preset_batch(chapter, name))
    pressed = press(arrived(chapter), f"batch_{name}")
    assert dict(pressed.query_params) == dict(app.query_params)


@pytest.mark.parametrize("chapter", ["forward", "backward", "gradient_check"])
@pytest.mark.parametrize("name", ["round", "network"])
def test_the_numbers_of_this_page_are_the_numbers_of_the_link(chapter: str, name: str):
    app = select(press(opened(), f"batch_{name}"), "teach_chapter", chapter)
    assert chapter_of(link(app)) == chapter
    there = assert_opens(chapter, query(link(app)))
    wanted = fields(app)
    if chapter == "forward":
        wanted = {k: v for k, v in wanted.items() if k in ("batch_x", "batch_eps", "batch_gamma")}
    for key, value in wanted.items():
        if key != "batch_target":  # its rows are padded as x needs them
            assert kept(there, key) == value, key


@pytest.mark.parametrize("lang", LANGUAGES)
def test_everything_that_can_be_chosen_is_in_the_link(lang: str):
    app = opened(lang=lang)
    select(app, "teach_chapter", "backward")
    press(app, "batch_outlier")
    select(app, "teach_backward_step", "dx")
    select(app, "teach_practice", "two")
    other = "zh" if lang == "en" else "en"
    select(app, "teach_lang", other)
    for key in ("teach_present", "teach_revealed", "teach_same_quiz"):
        switch(app, key)
    checked(app.number_input(key="teach_seed").set_value(42).run())
    checked(app.button_group(key="teach_hide").set_value(["quiz", "controls"]).run())
    found = query(link(app))
    assert {key: found[key] for key in FRAME} == {
        "lang": other,
        "quiz_seed": "42",
        "present": "1",
        "hide": "controls,quiz",
        "revealed": "1",
    }
    assert own(found) == {
        **lesson_link.preset_batch("backward", "outlier"),
        "bwd_step": "dx",
        "bwd_practice": "two",
    }
    assert_opens("backward", found)
    # ... and the builder has a link of its own, which brings all of it back.
    again = opened(**dict(app.query_params))
    assert link(again) == link(app)


def test_the_language_may_be_left_to_the_browser():
    app = select(opened(lang="zh"), "teach_lang", "any")
    assert query(link(app)) == {}
    app = opened(lang="zh")
    pick(app, "lang", "en")
    assert query(link(app)) == {"lang": "en"}


def test_the_seed_of_distributions():
    app = select(opened(), "teach_chapter", "distributions")
    select(app, "teach_scene", "deep")
    checked(app.number_input(key="teach_scene_seed").set_value(7).run())
    assert query(link(app)) == {
        "lang": "en",
        "dist_layer": "10",
        "dist_view": "pooled",
        "dist_seed": "7",
    }
    switch(app, "teach_same_quiz")
    assert query(link(app))["quiz_seed"] == "0", "the network's seed is not the quiz's"


def test_a_preview_is_the_link():
    app = switch(opened(), "teach_preview")
    (frame,) = app.get("iframe")
    assert frame.proto.src == link(app)


def test_a_revealed_link_gives_the_answer():
    right = questions("forward", "en")["same_shift"].why
    for lesson, shown in ((Lesson("forward"), False), (Lesson("forward", revealed=True), True)):
        app = arrived("forward", **lesson.query())
        assert any(right in text.value for text in app.markdown) is shown


def test_hidden_parts_are_in_one_order():
    assert Lesson("forward", present=True, hide=("more", "quiz")).query() == {
        "present": "1",
        "hide": "quiz,more",
    }
    assert Lesson("forward", present=True, hide=()).query() == {"present": "1", "hide": "-"}
    assert Lesson("forward", present=True).query() == {"present": "1"}
    assert Lesson("forward", hide=("quiz",)).query() == {}, "only a projection leaves parts out"


@pytest.mark.parametrize("chapter", PAGE.TAUGHT)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_chapter_can_be_chosen(chapter: str, lang: str):
    app = opened(lang=lang, teach_chapter=chapter)
    assert not app.error
    assert chapter_of(link(app)) == chapter
    assert_opens(chapter, query(link(app)))


# ---- hostile links -----------------------------------------------------------------------------

HOSTILE = {
    "teach_chapter": ["teach", "../forward", "", "<script>"],
    "teach_scene": ["__class__", "OPEN"],
    "teach_forward_step": ["dx", "mu.mu"],
    "teach_backward_step": ["mu", "💥"],
    "teach_practice": ["none"],
    "teach_lang": ["fr", "\x00"],
    "teach_present": ["2", "yes", "", "True"],
    "teach_seed": ["nan", "x"],
    "teach_scene_seed": ["nan", ""],
    "teach_sheet_lang": ["page", "fr"],
    "teach_key_of": ["teach", "<script>"],
    "teach_key_as_link": ["2", "yes"],
    "teach_key_seed": ["nan", "0x1"],
    "teach_hide": ["everything", ",,,", "a" * 5000, "reset"],
    "teach_plan": ["46"],
    "teach_vote": ["teach", "__proto__"],
    "teach_hands_1": ["nan", "[]"],
    "batch_x": ["", "1~x", "1~2_3", "9" * 3000],
}


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_links_mean_the_default(key: str):
    default = next(field.default for field in PAGE.FIELDS if field.key == key)
    for linked in HOSTILE[key]:
        app = opened(**{key: linked})
        assert not app.error
        assert kept(app, key) in (
            default,
            list(default) if isinstance(default, tuple) else default,
        ), linked
        assert dict(app.query_params) == {}


def test_numbers_too_large_are_moved_to_the_end():
    app = opened(teach_seed="1e300", teach_hands_1="1e300", teach_hands_2="-5")
    assert dict(app.query_params) == {"teach_seed": "9999", "teach_hands_1": "999"}


def test_what_can_be_understood_of_a_list_stays():
    app = opened(teach_hide="quiz,nonsense,controls")
    assert dict(app.query_params) == {"teach_hide": "controls,quiz"}


def test_reset():
    app = opened(
        teach_chapter="backward",
        teach_present=1,
        teach_hide="quiz",
        teach_hands_1=4,
        batch_x="1~2_3~4",
    )
    press(app, "teach_reset")
    assert dict(app.query_params) == {}


# ---- prepared lessons --------------------------------------------------------------------------


@pytest.mark.parametrize("name", plan_lessons())
def test_a_prepared_link_opens_what_it_says(name: str):
    made = plan_lessons()[name]
    assert_opens(made.chapter, made.query())


def test_a_tie_is_what_the_chapters_own_menu_sets():
    there = arrived("training", revealed="1")
    checked(there.selectbox(key="train_preset").set_value("tie").run())
    again = arrived("training", **plan_lessons()["tie"].query())
    assert dict(there.query_params) == dict(again.query_params)


@pytest.mark.parametrize("name", ["train", "tie", "use", "late"])
def test_what_a_lesson_trains_is_trained_beforehand(name: str, monkeypatch: pytest.MonkeyPatch):
    """By ``make warm``: the settings of the link, as the chapter reads them."""
    lesson = plan_lessons()[name]
    linked = lesson.parameters
    monkeypatch.setattr(url, "value", lambda field: field.from_link(linked.get(field.key)))
    page = definitions(lesson.chapter)
    if lesson.chapter == "training":
        wanted = presets_training.pair(page.settings())
    else:
        wanted = (job(page.config()),)
    assert {each.key for each in wanted} <= {each.key for each in prepare.jobs()}


def plan_shown(app: AppTest) -> str:
    """The lesson that the page prints: what has links to be handed on, which name their version."""
    (shown,) = (m.value for m in app.markdown if re.search(r"]\([^)]*\bv=1", m.value))
    return shown


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_prepared_link_is_used_and_every_place_filled(lang: str):
    text = "".join(sections(lang, "teach").values())
    for name in plan_lessons():
        assert f"]({{{{{name}}}}})" in text, name
    for plan in PAGE.PLANS:
        app = opened(lang=lang, teach_plan=plan)
        shown = plan_shown(app)
        assert "{{" not in shown
        assert f"lang={lang}" in shown


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_prose_names_what_is_on_the_pages(lang: str):
    """Headings and buttons that a plan sends people to are called what they are called there."""
    text = unmarked("".join(sections(lang, "teach").values()))
    words = labels(lang)
    for key in (
        "distributions.shapes_title",
        "batch_presets.round",
        "backward.paths_title",
        "backward.misprint_title",
        "frame.just_show",
        "presets.deep",
        "player.practice",
        "player.levels_two",
        "training.train",
        "training_presets.opening",
        "training_presets.tie",
        "inference.preset_torch",
        "inference.preset_port",
        "inference.ways_title",
        "teach_phone.look",
        "teach_phone.steps",
        "teach_phone.quiz",
    ):
        assert words[key].rstrip("?？").casefold() in text.casefold(), key


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("plan", "voted"),
    [
        ("plan_45", ("distributions", "training")),
        ("plan_90", ("backward", "gradient_check", "inference")),
    ],
)
def test_where_hands_are_counted_the_question_is_named(lang: str, plan: str, voted: tuple[str]):
    text = sections(lang, "teach")[plan]
    for chapter in voted:
        title = labels(lang)[f"chapters.{chapter}"]
        assert f"“{title}”" in text, chapter
    # The first that is counted is the one that the page opens with.
    assert next(f for f in PAGE.FIELDS if f.key == "teach_vote").default == "distributions"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_link_of_the_phone_lesson_can_be_copied_and_photographed(lang: str):
    app = opened(lang=lang, teach_plan="phone")
    plan = plan_shown(app)
    for name in PAGE.PHONE_LINKS:
        address = json.loads(component(app, f"teach_phone_{name}_copy_link"))["link"]
        assert f"]({address})" in plan
        assert query(address) == {"lang": lang, **plan_lessons()[name].query()}
        switch(app, f"teach_phone_{name}_qr")
    assert set(PAGE.PHONE_LINKS) == {
        key.partition(".")[2] for key in labels(lang) if key.startswith("teach_phone.")
    }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_minutes_add_up(lang: str):
    for section, end in (("plan_45", 43), ("plan_phone", 20)):
        text = sections(lang, "teach")[section]
        spans = [tuple(map(int, s)) for s in re.findall(r"(\d+)–(\d+) ?(?:min|分钟)", text)]
        assert spans[0][0] == 0
        assert spans[-1][1] == end
        assert all(a[1] == b[0] for a, b in pairwise(spans))
    text = sections(lang, "teach")["plan_90"]
    spans = [tuple(map(int, s)) for s in re.findall(r"(\d+)–(\d+) ?(?:min|分钟)", text)]
    assert (spans[0][0], spans[-1][1]) == (43, 90)
    assert all(a[1] == b[0] for a, b in pairwise(spans))


# ---- show of hands -----------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", PREDICTIONS)
def test_the_questions_are_those_the_chapters_ask(chapter: str):
    source = (PAGES / f"{chapter}.py").read_text("utf-8")
    assert f'"{PREDICTIONS[chapter]}"' in source
    app = opened(teach_vote=chapter)
    boxes = [b for b in app.number_input if (b.key or "").startswith("teach_hands_")]
    assert 2 <= len(boxes) <= PAGE.MOST_OPTIONS


def header(app: AppTest) -> dict[str, Any]:
    data = component(app, "teach_hands_chart")
    return json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hands_are_bars_and_the_answer_waits(lang: str):
    app = opened(lang=lang)
    before = header(app)["alt"]
    for n, count in enumerate((3, 17, 0), 1):
        checked(app.number_input(key=f"teach_hands_{n}").set_value(count).run())
    found = header(app)
    assert [max(trace["y"]) for trace in found["figure"]["data"][:-1]] == [3, 17, 0]
    assert found["figure"]["data"][-1]["text"] == ["3", "17", "0"]
    assert found["alt"] != before
    assert "17" in found["alt"]
    assert not app.success
    switch(app, "teach_reveal_shapes")
    assert len(app.success) == 1
    select(app, "teach_vote", "backward")
    assert not app.success
    assert set(header(app)["figure"]["data"][-1]["text"]) == {"0"}


@pytest.mark.parametrize("counts", [[0, 0], [1, 2, 3, 4, 5], [999] * 6])
def test_the_figure(counts: list[int]):
    words = {"axis_option": "answer", "axis_hands": "hands"}
    figure = figures.hands_figure(words, "ABCDEF"[: len(counts)], counts)
    for layout in ("layout", "narrow"):
        plain = json.loads(json.dumps({"data": figure["data"], "layout": figure[layout]}))
        text = json.dumps(plain).replace('"@font"', '"Arial"')
        for name in ("background", "text", "grid", "border", "x_fill", "x"):
            text = text.replace(f'"@{name}"', '"#123456"')
        go.Figure(json.loads(text))
        low, high = figure[layout]["yaxis"]["range"]
        assert low == 0
        assert high > max(counts)
    assert np.ptp([len(trace["x"]) for trace in figure["data"][:-1]]) == 0


# ---- worksheet's language, answer key ----------------------------------------------------------


def test_the_worksheet_may_speak_another_language_than_the_link():
    def said(app: AppTest) -> str:
        (line,) = (m.value for m in app.markdown if re.search("[0-9A-F]{6}", m.value))
        return line

    app = select(opened(lang="en"), "teach_lang", "zh")
    assert LANGUAGES["zh"] in said(app)
    pick(app, "teach_sheet_lang", "en")
    assert LANGUAGES["en"] in said(app)
    assert query(link(app))["lang"] == "zh"
    assert LANGUAGES["en"] in said(select(opened(lang="en"), "teach_lang", "any"))


def key_shown(app: AppTest) -> tuple[str, list[str]]:
    """The title of the answer key, and all that stands in it."""
    (box,) = app.expander
    return box.label, [m.value for m in [*box.markdown, *box.caption]]


def expected(chapter: str, seed: int, lang: str) -> tuple[str, list[str]]:
    named = labels(lang)[f"chapters.{chapter}"]
    key = answer_key(chapter, seed, lang)
    texts = [f"**{n}.** {entry.question}" for n, entry in enumerate(key, 1)]
    texts += [labels(lang)["frame.answer"].format(right=e.answer, why=e.why) for e in key]
    aimed = labels(lang)["teach.aimed_at"]
    texts += [aimed.format(misconception=e.misconception) for e in key if e.misconception]
    return labels(lang)["teach.answers"].format(chapter=named, seed=seed), texts


def assert_key(app: AppTest, chapter: str, seed: int, lang: str) -> None:
    (title, texts), (wanted, there) = key_shown(app), expected(chapter, seed, lang)
    assert title == wanted
    assert sorted(texts) == sorted(there)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_answer_key_of_any_student(lang: str):
    """A seed that a student reads out can be entered without changing the lesson's link."""
    app = opened(lang=lang)
    assert_key(app, "forward", 0, lang)
    before = link(app)
    checked(app.number_input(key="teach_key_seed").set_value(1234).run())
    select(app, "teach_key_of", "gradient_check")
    assert_key(app, "gradient_check", 1234, lang)
    assert link(app) == before
    assert_key(opened(**dict(app.query_params)), "gradient_check", 1234, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_answer_key_follows_the_link_until_it_is_told_otherwise(lang: str):
    app = opened(lang=lang, teach_same_quiz=1, teach_seed=42, teach_chapter="backward")
    assert_key(app, "backward", 42, lang)
    checked(app.toggle(key="teach_key_as_link").set_value(False).run())
    checked(app.number_input(key="teach_key_seed").set_value(7).run())
    assert_key(app, "backward", 7, lang)
    select(app, "teach_key_of", "distributions")
    select(app, "teach_chapter", "forward")
    assert_key(app, "distributions", 7, lang)


# ---- registry ----------------------------------------------------------------------------------


def test_every_other_chapter_can_be_taught():
    assert set(PAGE.TAUGHT) == {chapter.name for chapter in CHAPTERS} - {"teach", "glossary"}
    keys = [field.key for field in PAGE.FIELDS]
    assert len(keys) == len(set(keys))
    assert set(BACKWARD_BATCH) <= set(PAGE.FIELDS)
