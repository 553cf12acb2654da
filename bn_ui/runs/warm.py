"""Compute jobs beforehand and keep them on disk: what a class will ask for is there at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bn_ui.runs.jobs import Job
from bn_ui.runs.pool import Pool
from bn_ui.runs.state import DONE, Limits
from bn_ui.runs.store import Store


def warm(jobs: Sequence[Job], store: Store, *, workers: int | None = None) -> Iterator[str]:
    """Compute what the store does not have; a line about every job, in the order given.

    Raises RuntimeError if the folder cannot be written or a run has failed: ``make`` must notice.
    """
    limits = Limits(waiting=len(jobs), waiting_each=len(jobs), unwatched=math.inf, longest=math.inf)
    pool = Pool(workers=workers, store=store, limits=limits)
    try:
        views = [pool.submit(job, "warm") for job in jobs]
        for job, view in zip(jobs, views, strict=True):
            end = view.wait()
            if end.state != DONE:
                raise RuntimeError(f"{job.key}: {end.state} ({end.reason})")
            yield f"{end.seconds:6.1f} s  {job.key}"
    finally:
        pool.close()  # waits until the last one is written
    if store.problem:
        raise RuntimeError(store.problem)
