"""Teach: links for a lesson, worksheets, prepared lessons, a show of hands."""

from string import ascii_uppercase

import streamlit as st

from bn_ui import controls, present, share, url, worksheet
from bn_ui.chapters import LESSONS
from bn_ui.export import file_button
from bn_ui.figures import teach as figures
from bn_ui.figures.changes import Table
from bn_ui.lesson_link import (
    PLACES,
    PREDICTIONS,
    SCENES,
    SMALL_BATCH,
    Lesson,
    at,
    current_batch,
    plan_lessons,
    scene,
)
from bn_ui.live_chart import Picture, live_chart
from bn_ui.questions import answer_key
from bn_ui.small_batch import BACKWARD_BATCH, SmallBatch, batch_controls, reset_with
from bn_ui.step_player.lesson import LEVELS, closed_ids
from bn_ui.text import LANGUAGES, Question, group, language, prose, questions, t

CHAPTER = "teach"
MOST_OPTIONS = 6
MOST_SEED = 9999
AS_LINK = "link"
TAUGHT = tuple(chapter.name for chapter in LESSONS)

TO = url.choice("teach_chapter", "forward", TAUGHT)
SCENE = url.choice("teach_scene", "open", SCENES)
STEPS = {
    passage: url.choice(f"teach_{passage}_step", closed_ids(passage)[0], closed_ids(passage))
    for passage in PLACES
}
PRACTICE = url.choice("teach_practice", LEVELS[0], LEVELS)
LANG = url.choice("teach_lang", "page", ("page", *LANGUAGES, "any"))
PRESENT = url.switch("teach_present")
REVEALED = url.switch("teach_revealed")
SAME_QUIZ = url.switch("teach_same_quiz")
SEED = url.integer("teach_seed", 0, 0, MOST_SEED)
SCENE_SEED = url.integer("teach_scene_seed", 0, 0, MOST_SEED)
HIDE = url.several("teach_hide", present.PARTS, present.ALWAYS)
PREVIEW = url.switch("teach_preview")
LINK = (
    TO,
    SCENE,
    SCENE_SEED,
    *STEPS.values(),
    PRACTICE,
    LANG,
    PRESENT,
    REVEALED,
    SAME_QUIZ,
    SEED,
    HIDE,
)
SHEET_LANG = url.choice("teach_sheet_lang", AS_LINK, (AS_LINK, *LANGUAGES))
PLANS = ("45", "90", "phone")
PLAN = url.choice("teach_plan", PLANS[0], PLANS)
# The links that students on phones need one after another, by their names in ``plan_lessons``.
PHONE_LINKS = ("front", "look", "steps", "quiz")
VOTE = url.choice("teach_vote", "distributions", tuple(PREDICTIONS))
HANDS = tuple(url.integer(f"teach_hands_{n}", 0, 0, 999) for n in range(1, MOST_OPTIONS + 1))
KEY_OF = url.choice("teach_key_of", AS_LINK, (AS_LINK, *TAUGHT))
KEY_AS_LINK = url.switch("teach_key_as_link", True)
KEY_SEED = url.integer("teach_key_seed", 0, 0, MOST_SEED)
KEY = (KEY_OF, KEY_AS_LINK, KEY_SEED)
FIELDS = (*LINK, PREVIEW, *BACKWARD_BATCH, SHEET_LANG, PLAN, VOTE, *HANDS, *KEY)


def builder() -> None:
    """Link and worksheet: one batch for both."""
    st.header(t("teach.link_title"), anchor=False)
    choice_column, link_column = st.columns([1, 1], gap="large")
    with choice_column:
        choose()
    with link_column:
        show_link(lesson())
    st.header(t("teach.sheet_title"), anchor=False)
    numbers_column, sheet_column = st.columns([1, 1], gap="large")
    with numbers_column:
        batch = batch_controls(BACKWARD_BATCH)
    with sheet_column:
        show_sheet(batch)


# ---- the link ----------------------------------------------------------------------------------


def choose() -> None:
    """What the link opens."""
    chapter = controls.select(TO, t("teach.chapter"), {c: t(f"chapters.{c}") for c in TAUGHT})
    if chapter == "distributions":
        controls.select(SCENE, t("teach.scene"), group("teach_scenes"))
        controls.number(SCENE_SEED, t("teach.scene_seed"), 0, MOST_SEED, width=240)
    if chapter in PLACES:
        with st.container(horizontal=True):
            names = {step: t(f"quantities.{step}") for step in closed_ids(chapter)}
            controls.select(STEPS[chapter], t("teach.step"), names)
            levels = {level: t(f"player.levels_{level}") for level in LEVELS}
            controls.select(PRACTICE, t("player.practice"), levels)
    if chapter in SMALL_BATCH:
        st.caption(t("teach.numbers_below"))
    names = {"page": t("teach.lang_page"), **LANGUAGES, "any": t("teach.lang_any")}
    controls.select(LANG, t("teach.lang"), names)
    if controls.switch(PRESENT, t("teach.present")):
        controls.several(HIDE, t("teach.hide"), group("teach_hide"))
    controls.switch(REVEALED, t("teach.revealed"))
    if controls.switch(SAME_QUIZ, t("teach.same_quiz")):
        controls.number(SEED, t("quiz.seed"), 0, MOST_SEED, width=240)


