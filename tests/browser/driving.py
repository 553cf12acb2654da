"""What a test does to the page with the live chart, and what it reads from it.

Nothing here waits for a time to pass: it waits for what should be seen.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request

from bn_ui.numbers import number_text
from tests import direct

KNOBS = ("dist_gamma", "dist_beta", "dist_eps", "dist_scale")
START = {"gamma": 1.0, "beta": 0.0, "eps": 1e-5, "activation": "sigmoid"}
FEATURE = 6  # the column of the feature that the chapter opens with
# Streamlit looks for its own base path below the page's address, once for each of these.
PROBES = ("/_stcore/health", "/_stcore/host-config")

# The app's own Content-Security-Policy forbids `eval`, which Playwright's `wait_for_function` uses:
# hence `bn.until`.
HELPERS = Path(__file__).with_name("helpers.js").read_text("utf-8")


class Watch:
    """Notes what the browser complains about and whom else it asks."""

    def __init__(self, page: Page, home: str) -> None:
        self.page = page
        self.ours = (home, home.replace("http", "ws"), "data:", "blob:")
        self.seen: list[str] = []
        self.listeners = {
            "console": self.on_console,
            "request": self.on_request,
            "pageerror": self.on_error,
        }
        for event, listener in self.listeners.items():
            page.on(event, listener)

    def end(self) -> list[str]:
        for event, listener in self.listeners.items():
            self.page.remove_listener(event, listener)
        return self.seen

    def on_console(self, message: ConsoleMessage) -> None:
        where = message.location["url"]
        if message.type == "error" and not where.endswith(PROBES):
            self.seen.append(f"console: {message.text} ({where})")

    def on_request(self, request: Request) -> None:
        if not request.url.startswith(self.ours):
            self.seen.append(f"asked another host: {request.url}")

    def on_error(self, error: Error) -> None:
        self.seen.append(f"uncaught: {error}")


BOX_SHOWS = "Math.abs(document.querySelector(given[0]).valueAsNumber - given[1]) <= given[2]"


class Lab:
    """The Distributions chapter in a browser tab."""

    def __init__(self, page: Page, home: str) -> None:
        self.page = page
        self.home = home

    # ---- going there -----------------------------------------------------------------------

    def open(self, path: str) -> Lab:
        self.page.goto(self.home + path)
        return self.ready()

    def ready(self) -> Lab:
        """Until the chart is drawn and the server has nothing more to say."""
        self.page.evaluate(HELPERS)
        return self.until("bn.drawn() && bn.settled()")

    def settle(self) -> Lab:
        """Until the last proposal has been answered and its picture drawn."""
        return self.until("bn.settled()")

    def until(self, condition: str, given: Any = None) -> Lab:
        """Wait for an expression in the page to be true; ``given`` is its ``given``."""
        self.page.evaluate(
            f"(given) => bn.until(() => ({condition}), {json.dumps(condition)})", given
        )
        return self

    def watch(self) -> None:
        self.page.evaluate("bn.watch()")

    def pictures(self) -> list[dict[str, Any]]:
        return self.page.evaluate("bn.pictures")

    def positions(self) -> dict[str, list[int]]:
        """Every position each knob was seen at."""
        return self.page.evaluate("bn.positions")

    # ---- turning knobs ---------------------------------------------------------------------

    def knob(self, key: str) -> Locator:
        return self.page.locator(f"[data-knob={key}] input")

    def point(self, key: str, fraction: float) -> tuple[float, float]:
        """Where the thumb of a knob stands at a fraction of its way."""
        self.knob(key).scroll_into_view_if_needed()
        box = self.knob(key).bounding_box()
        thumb = 16
        x = box["x"] + thumb / 2 + fraction * (box["width"] - thumb)
        return x, box["y"] + box["height"] / 2

    def drag(self, key: str, *fractions: float, release: bool = True) -> None:
        """From the first fraction of the knob's way over the others, a frame at each."""
        start, *rest = fractions
        mouse = self.page.mouse
        mouse.move(*self.point(key, start))
        mouse.down()
        for fraction in rest:
            mouse.move(*self.point(key, fraction))
            self.next_frame()
        if release:
            mouse.up()

    def next_frame(self) -> None:
        self.page.evaluate("bn.nextFrame()")

    def put(self, key: str, position: int, *events: str) -> None:
        """A position exactly, as a drag over it would set it."""
        self.knob(key).evaluate(
            """(input, [position, events]) => {
                input.value = position;
                for (const name of events) input.dispatchEvent(new Event(name, { bubbles: true }));
            }""",
            [position, events or ("input",)],
        )

    def type(self, key: str, text: str) -> None:
        """A number into the box of a knob."""
        box = self.page.locator(f".st-key-{key} input")
        box.fill(text)
        box.press("Enter")

    # ---- what is on the screen -------------------------------------------------------------

    def at(self, key: str) -> int:
        return int(self.knob(key).input_value())

    def text(self, key: str) -> str:
        return self.page.locator(f"[data-knob={key}] output").inner_text()

    def box(self, key: str) -> float:
        return float(self.page.locator(f".st-key-{key} input").input_value())

    def sent(self) -> int:
        """How many proposals this chart has made."""
        return int(self.page.evaluate("bn.root().dataset.sent ?? 0"))

    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.page.url).query))

    def table(self) -> np.ndarray:
        """The fifteen numbers below the figure, as they can be read."""
        cells = self.page.locator(".bn-live:has([data-knob]) [data-cell]")
        found = np.zeros(15)
        for place, text in cells.evaluate_all(
            "all => all.map((c) => [c.dataset.cell, c.textContent])"
        ):
            found[int(place)] = read_number(text)
        return found

    def histogram(self, name: str) -> list[int]:
        return self.page.evaluate("(name) => bn.histogram(name)", name)

    def everything(self) -> dict[str, Any]:
        """All that a reader sees once the page is at rest, to be compared with another visit."""
        return self.page.evaluate("bn.atRest()")

    # ---- what should be on the screen ------------------------------------------------------

    def await_picture(self, setting: dict[str, Any], x: np.ndarray) -> None:
        """Until all four histograms are those the core computes."""
        wanted = direct.counts(direct.quantities(x, **setting), setting["activation"])
        self.until("bn.shows(given)", {name: c.tolist() for name, c in wanted.items()})

    def assert_shows(
        self, setting: dict[str, Any] | None = None, x: np.ndarray | None = None, **changed: float
    ) -> None:
        """Picture, table, knobs, number boxes and link all say the same, and the core agrees."""
        setting = (setting or START) | changed
        x = opening_batch() if x is None else x
        self.settle()
        self.await_picture(setting, x)
        wanted = direct.table(direct.quantities(x, **setting), setting["activation"])
        found = self.table()
        np.testing.assert_allclose(found, wanted, rtol=6e-4, atol=0.051)
        for name in ("gamma", "beta", "eps"):
            value, key = setting[name], f"dist_{name}"
            assert self.text(key) == number_text(value)
            tolerance = abs(value) * (1e-2 if name == "eps" else 1e-6) + 1e-8
            self.until(BOX_SHOWS, [f".st-key-{key} input", value, tolerance])
            linked = self.query().get(key)
            assert (START[name] if linked is None else float(linked)) == value, key


def go(page: Page, place: Locator) -> None:
    """To a place, or into it, with Tab or Shift+Tab, from wherever the focus is."""
    for _ in range(60):
        way = place.evaluate(
            """(e) => {
                const at = document.activeElement;
                if (e.contains(at)) return '';
                return at.compareDocumentPosition(e) & 4 ? 'Tab' : 'Shift+Tab';
            }"""
        )
        if not way:
            return
        page.keyboard.press(way)
    raise AssertionError("the keyboard does not come there")


def opening_batch() -> np.ndarray:
    """The feature that the chapter opens with, (256, 1)."""
    return direct.hidden()[:, [FEATURE]]


def read_number(text: str) -> float:
    if text == "–":
        return np.nan
    mantissa, _, exponent = text.replace("−", "-").removesuffix(" %").partition("×10")
    power = exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(mantissa) * 10.0 ** int(power or 0)
