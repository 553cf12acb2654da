"""Links as no page writes them: random, absurd, malicious. A seed decides which."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from streamlit.testing.v1 import AppTest

from bn_ui.chapters import CHAPTERS
from bn_ui.url import Field
from tests.page_definitions import definitions

ROUTER = Path(__file__).resolve().parent.parent / "bn_ui" / "router.py"
LONGEST = 20  # seconds, on any machine: what has no bound takes longer
LONGEST_LINK = 3000  # characters of what the page makes of it
EVERYWHERE = ("lang", "present", "hide", "revealed", "v", "utm_source", "__proto__")
ABSURD = (
    "",
    "-",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-1e308",
    "1e-320",
    "0",
    "-0",
    "99999999999999999999",
    "0x10",
    "1_000",
    "١٢٣",
    "½",
    "None",
    "true",
    "[]",
    '{"a":1}',
    "<script>alert(1)</script>",
    "![x](http://example.org/x.png)",
    "$\\frac{1}{0}$",
    "'; DROP TABLE x; --",
    "../../etc/passwd",
    "\x00\x07",
    "\u202e\ufeff\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "中文" * 50,
    "a" * 5000,
    "1~" * 3000,
    "_".join(["1~2~3~4"] * 9),
    "1~2_3",
    "1e7",
    "1~1_1~1",
    "0_1e-200",
    "1e6~-1e6_1e6~1e6",
    "var.nothing",
    "dx.dx",
)


def links(count: int, seed: int) -> list[tuple[str, dict[str, str]]]:
    """(chapter, parameters), every chapter in turn."""
    rng = random.Random(seed)
    names = [chapter.name for chapter in CHAPTERS]
    return [
        (chapter, _parameters(rng, definitions(chapter).FIELDS))
        for chapter in (names[n % len(names)] for n in range(count))
    ]


def visit(chapter: str, parameters: Mapping[str, str]) -> AppTest:
    """The page that a link opens, in a session of its own; an error if it takes too long."""
    app = AppTest.from_file(str(ROUTER), default_timeout=LONGEST)
    app.query_params.update(parameters)
    return app.switch_page(f"../pages/{chapter}.py").run()


def complaint(app: AppTest) -> str:
    """What is wrong with the page, or nothing."""
    if app.exception:
        return app.exception[0].message
    kept = sum(len(text) for key in app.query_params for text in app.query_params[key])
    return "no page" if not app.title else "its link grew" if kept >= LONGEST_LINK else ""


def _parameters(rng: random.Random, fields: Sequence[Field]) -> dict[str, str]:
    chosen = rng.sample(list(fields), rng.randint(0, min(6, len(fields))))
    found = {field.key: _value(rng, field) for field in chosen}
    for key in rng.sample(EVERYWHERE, rng.randint(0, 3)):
        found[key] = rng.choice((*ABSURD, "zh", "en", "1"))
    return found


def _value(rng: random.Random, field: Field) -> str:
    """Half of the time something absurd, else a number or another field's kind of value."""
    match rng.randrange(6):
        case 0:
            return f"{rng.uniform(-20, 20):.3g}"
        case 1:
            return str(rng.randint(-5, 3000))
        case 2:
            return field.write(field.default)
        case _:
            return rng.choice(ABSURD)
