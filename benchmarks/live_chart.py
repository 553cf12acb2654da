"""How many pictures a second does a dragged knob show, and what does a release cost?

    python benchmarks/live_chart.py

Three pages in one browser, each under the same three-second drag of the mouse:

live chart   the Distributions chapter of this app
plain        the same figure with Streamlit's own slider and chart (tests/browser/plain_page.py)
bare SVG     one outline as large as the figure, replaced at every animation frame: what the browser
             itself can do on this machine

The machine and its load decide the numbers; what to read are the ratios, all of one run.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.async_api import Browser, CDPSession, Page, async_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.browser.driving import HELPERS
from tests.browser.serving import FLAGS, Server, chromium

SECONDS = 3.0
MOVES_A_SECOND = 60
RELEASES = 7
QUIET_MS = 700  # between them
WINDOW = {"width": 1280, "height": 900}

# Notes every picture that was on the screen: outlines of all curves, as the page has them at each
# animation frame.
RECORDER = """
window.bench = {
  curves: () => {
    const all = [...document.querySelectorAll(bench.selector)];
    return all.map((curve) => curve.getAttribute('d')).join();
  },
  start: (selector) => {
    bench.selector = selector;
    bench.seen = new Set([bench.curves()]);
    const look = () => {
      if (!bench.seen) return;
      bench.seen.add(bench.curves());
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  },
  stop: () => {
    const pictures = bench.seen.size - 1;
    bench.seen = null;
    return pictures;
  },
  // Milliseconds from the next release of the mouse until `holds`.
  timeRelease: (holds) => {
    bench.took = new Promise((done) => {
      document.addEventListener('pointerup', () => {
        const start = performance.now();
        const look = () => {
          if (holds()) done(performance.now() - start);
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }, { capture: true, once: true });
    });
  },
};
"""

BARE = """
<body style="margin: 40px">
<input type="range" min="0" max="240" style="width: 180px; margin: 0">
<svg width="808" height="440" style="display: block">
  <path class="curve" fill="#0b66a833" stroke="#0b66a8"/>
</svg>
<script>
const path = document.querySelector('path');
const input = document.querySelector('input');
let wanted = false;
function draw() {
  wanted = false;
  let d = 'M0,440';
  for (let bin = 0; bin < 64; bin++) {
    const height = (bin * 37 + input.value * 11) % 400;
    d += `H${bin * 12.6}V${440 - height}`;
  }
  path.setAttribute('d', d);
}
input.addEventListener('input', () => {
  if (!wanted) requestAnimationFrame(draw);
  wanted = true;
});
draw();
</script>
"""


@dataclass(frozen=True)
class Contestant:
    """A page, where to find its slider and its curves, and when a release has been answered."""

    name: str
    open: Callable[[Page], Awaitable[None]]
    track: str
    curves: str
    answered: str | None


@dataclass(frozen=True)
class Result:
    pictures: int
    seconds: float
    script_ms: float
    task_ms: float
    release_ms: float | None = None

    @property
    def rate(self) -> float:
        return self.pictures / self.seconds


def contestants(app: Server, plain: Server) -> list[Contestant]:
    async def open_app(page: Page) -> None:
        await page.goto(f"{app.url}/distributions")
        await page.evaluate(HELPERS)
        await page.evaluate("bn.until(() => bn.drawn() && bn.settled(), 'the chart')")

    async def open_plain(page: Page) -> None:
        await page.goto(plain.url)
        await page.locator(".js-plotly-plot .js-line").nth(4).wait_for()

    return [
        Contestant(
            "live chart",
            open_app,
            "[data-knob=dist_gamma] input",
            ".bn-live:has([data-knob]) .js-line",
            "bn.root().dataset.sent > bench.before && bn.settled()",
        ),
        Contestant(
            "plain",
            open_plain,
            ".st-key-gamma [role=group]",
            ".js-plotly-plot .js-line",
            "bench.curves() !== bench.before",
        ),
        Contestant("bare SVG", lambda page: page.set_content(BARE), "input", ".curve", None),
    ]


class Mouse:
    """Moves along a slider. A move does not wait until the page has dealt with the one before."""

    def __init__(self, session: CDPSession, box: dict[str, float]) -> None:
        self.session = session
        self.left, self.width = box["x"] + 8, box["width"] - 16
        self.y = box["y"] + box["height"] / 2
        self.pending: list[asyncio.Task] = []

    def send(self, kind: str, fraction: float) -> None:
        event = {
            "type": kind,
            "x": self.left + fraction * self.width,
            "y": self.y,
            "button": "left",
            "buttons": 0 if kind == "mouseReleased" else 1,
            "clickCount": 1,
        }
        sending = self.session.send("Input.dispatchMouseEvent", event)
        self.pending.append(asyncio.ensure_future(sending))

    async def done(self) -> None:
        await asyncio.gather(*self.pending)
        self.pending.clear()


async def measure(browser: Browser, one: Contestant) -> Result:
    context = await browser.new_context(viewport=WINDOW, locale="en-US")
    page = await context.new_page()
    await one.open(page)
    await page.evaluate(RECORDER)
    session = await context.new_cdp_session(page)
    await session.send("Performance.enable")
    mouse = Mouse(session, await page.locator(one.track).bounding_box())
    result = await drag(page, one, session, mouse)
    if one.answered:
        result = replace(result, release_ms=await release(page, one, mouse))
    await context.close()
    return result


async def drag(page: Page, one: Contestant, session: CDPSession, mouse: Mouse) -> Result:
    mouse.send("mousePressed", 0.5)
    await mouse.done()
    await page.evaluate("(selector) => bench.start(selector)", one.curves)
    before, start = await metrics(session), time.monotonic()
    while (elapsed := time.monotonic() - start) < SECONDS:
        # Twice there and back, from end to end.
        phase = 4 * elapsed / SECONDS % 2
        mouse.send("mouseMoved", phase if phase < 1 else 2 - phase)
        await asyncio.sleep(1 / MOVES_A_SECOND)
    pictures = await page.evaluate("bench.stop()")
    after, seconds = await metrics(session), time.monotonic() - start
    mouse.send("mouseReleased", 0.5)
    await mouse.done()
    script, task = (
        1000 * (after[name] - before[name]) for name in ("ScriptDuration", "TaskDuration")
    )
    return Result(pictures, seconds, script, task)


async def metrics(session: CDPSession) -> dict[str, float]:
    found = (await session.send("Performance.getMetrics"))["metrics"]
    return {entry["name"]: entry["value"] for entry in found}


async def release(page: Page, one: Contestant, mouse: Mouse) -> float:
    """Median time from letting go to the answer, over drags to different places."""
    times = []
    place = 0.5
    for i in range(RELEASES):
        await page.wait_for_timeout(QUIET_MS)  # the answer to the drag before this one
        mouse.send("mousePressed", place)
        place = 0.5 + (-1) ** i * 0.04 * (i + 1)
        mouse.send("mouseMoved", (0.5 + place) / 2)
        mouse.send("mouseMoved", place)
        await mouse.done()
        await page.evaluate(
            f"""() => {{
                bench.before = window.bn ? Number(bn.root().dataset.sent ?? 0) : bench.curves();
                bench.timeRelease(() => {one.answered});
            }}"""
        )
        mouse.send("mouseReleased", place)
        await mouse.done()
        times.append(await page.evaluate("bench.took"))
    return statistics.median(times)


def table(results: dict[str, Result]) -> None:
    bare = results["bare SVG"].rate
    print(f"Distinct pictures during a drag of {SECONDS:g} s; medians of {RELEASES} releases")
    print()
    print(
        f"{'':12} {'pictures/s':>10} {'of bare SVG':>12} {'script/picture':>15} "
        f"{'tasks/picture':>14} {'release → answer':>17}"
    )
    for name, result in results.items():
        each = [
            f"{ms / result.pictures:.1f} ms" if result.pictures else "–"
            for ms in (result.script_ms, result.task_ms)
        ]
        answer = "–" if result.release_ms is None else f"{result.release_ms:.0f} ms"
        print(
            f"{name:12} {result.rate:10.1f} {result.rate / bare:11.0%} {each[0]:>15} "
            f"{each[1]:>14} {answer:>17}"
        )


async def run(app: Server, plain: Server, path: str) -> dict[str, Result]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        results = {one.name: await measure(browser, one) for one in contestants(app, plain)}
        await browser.close()
    return results


def main() -> None:
    path = chromium()
    if path is None:
        sys.exit("No Chromium or Google Chrome on the PATH, nor named by CHROMIUM.")
    with (
        Server(["-m", "streamlit", "run", "app.py"]) as app,
        Server(["-m", "streamlit", "run", "tests/browser/plain_page.py"]) as plain,
    ):
        table(asyncio.run(run(app, plain, path)))


if __name__ == "__main__":
    main()
