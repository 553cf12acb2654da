"""Teach: links for a lesson, worksheets, prepared lessons, a show of hands."""

from string import ascii_uppercase

import streamlit as st

from bn_ui import controls, share, url, worksheet
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
from bn_ui.present import ALWAYS, PARTS
from bn_ui.questions import answer_key
from bn_ui.small_batch import BACKWARD_BATCH, SmallBatch, batch_controls, reset_with
from bn_ui.step_player.lesson import LEVELS, closed_ids
from bn_ui.text import LANGUAGES, Question, group, language, prose, questions, t

CHAPTER = "teach"
MOST_OPTIONS = 6
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
SEED = url.integer("teach_seed", 0, 0, 9999)
HIDE = url.several("teach_hide", PARTS, ALWAYS)
PREVIEW = url.switch("teach_preview")
LINK = (TO, SCENE, *STEPS.values(), PRACTICE, LANG, PRESENT, REVEALED, SAME_QUIZ, SEED, HIDE)
PLANS = ("45", "90", "phone")
PLAN = url.choice("teach_plan", PLANS[0], PLANS)
VOTE = url.choice("teach_vote", "forward", tuple(PREDICTIONS))
HANDS = tuple(url.integer(f"teach_hands_{n}", 0, 0, 999) for n in range(1, MOST_OPTIONS + 1))
FIELDS = (*LINK, PREVIEW, *BACKWARD_BATCH, PLAN, VOTE, *HANDS)


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
    same = controls.switch(SAME_QUIZ, t("teach.same_quiz"))
    if same or chapter == "distributions":
        controls.number(SEED, t("teach.seed"), 0, 9999, width=160)


def lesson() -> Lesson:
    chapter, seed = url.value(TO), url.value(SEED)
    parameters = {}
    if chapter == "distributions":
        parameters = scene(url.value(SCENE), seed)
    elif chapter in SMALL_BATCH:
        parameters = current_batch(chapter)
    if chapter in PLACES:
        parameters |= at(chapter, url.value(STEPS[chapter]), url.value(PRACTICE))
    return Lesson(
        chapter,
        parameters,
        lang=spoken() or "",
        quiz_seed=seed if url.value(SAME_QUIZ) else None,
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
    lang = spoken() or language()
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


def plan_text(plan: str) -> str:
    """A lesson with its links, in the language of this page."""
    links = {
        name: share.address(CHAPTER, made.chapter, {"lang": language(), **made.query()})
        for name, made in plan_lessons().items()
    }
    if plan == "phone":
        return prose(CHAPTER, "plan_phone", **links)
    first = prose(CHAPTER, "plan_45", **links)
    if plan == "45":
        return first + "\n\n" + prose(CHAPTER, "close", **links)
    return first + "\n\n" + prose(CHAPTER, "plan_90", **links)


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
    """All questions of the chapter of the link, with the numbers of its seed."""
    chapter, seed = url.value(TO), url.value(SEED)
    found = answer_key(chapter, seed, language())
    st.header(t("teach.answers_title"), anchor=False)
    named = t(f"chapters.{chapter}")
    with st.expander(t("teach.answers", chapter=named, seed=seed)):
        for n, entry in enumerate(found, 1):
            st.markdown(f"**{n}.** {entry.question}")
            st.markdown(t("frame.answer", right=entry.answer, why=entry.why))


# No fragments: everything here is quick to draw, and the parts follow one another's choices.
url.load(FIELDS)
st.markdown(prose(CHAPTER, "intro"))
if share.is_local():
    st.warning(t("teach.local"), icon=":material/wifi_off:")
builder()
plans()
hands()
answers()
st.markdown(prose(CHAPTER, "serving"))
share.footer(CHAPTER, FIELDS, reset_with(FIELDS))
url.save(FIELDS)
