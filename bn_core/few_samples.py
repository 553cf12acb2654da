r"""Batches of very few samples: what BN, LN and RMSNorm make of one feature while it is moved.

The batch has m samples of d features. Its first feature is *stretched* away from sample 1 and its
last sample is then *shifted*,

.. math:: x_{i1} \leftarrow x_{11} + a\,(x_{i1} - x_{11}) + c\,[i = m],

so that sample 1 itself never moves (unless it is alone): whatever happens to its output has leaked
in from the others. With m = 2, ``a`` sets the gap between the two.

>>> seen = follow(np.array([[1.0, 4.0], [7.0, 2.0]]), stretches=[1.0], shifts=[0.0])
>>> seen.x_hat["batch"].round(4)
array([[-1.,  1.]])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core.batchnorm import backward_train, forward_train
from bn_core.coupling import jacobian, matrix_eigenvalues
from bn_core.norms import layer_norm, rms_norm

Array = NDArray[np.floating[Any]]

EXAMPLE = np.array(
    [
        [1.0, 4.0, 2.0, 6.0],
        [7.0, 3.0, 5.0, 1.0],
        [-3.0, 6.0, 0.0, 2.0],
        [2.0, 1.0, 3.0, 7.0],
        [5.0, 2.0, 7.0, 3.0],
        [0.0, 2.0, 4.0, 6.0],
        [4.0, 7.0, 1.0, 5.0],
        [-1.0, 3.0, 6.0, 5.0],
    ]
)
"""Eight samples of four features; smaller batches are its first rows. Samples 1 and 2 are 1, 7."""

UPSTREAM = np.array([2.0, -2.0, 1.0, -1.0, 2.0, -2.0, 1.0, -1.0])
"""∂ℓ/∂y of the first feature, a number a sample."""

OPEN = 1e-3
"""A direction counts as open to the gradient if its eigenvalue exceeds this share of γ/√(σ²+ε)."""

EXAMPLE.setflags(write=False)
UPSTREAM.setflags(write=False)


@dataclass(frozen=True, eq=False)
class FewSamples:
    """The first feature of one batch in n settings.

    Attributes
    ----------
    x : ndarray of shape (n, m)
        The feature.
    std : ndarray of shape (n,)
        √(σ²+ε) of the batch.
    x_hat : mapping of str to ndarray of shape (n, m)
        What ``"batch"``, ``"layer"`` and ``"rms"`` normalization make of it, γ = 1 and β = 0.
    jacobian : ndarray of shape (n, m, m)
        √(σ²+ε)·∂yᵢ/∂xⱼ through BN: what is left of 1 on the diagonal and 0 beside it.
    dx : ndarray of shape (n, m)
        ∂ℓ/∂x through BN for the upstream gradient.
    open_directions : ndarray of int, shape (n,)
        How many eigenvalues of the Jacobian are not nearly zero: see :data:`OPEN`.
    """

    x: Array
    std: Array
    x_hat: dict[str, Array]
    jacobian: Array
    dx: Array
    open_directions: NDArray[np.int64]


def moved(x: ArrayLike, stretch: float, shift: float) -> Array:
    """The batch (m, d) with its first feature stretched and its last sample shifted there."""
    batch = np.array(x, dtype=np.float64)
    first = batch[0, 0]
    batch[:, 0] = first + stretch * (batch[:, 0] - first)
    batch[-1, 0] += shift
    return batch


def follow(
    x: ArrayLike,
    stretches: Sequence[float] | Array,
    shifts: Sequence[float] | Array,
    upstream: ArrayLike = UPSTREAM,
    *,
    eps: float = 1e-5,
) -> FewSamples:
    """Every setting of a batch (m, d): the n pairs of ``stretches`` and ``shifts``.

    Parameters
    ----------
    x : array_like of shape (m, d)
        The batch before it is moved.
    stretches, shifts : sequences of n floats
        See the module's formula.
    upstream : array_like of at least m floats
        ∂ℓ/∂y of the first feature.
    eps : float
        The ε of every norm; above 0, as all samples may meet.
    """
    pairs = zip(stretches, shifts, strict=True)
    batches = np.stack([moved(x, float(stretch), float(shift)) for stretch, shift in pairs])
    n, m, d = batches.shape
    # Settings side by side are features to BN and samples to the others.
    fwd = forward_train(batches[:, :, 0].T, eps=eps)
    dy = np.asarray(upstream, dtype=np.float64)[:m, np.newaxis]
    rows = batches.reshape(n * m, d)
    matrices = np.stack([jacobian(fwd, k) / fwd.inv_std[k] for k in range(n)])
    return FewSamples(
        x=batches[:, :, 0],
        std=1 / fwd.inv_std,
        x_hat={
            "batch": fwd.x_hat.T,
            "layer": layer_norm(rows, eps=eps).x_hat[:, 0].reshape(n, m),
            "rms": rms_norm(rows, eps=eps).x_hat[:, 0].reshape(n, m),
        },
        jacobian=matrices,
        dx=backward_train(np.broadcast_to(dy, (m, n)), fwd).dx.T,
        open_directions=(matrix_eigenvalues(matrices) > OPEN).sum(axis=1),
    )
