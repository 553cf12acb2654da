"""A trained network meets other data than it was trained on: moved, or of one class more than of
the other. With which statistics is it right more often, the running ones or the batch's own?

Batch statistics at test time as a repair: Schneider et al. (2020, https://arxiv.org/abs/2006.16971)
and Nado et al. (2020, https://arxiv.org/abs/2006.10963), who also find where it does harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core._checks import checked_int
from bn_core.network import Network, Statistics, forward

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class TestBatches:
    """Mini-batches of two classes, mixed as asked for.

    Parameters
    ----------
    x
        (batches, m, features).
    labels
        (batches, m).
    """

    __test__ = False  # no test case

    x: FloatArray
    labels: NDArray[np.int64]

    def shifted(self, shift: float) -> FloatArray:
        """The samples with ``shift`` added to their first feature."""
        moved = self.x.copy()
        moved[..., 0] += shift
        return moved


def mixed_batches(
    x: ArrayLike, labels: ArrayLike, ones: int, *, size: int, count: int, seed: int
) -> TestBatches:
    """Draw mini-batches of which ``ones`` samples each are of class 1, the rest of class 0.

    Within a batch no sample comes twice.

    Raises
    ------
    ValueError
        If ``ones`` is not from 0 to ``size``, or a class has too few samples.
    """
    x, labels = np.asarray(x, dtype=np.float64), np.asarray(labels)
    ones = checked_int("ones", ones, minimum=0, maximum=checked_int("size", size, minimum=1))
    rng = np.random.default_rng(seed)
    # Whole orders are drawn, so that batches of another mix begin with the same samples.
    rows = np.array(
        [
            np.concatenate(
                [
                    rng.permutation(np.flatnonzero(labels == label))[:wanted]
                    for label, wanted in ((0, size - ones), (1, ones))
                ]
            )
            for _ in range(checked_int("count", count, minimum=1))
        ]
    )
    if rows.shape[1] != size:
        raise ValueError(f"size must leave both classes enough samples, got {size}")
    return TestBatches(x[rows], labels[rows])


def accuracies(
    network: Network,
    running: Statistics,
    batches: Sequence[TestBatches],
    shifts: Sequence[float],
) -> FloatArray:
    """Share of right answers with running statistics, and with those of each batch.

    Returns
    -------
    A row for each of ``batches`` and, within it, for each of ``shifts``: (rows, 2).
    """
    return np.array([_right(network, running, each, by) for each in batches for by in shifts])


def _right(
    network: Network, running: Statistics, batches: TestBatches, shift: float
) -> tuple[float, float]:
    x, labels = batches.shifted(shift), batches.labels
    together = forward(network, x.reshape(-1, x.shape[-1]), running)[-1].output.argmax(axis=1)
    alone = np.array([forward(network, batch)[-1].output.argmax(axis=1) for batch in x])
    return float((together == labels.ravel()).mean()), float((alone == labels).mean())
