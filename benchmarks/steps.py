"""How long from pressing Next to the finished step?

    python benchmarks/steps.py

Times are taken in the browser: from the key press to the first animation frame after the one in
which heading, formula with numbers, table, picture and graph were all of the new step. Beside it
the ordinary way: Streamlit's own button, formula and table (benchmarks/plain_steps.py), from the
press to the frame after the new formula. The machine decides the times; read the ratio.
"""

import statistics
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.browser.driving import HELPERS
from tests.browser.player import SETTLED
from tests.browser.serving import FLAGS, Server, chromium

PRESSES = 60
GOAL_MS = 300  # 95th percentile
WINDOW = {"width": 1280, "height": 900}
LARGEST = "batch_x=" + "_".join(
    "~".join(f"{(i * 7 + k * 3) % 11}" for k in range(4)) for i in range(8)
)

# The next press of a key, until `done()` holds and has been painted.
TIMER = """
window.bench = {
  time: (done) => {
    bench.took = new Promise((resolve) => {
      document.addEventListener('keydown', () => {
        const start = performance.now();
        const look = () => {
          if (done()) requestAnimationFrame(() => resolve(performance.now() - start));
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }, { capture: true, once: true });
    });
  },
};
"""
# What a finished step is: every part says the same step.
PLAYER = """() => {
    const root = document.querySelector('.bn-step');
    const before = root.dataset.step;
    const filled = root.querySelector('.bn-filled').textContent;
    bench.time(() => root.dataset.step !== before
        && root.querySelector('.bn-filled').textContent !== filled
        && root.querySelector('.bn-rail [aria-current]').dataset.go === root.dataset.step
        && root.querySelector('.bn-result td') && root.querySelector('.bn-node.bn-current'));
}"""
PLAIN = """() => {
    const formula = () => document.querySelector('[data-testid=stMarkdown] .katex')?.textContent;
    const before = formula();
    bench.time(() => formula() && formula() !== before);
}"""


def player(page: Page, url: str) -> list[float]:
    page.goto(url)
    page.evaluate(HELPERS)
    page.evaluate(f"bn.until(() => {SETTLED}, 'the player')")
    page.evaluate(TIMER)
    page.locator(".bn-step .bn-open").check()
    page.locator(".bn-step .bn-next").focus()
    times, key = [], "ArrowRight"
    for _ in range(PRESSES):
        page.evaluate(PLAYER)
        page.keyboard.press(key)
        times.append(page.evaluate("bench.took"))
        if page.locator(".bn-step .bn-next").get_attribute("aria-disabled") == "true":
            key = "ArrowLeft"
        elif page.locator(".bn-step .bn-back").get_attribute("aria-disabled") == "true":
            key = "ArrowRight"
    return times


def ordinary(page: Page, url: str) -> list[float]:
    page.goto(url)
    page.locator("[data-testid=stMarkdown] .katex").wait_for()
    page.evaluate(TIMER)
    times = []
    for _ in range(PRESSES // 2):
        page.locator(".st-key-next button").focus()
        page.evaluate(PLAIN)
        page.keyboard.press("Enter")
        times.append(page.evaluate("bench.took"))
    return times


def row(name: str, times: list[float], baseline: float | None = None) -> str:
    median = statistics.median(times)
    p95 = statistics.quantiles(times, n=20)[-1]
    ratio = f"{baseline / median:6.1f} ×" if baseline else ""
    return f"{name:34} {median:7.0f} ms {p95:7.0f} ms {max(times):7.0f} ms {ratio:>10}"


def measure(browser: Browser, app: Server, plain: Server) -> bool:
    page = browser.new_page(viewport=WINDOW, locale="en-US")
    baseline = ordinary(page, plain.url)
    reference = statistics.median(baseline)
    print(f"From a key press to the finished step; {PRESSES} presses")
    print()
    print(f"{'':34} {'median':>10} {'p95':>10} {'largest':>10} {'faster':>10}")
    print(row("Streamlit's own button", baseline))
    good = True
    for name, path in (
        ("forward, 4 × 2", "/forward"),
        ("backward, 4 × 2", "/backward"),
        ("backward, 8 × 4", f"/backward?{LARGEST}"),
    ):
        times = player(page, app.url + path)
        print(row(name, times, reference))
        good &= statistics.quantiles(times, n=20)[-1] <= GOAL_MS
    print()
    print(f"Goal: p95 at most {GOAL_MS} ms: {'reached' if good else 'missed'}")
    return good


def main() -> None:
    path = chromium()
    if path is None:
        sys.exit("No Chromium or Google Chrome on the PATH, nor named by CHROMIUM.")
    with (
        Server(["-m", "streamlit", "run", "app.py"]) as app,
        Server(["-m", "streamlit", "run", "benchmarks/plain_steps.py"]) as plain,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        measure(browser, app, plain)
        browser.close()


if __name__ == "__main__":
    main()
