r"""Running statistics step by step: a stream of mini-batches, and how well an average follows it.

With α the weight of the new batch, the running mean after t batches is

.. math::
    r_t = (1-\alpha)^t r_0 + \sum_{s=1}^{t} \alpha(1-\alpha)^{t-s} b_s

where b are the batches' own values: a weighted average in which the initial value r₀ is still
there. `bn_core.batchnorm.RunningStats` makes the same one step at a time; here it is made for many
α at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core._checks import checked_int

Array = NDArray[np.floating[Any]]

TRUE_MEAN, TRUE_VAR = 2.0, 4.0
"""Of the population that the streams are drawn from: normal."""


@dataclass(frozen=True, eq=False)
class Stream:
    """What every mini-batch of a stream says of the population.

    Parameters
    ----------
    size
        m, how many samples a batch has.
    mean, var
        Of each batch, shape (steps,); the variance divided by m.
    """

    size: int
    mean: Array
    var: Array

    def stored_var(self, unbiased: bool) -> Array:
        """The variances as a layer stores them: divided by m − 1, or by m as they are."""
        return self.var * (self.size / (self.size - 1)) if unbiased else self.var

    def expected_var(self, unbiased: bool) -> float:
        """What the stored variance is on average over very many such batches."""
        return TRUE_VAR if unbiased else TRUE_VAR * (self.size - 1) / self.size


def stream(size: int, steps: int, seed: int) -> Stream:
    """Mini-batches of one feature, drawn from N(TRUE_MEAN, TRUE_VAR).

    Parameters
    ----------
    size
        m, at least 2: one sample has no unbiased variance.
    steps
        How many batches, at least 1.
    seed
        At least 0. More steps are the same batches and then further ones.
    """
    size = checked_int("size", size, minimum=2)
    steps = checked_int("steps", steps, minimum=1)
    x = np.random.default_rng(seed).normal(TRUE_MEAN, np.sqrt(TRUE_VAR), (steps, size))
    return Stream(size, x.mean(axis=1), x.var(axis=1))


def running_curves(values: ArrayLike, initial: float, alphas: ArrayLike) -> Array:
    """The running average after 0, 1, 2 … batches, for each weight α of the new batch.

    Parameters
    ----------
    values
        What the batches bring, shape (steps,).
    initial
        The value before any batch.
    alphas
        Weights of the new batch, each from 0 to 1, shape (n,).

    Returns
    -------
    Shape (n, steps + 1).
    """
    values, alphas = np.asarray(values, dtype=np.float64), _checked_alphas(alphas)
    curves = np.empty((alphas.size, values.size + 1))
    curves[:, 0] = initial
    for step, value in enumerate(values):
        curves[:, step + 1] = (1 - alphas) * curves[:, step] + alphas * value
    return curves


def cumulative_curve(values: ArrayLike, initial: float) -> Array:
    """The plain average of all batches so far, PyTorch's ``momentum=None``; shape (steps + 1,).

    The first batch has weight 1, so that nothing is left of the initial value.
    """
    values = np.asarray(values, dtype=np.float64)
    return np.concatenate([[initial], np.cumsum(values) / np.arange(1, values.size + 1)])


def initial_weight(alpha: ArrayLike, steps: int) -> Array:
    r"""What the initial value still weighs after so many batches: :math:`(1-\alpha)^t`."""
    return (1 - _checked_alphas(alpha)) ** checked_int("steps", steps, minimum=0)


def noise_ratio(alpha: ArrayLike, steps: int | None = None) -> Array:
    r"""How much a running average scatters, as a share of how much one batch's value does.

    .. math::
        \sqrt{\tfrac{\alpha}{2-\alpha}\,\bigl(1-(1-\alpha)^{2t}\bigr)}
        \;\to\; \sqrt{\tfrac{\alpha}{2-\alpha}}

    The root of the sum of the squared weights: batches are independent of each other.

    Parameters
    ----------
    alpha
        Weight of the new batch, from 0 to 1.
    steps
        t, how many batches there were; None: very many.
    """
    alpha = _checked_alphas(alpha)
    share = alpha / (2 - alpha)
    if steps is not None:
        share = share * (1 - initial_weight(alpha, 2 * steps))
    return np.sqrt(share)


def measured_noise(alphas: ArrayLike, steps: int, streams: int, seed: int) -> Array:
    """The same by experiment: many streams, and how far apart their running means end.

    Parameters
    ----------
    alphas
        Shape (n,).
    steps
        How many batches each stream has.
    streams
        How many there are, at least 2.
    seed
        At least 0.

    Returns
    -------
    Shape (n,): standard deviation over the streams of the running mean at the end, divided by that
    of single batches' means. The batch size cancels out.
    """
    alphas = _checked_alphas(alphas)
    streams = checked_int("streams", streams, minimum=2)
    means = np.random.default_rng(seed).standard_normal((steps, streams))
    ago = np.arange(steps)[::-1]
    ends = (alphas[:, np.newaxis] * (1 - alphas[:, np.newaxis]) ** ago) @ means
    return ends.std(axis=1) / means.std()


def _checked_alphas(alphas: ArrayLike) -> Array:
    alphas = np.asarray(alphas, dtype=np.float64)
    if not ((alphas >= 0) & (alphas <= 1)).all():
        raise ValueError(f"alpha must be from 0 to 1, got {alphas}")
    return alphas
