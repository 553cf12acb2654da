"""Absurd and malicious links, new ones at every run: what does one cost, does any break a page?

    python benchmarks/links.py [how many] [seed]

The work of a link is the server's CPU for the first run of its page, in a session of its own. Read
the ratio: against the same chapter opened plainly, which is measured again beside every link.
"""

import logging
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bn_ui.chapters import CHAPTERS
from tests.hostile import complaint, links, visit

COUNT = 2000


def cost(chapter: str, parameters: Mapping[str, str]) -> tuple[float, str]:
    """Seconds of CPU, and what is wrong with the page."""
    start = time.process_time()
    try:
        wrong = complaint(visit(chapter, parameters))
    except RuntimeError as error:  # took longer than it may
        wrong = str(error)
    return time.process_time() - start, wrong


def main(count: int, seed: int) -> int:
    logging.disable(logging.WARNING)  # of calls without a browser, which this is
    ratios: dict[str, list[float]] = {chapter.name: [] for chapter in CHAPTERS}
    broken = []
    for chapter in ratios:
        cost(chapter, {})  # what is loaded once is no part of the measurement
    for chapter, parameters in links(max(count, 2 * len(ratios)), seed):
        plain, _ = cost(chapter, {})
        took, wrong = cost(chapter, parameters)
        ratios[chapter].append(took / plain)
        broken += [f"/{chapter} {parameters}: {wrong}"] if wrong else []

    print(f"Hostile links, seed {seed}: CPU against the same chapter opened plainly")
    print(f"{'chapter':16}{'links':>7}{'median':>9}{'p99':>9}{'worst':>9}")
    for chapter, found in ratios.items():
        p99 = statistics.quantiles(found, n=100, method="inclusive")[-1]
        row = (statistics.median(found), p99, max(found))
        print(f"{chapter:16}{len(found):>7}" + "".join(f"{value:>8.2f}×" for value in row))
    print(f"pages that broke: {len(broken)}", *broken[:20], sep="\n  ")
    return int(bool(broken))


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:3]]
    sys.exit(main(*given, *(COUNT, int(time.time()))[len(given) :]))
