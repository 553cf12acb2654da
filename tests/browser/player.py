"""What a test does to a page with the step player, and what it reads from it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from playwright.sync_api import Locator, Page

from bn_core.derivation import derive
from bn_core.upstream import half_squared_error
from tests.browser.driving import HELPERS

X = np.array([[1.2, 40], [0.4, 55], [2.9, 38], [-0.5, 61]])
GAMMA, BETA = np.array([1.5, 0.8]), np.array([0.5, -1.0])
TARGET = np.array([[1, 0], [0, -1], [1, 0], [-1, 1]])

SETTLED = """(() => {
    const root = document.querySelector('.bn-step');
    return root && root.querySelector('.bn-general .katex') && bn.idle()
        && [...document.querySelectorAll('.bn-live')].every((c) => c.dataset.pictures > 0);
})()"""


class Player:
    """A step by step chapter in a browser tab."""

    def __init__(self, page: Page, home: str) -> None:
        self.page, self.home = page, home

    # ---- going there -----------------------------------------------------------------------

    def open(self, path: str) -> Player:
        self.page.goto(self.home + path)
        return self.ready()

    def ready(self) -> Player:
        """Until formulas are typeset, charts drawn, and the server has nothing more to say."""
        self.page.evaluate(HELPERS)
        return self.until(SETTLED)

    def until(self, condition: str, given: Any = None) -> Player:
        """Wait for an expression in the page to be true; ``given`` is its ``given``."""
        self.page.evaluate(
            f"(given) => bn.until(() => ({condition}), {json.dumps(condition)})", given
        )
        return self

    # ---- what is done ------------------------------------------------------------------------

    @property
    def root(self) -> Locator:
        return self.page.locator(".bn-step")

    def part(self, name: str) -> Locator:
        return self.root.locator(f".bn-{name}")

    def next(self) -> None:
        self.part("next").click()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, name: str, value: str) -> None:
        """An option of one of the player's own menus: sample, feature, quantity, pace."""
        self.part(name).select_option(value)

    def write(self, key: str, text: str) -> None:
        """Numbers into a box of the batch, taken in by leaving the box."""
        box = self.page.locator(f".st-key-{key}_box").locator("textarea, input")
        box.fill(text)
        box.press("Control+Enter" if "\n" in text or key in ("batch_x", "batch_dy") else "Enter")

    def answer(self, text: str) -> None:
        """A number into the blank, and Enter."""
        box = self.part("answer").locator("input")
        box.fill(text)
        box.press("Enter")

    # ---- what is on the screen ---------------------------------------------------------------

    def step(self) -> str:
        return self.root.get_attribute("data-step")

    def at(self, step: str, **more: str) -> Player:
        """Wait until this step is shown and in the link."""
        self.until("document.querySelector('.bn-step').dataset.step === given", step)
        for key, value in more.items():
            self.until(
                "new URLSearchParams(location.search).get(given[0]) === given[1]", [key, value]
            )
        return self

    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.page.url).query))

    def cells(self) -> dict[str, dict[tuple[int, int], tuple[str, str]]]:
        """Every number of the tables: quantity → (row, column) → (shown, in full)."""
        found: dict[str, dict[tuple[int, int], tuple[str, str]]] = {}
        raw = self.root.locator("td[data-cell]").evaluate_all(
            "all => all.map((c) => [c.dataset.cell, c.textContent, c.title])"
        )
        for place, text, full in raw:
            name, i, k = place.split()
            found.setdefault(name, {})[int(i), int(k)] = (text, full)
        return found

    def table(self, name: str) -> np.ndarray:
        """A quantity as the table has it on hover, in full."""
        cells = self.cells()[name]
        rows, columns = (1 + max(place[axis] for place in cells) for axis in (0, 1))
        return np.array(
            [[float(cells[i, k][1]) for k in range(columns)] for i in range(rows)], float
        )

    def marked(self) -> dict[str, list[str]]:
        """What is marked as the quantity, sample or feature that is pointed at, by part."""
        return self.root.evaluate(
            """(root) => {
                const texts = (selector) =>
                    [...root.querySelectorAll(selector)].map((e) => e.dataset.cell ?? e.dataset.key
                        ?? `${e.dataset.q ?? ''} ${e.dataset.i ?? ''}`.trim());
                return {
                    formula: texts('.bn-filled [data-q].bn-marked'),
                    table: texts('td.bn-here'),
                    quantity: texts('td.bn-marked'),
                    picture: texts('.bn-dot.bn-old.bn-here'),
                    title: texts('.bn-line-name.bn-marked'),
                    graph: texts('.bn-node.bn-marked'),
                };
            }"""
        )


def opening() -> dict[str, np.ndarray]:
    """What the chapters open with, by the core alone."""
    y = derive(X, GAMMA, BETA)["y"]
    return derive(X, GAMMA, BETA, dy=half_squared_error(y, TARGET)[1])
