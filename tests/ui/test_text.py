"""Both languages say the same things, and every word the code asks for is there."""

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bn_ui import own_numbers, text
from bn_ui.chapters import CHAPTERS
from bn_ui.numbers import number_text
from bn_ui.text import CONTENT, LANGUAGES, labels, sections

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted([*ROOT.glob("bn_ui/**/*.py"), *ROOT.glob("pages/*.py")])
REFERENCE, *OTHERS = LANGUAGES
MARKDOWN = sorted(path.stem for path in (CONTENT / REFERENCE).glob("*.md"))
QUESTIONS = sorted(
    path.stem for path in (CONTENT / REFERENCE).glob("*.toml") if path.stem != "labels"
)


def fields_of(label: str) -> list[str]:
    """The {placeholders} of a label, once each."""
    if "$" in label and "{{" not in label:
        return []  # its braces are LaTeX's: ``group`` hands it on as it is
    return sorted({name for _, name, _, _ in string.Formatter().parse(label) if name is not None})


def doubled(markdown: str) -> list[str]:
    return sorted(re.findall(r"\{\{(\w+)\}\}", markdown))


def tables(lang: str, chapter: str) -> dict[str, dict]:
    return tomllib.loads((CONTENT / lang / f"{chapter}.toml").read_text("utf-8"))


@pytest.mark.parametrize("lang", OTHERS)
class TestLanguagesAgree:
    def test_files(self, lang: str):
        here, there = ({p.name for p in (CONTENT / name).iterdir()} for name in (REFERENCE, lang))
        assert here == there

    def test_label_keys_and_their_order(self, lang: str):
        # The order of a table is the order of a menu's options.
        assert list(labels(REFERENCE)) == list(labels(lang))

    def test_placeholders_of_labels(self, lang: str):
        for key, label in labels(REFERENCE).items():
            assert fields_of(label) == fields_of(labels(lang)[key]), key

    def test_what_the_browser_fills_in(self, lang: str):
        """Captions' {0}, written {{0}} or {{{name}}} in a label."""
        for key, label in labels(REFERENCE).items():
            other = labels(lang)[key]
            assert sorted(re.findall(r"\{\{+\w+\}\}+", label)) == sorted(
                re.findall(r"\{\{+\w+\}\}+", other)
            ), key
            assert sorted(re.findall(r"%\{+\w+", label)) == sorted(re.findall(r"%\{+\w+", other)), (
                key
            )

    @pytest.mark.parametrize("chapter", MARKDOWN)
    def test_sections(self, lang: str, chapter: str):
        here, there = sections(REFERENCE, chapter), sections(lang, chapter)
        assert list(here) == list(there)
        for name in here:
            assert doubled(here[name]) == doubled(there[name]), name
            assert here[name], name
            assert there[name], name

    @pytest.mark.parametrize("chapter", QUESTIONS)
    def test_questions(self, lang: str, chapter: str):
        """What is no word is the same; the words are for the same things and numbers."""
        here, there = tables(REFERENCE, chapter), tables(lang, chapter)
        assert list(here) == list(there)
        for name, question in here.items():
            other = there[name]
            assert list(question) == list(other), name
            for key in ("answer", "exercise", "misconception", "prediction"):
                assert question.get(key) == other.get(key), (name, key)
            for table in ("options", "hints", "slips"):
                assert list(question.get(table, {})) == list(other.get(table, {})), (name, table)
            for key in ("question", "why"):
                assert fields_of(question[key]) == fields_of(other[key]), (name, key)


@pytest.mark.parametrize("lang", LANGUAGES)
class TestEachLanguage:
    def test_no_label_is_empty(self, lang: str):
        assert not [key for key, label in labels(lang).items() if not label.strip()]

    def test_every_chapter_has_its_words(self, lang: str):
        for chapter in CHAPTERS:
            assert f"chapters.{chapter.name}" in labels(lang)
            assert f"chapters.{chapter.name}_help" in labels(lang)
            assert f"sections.{chapter.section}" in labels(lang)


# ---- what the code asks for ------------------------------------------------------------------


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of ``name`` in the code, and where it stands."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name and node.args:
                yield f"{path.relative_to(ROOT)}, line {node.lineno}", node


