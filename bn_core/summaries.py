"""Numbers that summarise a sample: moments, share in a zone, histogram outlines, nice axes.

Everything here works on *rows*: an array of shape (n, K) holds n samples of K values each, so
that one call answers for every position of a knob. NumPy only; knows no screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Counts = NDArray[np.int64]
Side = Literal["left", "right"]


@dataclass(frozen=True)
class Moments:
    """Mean, standard deviation (÷K) and skewness m₃/m₂^{3/2} of each row, each of shape (n,).

    The skewness of a row that does not vary is undefined: NaN.
    """

    mean: Floats
    sd: Floats
    skew: Floats

    def affine(self, scale: Floats, shift: Floats) -> Moments:
        """Moments of ``scale * values + shift``: skewness keeps its size, and its sign by scale's.

        A row multiplied by 0 no longer varies, so its skewness is NaN.
        """
        mean, sd, skew, scale, shift = np.broadcast_arrays(
            self.mean, self.sd, self.skew, scale, shift
        )
        return Moments(
            mean=scale * mean + shift,
            sd=np.abs(scale) * sd,
            skew=np.where(scale == 0, np.nan, np.sign(scale) * skew),
        )


def moments(rows: Floats) -> Moments:
    """Moments of each row of ``rows``, shape (n, K)."""
    mean = rows.mean(axis=1)
    # The mean of standardised values is 0 but for rounding: 10⁻¹⁶ would be read as a result.
    largest = np.abs(rows).max(axis=1)
    mean[np.abs(mean) <= 4 * np.finfo(rows.dtype).eps * largest] = 0
    centred = rows - mean[:, None]
    square = centred * centred
    m2 = square.mean(axis=1)
    m3 = (square * centred).mean(axis=1)
    # Below this a row "varies" only by rounding, and m₃/m₂^{3/2} would be noise over noise.
    varies = m2 > (4 * np.finfo(rows.dtype).eps * largest) ** 2
    skew = np.full(mean.shape, np.nan)
    np.divide(m3, m2**1.5, out=skew, where=varies)
    return Moments(mean, np.sqrt(m2), skew)


def count_below(
    ordered: Floats, thresholds: Floats, *, scale: Floats, shift: Floats, inclusive: bool = False
) -> Counts:
    """How many of ``scale * values + shift`` lie below each threshold, for every knob position.

    An affine map keeps (or, for a negative scale, reverses) the order, so the values are sorted
    once and the *thresholds* are mapped back: #{γx̂ + β < t} = #{x̂ < (t − β)/γ} for γ > 0.

    Parameters
    ----------
    ordered : (1, K) or (n, K), each row in ascending order
    thresholds : (k,), may contain ±inf
    scale, shift : (n,)
    inclusive : count values equal to the threshold as well

    Returns
    -------
    (n, k) counts
    """
    n, size = len(scale), ordered.shape[1]
    mapped = np.subtract.outer(-shift, -thresholds)  # t − β, also for t = ±inf
    np.divide(mapped, scale[:, None], out=mapped, where=scale[:, None] != 0)
    backwards = scale < 0
    up: Side = "right" if inclusive else "left"
    down: Side = "left" if inclusive else "right"
    counts = np.empty(mapped.shape, np.int64)
    for rows, side in ((~backwards, up), (backwards, down)):
        if len(ordered) == 1:
            counts[rows] = ordered[0].searchsorted(mapped[rows], side)
        else:
            for i in np.flatnonzero(rows):
                counts[i] = ordered[i].searchsorted(mapped[i], side)
    counts[backwards] = size - counts[backwards]
    flat = scale == 0  # every value equals the shift
    if flat.any():
        difference = np.subtract.outer(shift[flat], thresholds)
        counts[flat] = size * (difference <= 0 if inclusive else difference < 0)
    return counts.reshape(n, len(thresholds))


def nice_bounds(low: float, high: float) -> tuple[float, float]:
    """The smallest interval around [low, high] that ends on multiples of a round step (1, 2, 5)."""
    span = high - low
    if not span > np.finfo(float).tiny * 1e10:
        span = abs(high) or 1.0
        low, high = low - span / 2, high + span / 2
    raw = span / 4
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * next(s for s in (1, 2, 5, 10) if s * power >= raw * (1 - 1e-9))
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)


def rung(peak: Floats, ladder: tuple[float, ...] = (5.0, 10.0, 20.0, 50.0, 100.0)) -> Floats:
    """The lowest rung of ``ladder`` that holds ``peak``: an axis that seldom has to move."""
    rungs = np.asarray(ladder)
    return rungs[np.minimum(np.searchsorted(rungs, peak), len(rungs) - 1)]


def largest_possible(m: int) -> float:
    """√(m−1), which no |x̂| of a batch of m exceeds: one value apart from m−1 equal ones."""
    return float(np.sqrt(m - 1))


@dataclass(frozen=True)
class BatchNoise:
    """How much the statistics of a mini-batch vary from batch to batch; every array is (sizes,).

    mean_sd : standard deviation of μ over the batches
    var_sd : standard deviation of σ² (divided by m) over the batches
    mean_theory : σ/√m, exact for independent draws from any distribution
    var_theory : σ²√(2(m−1))/m, exact for independent draws from a normal distribution
    """

    sizes: Counts
    mean_sd: Floats
    var_sd: Floats
    mean_theory: Floats
    var_theory: Floats


def batch_noise(population: Floats, sizes: tuple[int, ...], batches: int, seed: int) -> BatchNoise:
    """Draw many mini-batches of each size from a population and see how μ and σ² scatter.

    Parameters
    ----------
    population : (N,), drawn from with replacement
    sizes : batch sizes m
    batches : how many batches of each size
    seed : the same seed, the same batches
    """
    rng = np.random.default_rng(seed)
    spread = np.empty((2, len(sizes)))
    for k, m in enumerate(sizes):
        drawn = population[rng.integers(len(population), size=(batches, m))]
        spread[:, k] = drawn.mean(axis=1).std(), drawn.var(axis=1).std()
    every = np.array(sizes)
    sigma = population.std()
    return BatchNoise(
        sizes=every,
        mean_sd=spread[0],
        var_sd=spread[1],
        mean_theory=sigma / np.sqrt(every),
        var_theory=sigma**2 * np.sqrt(2 * (every - 1)) / every,
    )


def histograms(rows: Floats, edges: Floats) -> Counts:
    """Counts of each row of ``rows`` (n, K) between common ``edges`` (bins+1,): (n, bins).

    Bins are half open, [a, b), but for the last, which holds its upper end; what lies beyond the
    edges, or is NaN, is not counted.
    """
    n, bins = len(rows), len(edges) - 1
    at = edges.searchsorted(rows, "right") - 1
    at[rows == edges[-1]] = bins - 1
    inside = (at >= 0) & (at < bins)
    cell = (at + bins * np.arange(n)[:, None])[inside]
    return np.bincount(cell, minlength=n * bins).reshape(n, bins)
