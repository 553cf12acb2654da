"""What a reader is told of a run."""

from __future__ import annotations

import math

from bn_ui.runs.state import DONE, RUNNING, WAITING, Refused, Snapshot
from bn_ui.text import t


def sentence(now: Snapshot) -> str:
    """Where the run stands, in one sentence or two."""
    left, trained = duration(now.seconds_left), duration(now.seconds)
    if now.state == WAITING and now.position == 1:
        return t("runs.waiting_next", left=left)
    if now.state == WAITING:
        return t("runs.waiting", position=now.position, queued=now.queued, left=left)
    if now.state == RUNNING:
        return t("runs.running", percent=math.floor(100 * now.progress), left=left)
    if now.state == DONE:
        return t("runs.done", trained=trained)
    return t(f"runs.{now.reason}", trained=trained)


def refusal(refused: Refused) -> str:
    """Why a run was not taken."""
    return t(f"runs.refused_{refused.whose}", limit=refused.limit)


def duration(seconds: float) -> str:
    """Tenths below ten seconds, and minutes from one on."""
    if seconds < 9.95:
        return t("runs.seconds", n=f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), 60)
    if minutes:
        return t("runs.minutes", m=minutes, s=rest)
    return t("runs.seconds", n=rest)