def pattern(node: ast.expr) -> str | None:
    """A regular expression for the string a literal or f-string can be; None for anything else."""
    match node:
        case ast.Constant(value=str(constant)):
            return re.escape(constant)
        case ast.JoinedStr(values=parts):
            return "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
                for part in parts
            )
    return None


def test_every_label_asked_for_exists():
    wrong, seen = [], 0
    for where, call in calls("t"):
        wanted = pattern(call.args[0])
        if wanted is None:
            wrong.append(f"{where}: the key is not to be seen: {ast.unparse(call.args[0])}")
        else:
            seen += 1
            if not any(re.fullmatch(wanted, key) for key in labels(REFERENCE)):
                wrong.append(f"{where}: no label {wanted}")
    assert not wrong, "\n".join(wrong)
    assert seen > 20, "the scan no longer sees the calls"


def test_labels_get_what_they_have_places_for():
    wrong = []
    for where, call in calls("t"):
        match call.args[0]:
            case ast.Constant(value=str(key)) if key in labels(REFERENCE):
                given = [keyword.arg for keyword in call.keywords]
                if None not in given and sorted(given) != fields_of(labels(REFERENCE)[key]):
                    wrong.append(f"{where}: {key} has {fields_of(labels(REFERENCE)[key])}")
    assert not wrong, "\n".join(wrong)


def test_every_group_asked_for_exists():
    groups = {key.partition(".")[0] for key in labels(REFERENCE)}
    asked = [(where, call.args[0].value) for where, call in calls("group")]
    assert asked
    assert not [entry for entry in asked if entry[1] not in groups]


def test_every_section_asked_for_exists():
    asked = list(calls("prose"))
    assert asked
    for where, call in asked:
        section = call.args[1].value
        assert any(section in sections(REFERENCE, chapter) for chapter in MARKDOWN), where


def test_every_reason_why_numbers_cannot_be_read_has_its_words():
    """... and what the error knows is what its label has places for."""
    tree = ast.parse(Path(own_numbers.__file__).read_text("utf-8"))
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "OwnNumbersError"
    ]
    assert len(found) >= 9
    for call in found:
        label = labels(REFERENCE)[f"own.error_{call.args[0].value}"]
        given = {keyword.arg for keyword in call.keywords}
        assert set(fields_of(label)) <= given, label


# ---- which language --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("zh-CN", "zh"),
        ("zh-TW", "zh"),
        ("ZH", "zh"),
        ("en-US", "en"),
        ("de", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_language_of_the_browser(monkeypatch: pytest.MonkeyPatch, locale: str, expected: str):
    context = SimpleNamespace(locale=locale)
    monkeypatch.setattr(text, "st", SimpleNamespace(context=context, session_state={}))
    assert text.browser_language() == expected
    assert text.language() == expected


@pytest.mark.parametrize("chosen", ["zh", "en"])
def test_a_chosen_language_wins(monkeypatch: pytest.MonkeyPatch, chosen: str):
    for locale in ("zh-CN", "en"):
        context = SimpleNamespace(locale=locale)
        fake = SimpleNamespace(context=context, session_state={"lang": chosen})
        monkeypatch.setattr(text, "st", fake)
        assert text.language() == chosen


@pytest.mark.parametrize("chosen", ["fr", "", None, 3])
def test_a_language_that_is_none_is_ignored(monkeypatch: pytest.MonkeyPatch, chosen: object):
    context = SimpleNamespace(locale="zh-CN")
    fake = SimpleNamespace(context=context, session_state={"lang": chosen})
    monkeypatch.setattr(text, "st", fake)
    assert text.language() == "zh"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1"),
        (-2.5, "−2.5"),
        (0.0, "0"),
        (1e-5, "10⁻⁵"),
        (-1e-5, "−10⁻⁵"),
        (1.58489e-8, "1.585×10⁻⁸"),
        (123456.0, "1.235×10⁵"),
        (0.0001, "0.0001"),
    ],
)
def test_number_text(value: float, expected: str):
    assert number_text(value) == expected
