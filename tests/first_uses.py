"""Where the prose of a chapter first uses a term of the glossary: there, and only there, it is
marked.

    python -m tests.first_uses training inference

marks the first uses in these chapters, in both languages. Look at the result: a word may mean
something else just there. Then say it otherwise, or mark it for the term that it is,
``[[words|term]]``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from bn_ui.text import CONTENT, LANGUAGES, MARK, glossary, marked_term, term_of

# Of no account: headings, code, formulas, links, coloured formulas, places to be filled in, and
# what somebody else calls something: titles, labels of the pages.
ASIDE = "|".join(
    (
        r"^#[^\n]*",
        r"```.*?```|`[^`\n]*`",
        r"\$\$.*?\$\$|\$[^$\n]*\$",
        r"(?<!\[)\[[^][]*\]\([^)]*\)",
        r":\w+\[[^][]*\]",
        r"\{\{\w+\}\}",
        r"“[^”[]*”",
    )
)
# A word or a symbol ends where no Latin letter, digit, index, hat or power goes on.
BEFORE, AFTER = r"(?<![A-Za-z0-9∂_'’])", r"(?![A-Za-z0-9_²\u0302])"


@dataclass(frozen=True)
class Use:
    """A term where a text names it, marked or not."""

    term: str
    start: int
    end: int
    marked: bool


def prose_of(lang: str, chapter: str) -> str:
    return (CONTENT / lang / f"{chapter}.md").read_text("utf-8")


def uses(text: str, lang: str) -> Iterator[Use]:
    """Every use of a term, in order."""
    for found in _scanner(lang).finditer(text):
        if found["mark"]:
            term = marked_term(MARK.fullmatch(found["mark"]), lang).name
            yield Use(term, *found.span(), marked=True)
        elif found["words"]:
            yield Use(term_of(found["words"], lang), *found.span(), marked=False)


@cache
def _scanner(lang: str) -> re.Pattern[str]:
    """Longer words before shorter ones: "training loss" is not a use of "loss"."""
    words = {word for term in glossary().values() for word in term.words[lang]}
    either = "|".join(_pattern(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(
        f"(?P<aside>{ASIDE})|(?P<mark>{MARK.pattern})|(?P<words>{either})",
        flags=re.M | re.S | re.I,
    )


def _pattern(word: str) -> str:
    spelled = r"\s+".join(re.escape(part) for part in word.split())
    chinese = re.search(r"[\u4e00-\u9fff]$", word)
    return spelled if chinese else f"{BEFORE}{spelled}{AFTER}"


def first_uses(text: str, lang: str) -> list[Use]:
    found: dict[str, Use] = {}
    for use in uses(text, lang):
        found.setdefault(use.term, use)
    return list(found.values())


def with_marks(text: str, lang: str) -> str:
    """The text with every first use marked; words in bold keep their asterisks inside the mark,
    where Markdown finds them between Chinese characters too."""
    for use in reversed(first_uses(text, lang)):
        if not use.marked:
            start, end = use.start, use.end
            if text[start - 2 : start] == text[end : end + 2] == "**":
                start, end = start - 2, end + 2
            text = f"{text[:start]}[[{text[start:end]}]]{text[end:]}"
    return text


def unmarked(text: str) -> str:
    """The words alone."""
    return MARK.sub(r"\1", text)


if __name__ == "__main__":
    for chapter in sys.argv[1:]:
        for lang in LANGUAGES:
            path = CONTENT / lang / f"{chapter}.md"
            path.write_text(with_marks(prose_of(lang, chapter), lang), "utf-8")