def lesson() -> Lesson:
    chapter = url.value(TO)
    parameters = {}
    if chapter == "distributions":
        parameters = scene(url.value(SCENE), url.value(SCENE_SEED))
    elif chapter in SMALL_BATCH:
        parameters = current_batch(chapter)
    if chapter in PLACES:
        parameters |= at(chapter, url.value(STEPS[chapter]), url.value(PRACTICE))
    return Lesson(
        chapter,
        parameters,
        lang=spoken() or "",
        quiz_seed=url.value(SEED) if url.value(SAME_QUIZ) else None,
        present=url.value(PRESENT),
        hide=url.value(HIDE),
        revealed=url.value(REVEALED),
    )


def spoken() -> str | None:
    """The language chosen for the class; None if each learner's browser decides."""
    chosen = url.value(LANG)
    return {"page": language(), "any": None}.get(chosen, chosen)


def show_link(made: Lesson) -> None:
    address = share.address(CHAPTER, made.chapter, made.query())
    st.markdown(summary(made))
    share.panel(address, "teach_lesson")
    st.link_button(t("teach.open"), address, icon=":material/open_in_new:")
    if controls.switch(PREVIEW, t("teach.preview")):
        st.iframe(address, height=560, alt=t("teach.preview_alt"))


def summary(made: Lesson) -> str:
    """In words, what the link opens."""
    lines = [t("teach.opens", chapter=t(f"chapters.{made.chapter}"))]
    if made.chapter == "distributions":
        lines.append(t(f"teach_scenes.{url.value(SCENE)}"))
    if made.chapter in SMALL_BATCH:
        lines.append(t("teach.opens_batch"))
    if made.chapter in PLACES:
        step = t(f"quantities.{url.value(STEPS[made.chapter])}")
        practice = t(f"player.levels_{url.value(PRACTICE)}")
        lines.append(t("teach.opens_step", step=step, practice=practice))
    lang = spoken()
    lines.append(LANGUAGES[lang] if lang else t("teach.lang_any"))
    if made.quiz_seed is not None:
        lines.append(t("teach.opens_quiz", seed=made.quiz_seed))
    if made.present:
        lines.append(t("teach.present"))
    if made.revealed:
        lines.append(t("teach.revealed"))
    if made.present and made.hide:
        hidden = t("teach.comma").join(t(f"teach_hide.{part}") for part in made.hide)
        lines.append(t("teach.opens_without", parts=hidden))
    return "\n".join([lines[0], "", *(f"- {line}" for line in lines[1:])])


# ---- worksheet and key -------------------------------------------------------------------------


def show_sheet(batch: SmallBatch) -> None:
    names = {AS_LINK: t("teach.sheet_lang_link"), **LANGUAGES}
    chosen = controls.pick(SHEET_LANG, t("teach.sheet_lang"), names)
    lang = (spoken() or language()) if chosen == AS_LINK else chosen
    printed = worksheet.sheet(batch)
    m, d = batch.x.shape
    st.markdown(t("teach.sheet", m=m, d=d, code=printed.code, lang=LANGUAGES[lang]))
    with st.container(horizontal=True):
        sheet_button(printed, lang, answers=False)
        sheet_button(printed, lang, answers=True)
    st.caption(t("teach.sheet_help"))


def sheet_button(printed: worksheet.Sheet, lang: str, *, answers: bool) -> None:
    def make() -> bytes:
        return worksheet.page(printed, lang, answers=answers).encode()

    file_button(
        t("teach.download_key") if answers else t("teach.download_sheet"),
        make,
        worksheet.filename(printed, lang, answers=answers),
        "text/html",
        "teach_key" if answers else "teach_worksheet",
        ":material/key:" if answers else ":material/print:",
    )


# ---- prepared lessons --------------------------------------------------------------------------


def plans() -> None:
    st.header(t("teach.plan_title"), anchor=False)
    plan = controls.pick(PLAN, t("teach.plan"), group("teach_plans"))
    st.markdown(plan_text(plan))
    if plan == "phone":
        phone_links()


def plan_text(plan: str) -> str:
    """A lesson with its links."""
    links = plan_links()
    if plan == "phone":
        return prose(CHAPTER, "plan_phone", **links)
    first = prose(CHAPTER, "plan_45", **links)
    if plan == "45":
        return first + "\n\n" + prose(CHAPTER, "close", **links)
    return first + "\n\n" + prose(CHAPTER, "plan_90", **links)


