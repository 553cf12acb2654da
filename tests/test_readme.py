"""The two READMEs name the same commands and chapters, and lead to each other."""

import re
from pathlib import Path

import pytest

from bn_ui.chapters import CHAPTERS
from bn_ui.text import LANGUAGES, labels

ROOT = Path(__file__).resolve().parent.parent
FILES = {"en": "README.md", "zh": "README.zh-CN.md"}
TEXTS = {lang: (ROOT / name).read_text("utf-8") for lang, name in FILES.items()}


def blocks(text: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", text, flags=re.M | re.S)


def commands(text: str) -> list[str]:
    """Lines of shell and Python without their comments."""
    found = []
    for block in re.findall(r"^```(?:sh|python)\n(.*?)^```", text, flags=re.M | re.S):
        found += [line.partition("#")[0].rstrip() for line in block.splitlines()]
    return found


def test_the_same_commands():
    assert commands(TEXTS["en"]) == commands(TEXTS["zh"])
    assert "make run" in commands(TEXTS["en"])


def test_the_same_names_in_code():
    english, chinese = (set(re.findall(r"`([^`\n]+)`", TEXTS[lang])) for lang in ("en", "zh"))
    assert english == chinese


def test_the_same_shape():
    """As many headings, tables rows, blocks and pictures."""
    for pattern in (r"^#+ ", r"^\|", r"^```", r"docs/[\w-]+\.png"):
        counts = [len(re.findall(pattern, text, flags=re.M)) for text in TEXTS.values()]
        assert counts[0] == counts[1], pattern
    assert [len(block.splitlines()) for block in blocks(TEXTS["en"])] == [
        len(block.splitlines()) for block in blocks(TEXTS["zh"])
    ]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_chapter_stands_in_both_in_both_languages(chapter):
    for text in TEXTS.values():
        rows = [line for line in text.splitlines() if line.startswith("|")]
        titles = [labels(lang)[f"chapters.{chapter.name}"] for lang in LANGUAGES]
        assert [row for row in rows if all(title in row for title in titles)], chapter.name


def test_they_lead_to_each_other():
    assert f"]({FILES['zh']})" in TEXTS["en"]
    assert f"]({FILES['en']})" in TEXTS["zh"]


def test_make_knows_the_commands():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"\bmake (\w+)\b(?! to)", "\n".join(commands(TEXTS["en"]))))
    assert {"run", "class", "test"} <= named
    for name in named:
        assert re.search(rf"^{name}:", makefile, flags=re.M), name


@pytest.mark.parametrize("lang", FILES)
def test_links_to_files_lead_somewhere(lang: str):
    for target in re.findall(r"\]\(((?!https?:)[^)]+)\)", TEXTS[lang]):
        assert (ROOT / target).is_file(), target