def plan_links() -> dict[str, str]:
    """The links of the prepared lessons, in the language of this page."""
    return {
        name: share.address(CHAPTER, made.chapter, {"lang": language(), **made.query()})
        for name, made in plan_lessons().items()
    }


def phone_links() -> None:
    """What the class opens, to be copied or photographed."""
    links, names = plan_links(), group("teach_phone")
    for name, column in zip(PHONE_LINKS, st.columns(len(PHONE_LINKS), gap="large"), strict=True):
        with column:
            st.markdown(f"**{names[name]}**")
            share.panel(links[name], f"teach_phone_{name}")


# ---- show of hands -----------------------------------------------------------------------------


def hands() -> None:
    st.header(t("teach.hands_title"), anchor=False)
    chapters = {chapter: t(f"chapters.{chapter}") for chapter in PREDICTIONS}
    chapter = controls.select(VOTE, t("teach.hands_of"), chapters, on_change=clear)
    question = questions(chapter)[PREDICTIONS[chapter]]
    st.markdown(question.question)
    count_column, picture_column = st.columns([1, 2], gap="large")
    options = list(zip(ascii_uppercase, question.options.values(), HANDS, strict=False))
    with count_column:
        for letter, option, count in options:
            controls.number(count, t("teach.option", letter=letter, option=option), 0, 999)
        st.button(t("teach.clear"), key="teach_clear", on_click=clear)
    with picture_column:
        bars([(letter, option, url.value(count)) for letter, option, count in options])
        reveal(question)


def bars(counted: list[tuple[str, str, int]]) -> None:
    letters, _, counts = zip(*counted, strict=True)
    said = (
        t("teach.hands_count", letter=letter, option=option, count=count)
        for letter, option, count in counted
    )
    picture = Picture(
        figure=figures.hands_figure(group("hands_figure"), letters, counts),
        base=[],
        alt=t("teach.hands_alt", counts=t("teach.semicolon").join(said)),
        filename="batch-normalization-hands",
        table=Table(),
    )
    live_chart(picture, key="teach_hands_chart")


def reveal(question: Question) -> None:
    """The answer, for when the hands are counted; another question starts covered."""
    if st.toggle(t("teach.reveal"), key=f"teach_reveal_{question.name}"):
        right = question.options[question.answer]
        st.success(t("frame.answer", right=right, why=question.why), icon=":material/check:")


def clear() -> None:
    for count in HANDS:
        url.assign(count, 0)


# ---- the quiz's answers ------------------------------------------------------------------------


def answers() -> None:
    """All questions of a chapter, with the numbers of a seed."""
    st.header(t("teach.answers_title"), anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chapter, seed = key_chapter(), key_seed()
    st.caption(t("teach.key_help", same=t("teach.same_quiz"), seed=t("quiz.seed")))
    named = t(f"chapters.{chapter}")
    with st.expander(t("teach.answers", chapter=named, seed=seed), key="teach_answers"):
        for n, entry in enumerate(answer_key(chapter, seed, language()), 1):
            st.markdown(f"**{n}.** {entry.question}")
            st.markdown(t("frame.answer", right=entry.answer, why=entry.why))
            if entry.misconception:
                st.caption(t("teach.aimed_at", misconception=entry.misconception))


def key_chapter() -> str:
    names = {chapter: t(f"chapters.{chapter}") for chapter in TAUGHT}
    linked = url.value(TO)
    as_link = {AS_LINK: t("teach.key_chapter_link", chapter=names[linked])}
    chosen = controls.select(KEY_OF, t("teach.chapter"), as_link | names, width=320)
    return linked if chosen == AS_LINK else chosen


def key_seed() -> int:
    """The seed that the link gives to everyone, if it gives one; or any student's."""
    if url.value(SAME_QUIZ):
        linked = url.value(SEED)
        if controls.switch(KEY_AS_LINK, t("teach.key_seed_link", seed=linked)):
            return linked
    return int(controls.number(KEY_SEED, t("quiz.seed"), 0, MOST_SEED, width=240))


# No fragments: everything here is quick to draw, and the parts follow one another's choices.
url.load(FIELDS)
# A projection is for the class: by itself it leaves nothing but the show of hands.
with present.part("intro"):
    st.markdown(prose(CHAPTER, "intro"))
    if share.is_local():
        st.warning(t("teach.local"), icon=":material/wifi_off:")
with present.part("more", 1):
    builder()
with present.part("reading"):
    plans()
hands()
with present.part("quiz"):
    answers()
with present.part("more", 2):
    st.markdown(prose(CHAPTER, "serving"))
    share.footer(CHAPTER, FIELDS, reset_with(FIELDS))
url.save(FIELDS)
