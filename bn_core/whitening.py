r"""Whitening: what Batch Normalization leaves out when it standardises each feature on its own.

A batch x of shape (m, d) with mean μ and covariance Σ is whitened by any matrix W with

.. math::
    z_i = W (x_i - \mu), \qquad W \Sigma W^\mathsf{T} = I
    \quad\Longleftrightarrow\quad W^\mathsf{T} W = \Sigma^{-1}

There are many: with W every QW is one too, Q orthogonal. From the eigenvectors,
:math:`\Sigma = U \Lambda U^\mathsf{T}`, come two that have names,

.. math::
    W_{PCA} = \Lambda^{-1/2} U^\mathsf{T}, \qquad
    W_{ZCA} = U \Lambda^{-1/2} U^\mathsf{T} = \Sigma^{-1/2}.

PCA whitening leaves the signs of the eigenvectors (and their order, where eigenvalues are equal) to
chance. ZCA whitening does not depend on either, and of all whitenings it moves the samples least.

The names, and the proof of that last property: A. Kessy, A. Lewin and K. Strimmer 2018,
https://arxiv.org/abs/1512.00809. In networks: L. Huang et al. 2018, "Decorrelated Batch
Normalization", https://arxiv.org/abs/1804.08450. Why BN does without: S. Ioffe and C. Szegedy 2015,
https://arxiv.org/abs/1502.03167, sections 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core._checks import checked_int, checked_key, checked_scale
from bn_core.batchnorm import forward_train

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Spectrum:
    r"""The covariance of a batch and its eigenvalues, Σ = U diag(λ) Uᵀ.

    Attributes
    ----------
    mu : ndarray of shape (d,)
        Mean of every feature.
    centred : ndarray of shape (m, d)
        x − μ.
    cov : ndarray of shape (d, d)
        Covariance, divided by m as BN's variance is.
    values : ndarray of shape (d,)
        Eigenvalues of ``cov``, largest first. What is not above ``tolerance`` is rounding error,
        and 0 here.
    vectors : ndarray of shape (d, d)
        Eigenvectors in the columns. Each may as well have the other sign: here the entries on the
        diagonal are not negative.
    tolerance : float
        max(m, d) · λ_max · the machine epsilon of the dtype.
    """

    mu: Array
    centred: Array
    cov: Array
    values: Array
    vectors: Array
    tolerance: float

    @property
    def rank(self) -> int:
        """How many eigenvalues are above ``tolerance``: at most min(m − 1, d)."""
        return int(np.count_nonzero(self.values))

    @property
    def condition(self) -> float:
        """λ_max / λ_min; infinite if Σ has no inverse."""
        if self.rank < len(self.values):
            return float("inf")
        return float(self.values[0] / self.values[-1])


def spectrum(x: ArrayLike) -> Spectrum:
    r"""Mean, covariance and its eigenvalues.

    .. math::
        \Sigma = \frac1m \sum_i (x_i - \mu)(x_i - \mu)^\mathsf{T}

    Parameters
    ----------
    x : array_like of shape (m, d)
        The batch, samples first. float32 is computed in float32, float16 too; integers in float64.

    Raises
    ------
    ValueError
        If x is empty, not of two axes, or holds a value that is not finite or whose square is not:
        in a covariance matrix it would reach every feature.
    TypeError
        If x does not hold real numbers.

    Examples
    --------
    >>> found = spectrum([[0.0, 0.0], [2.0, 2.0], [0.0, 2.0], [2.0, 0.0]])
    >>> found.values, found.condition
    (array([1., 1.]), 1.0)
    """
    x = np.asarray(x)
    if x.ndim != 2:
        raise ValueError(f"x must have shape (m, d); got shape {x.shape}")
    standardised = forward_train(x, eps=1.0)  # μ, and checks; this ε touches neither μ nor x − μ
    mu, centred = standardised.mu, standardised.centred
    m, d = centred.shape
    with np.errstate(over="ignore", invalid="ignore"):
        cov = centred.T @ centred / centred.dtype.type(m)
    if not np.isfinite(cov).all():
        raise ValueError(
            "x must hold finite numbers with finite squares: others reach all features"
        )
    values, vectors = np.linalg.eigh(cov)
    values, vectors = values[::-1], vectors[:, ::-1]
    signs = np.where(np.diagonal(vectors) < 0, -1, 1).astype(vectors.dtype)
    tolerance = float(max(m, d) * np.finfo(values.dtype).eps * values[0])
    values = np.where(values > tolerance, values, 0).astype(values.dtype)
    return Spectrum(mu, centred, cov, values, vectors * signs, tolerance)


@dataclass(frozen=True, eq=False)
class Whitened:
    """A batch whitened with its own covariance.

    Attributes
    ----------
    spectrum : Spectrum
        Of the batch.
    matrix : ndarray of shape (d, d)
        W.
    z : ndarray of shape (m, d)
        z_i = W (x_i − μ).
    """

    spectrum: Spectrum
    matrix: Array
    z: Array

    def apply(self, x: ArrayLike) -> Array:
        """Other samples, (n, d), with the mean and the matrix of this batch."""
        return (np.asarray(x) - self.spectrum.mu) @ self.matrix.T


def whiten(x: ArrayLike, kind: str = "zca", *, eps: float = 0.0) -> Whitened:
    r"""Whiten a batch with its own mean and covariance.

    .. math::
        W_{PCA} = (\Lambda + \epsilon)^{-1/2} U^\mathsf{T}, \qquad
        W_{ZCA} = U (\Lambda + \epsilon)^{-1/2} U^\mathsf{T}

    Parameters
    ----------
    x : array_like of shape (m, d)
        The batch.
    kind : {"zca", "pca"}
        Which whitening.
    eps : float, default 0
        Added to every eigenvalue, as BN adds it to every variance.

    Notes
    -----
    The covariance of z has the eigenvalues λ/(λ + ε). With ε = 0 those are 1, except in directions
    in which the batch does not extend (see ``Spectrum.rank``): no factor makes a variance of 0 a
    variance of 1, so W is 0 there (the pseudo-inverse) and the covariance of z is a projection.
    With ε > 0 a sample that does extend in such a direction is multiplied by 1/√ε.

    Raises
    ------
    ValueError, TypeError
        As `spectrum`, and if ``kind`` is neither or ``eps`` is negative or not finite.

    Examples
    --------
    >>> z = whiten([[1.0, 4.0], [2.0, 4.0], [3.0, 7.0], [6.0, 9.0]]).z
    >>> bool(np.allclose(z.T @ z / 4, np.eye(2)))
    True
    """
    turned_back = checked_key("kind", kind, {"pca": False, "zca": True})
    eps = checked_scale("eps", eps)
    found = spectrum(x)
    matrix = _inverse_roots(found, eps)[:, np.newaxis] * found.vectors.T
    if turned_back:
        matrix = found.vectors @ matrix
    return Whitened(found, matrix, found.centred @ matrix.T)


def _inverse_roots(found: Spectrum, eps: float) -> Array:
    """1/√(λ + ε); 0 for a direction that is empty, if there is no ε to divide by."""
    values = found.values
    kept = (values > 0) | (eps > 0)
    return np.where(kept, 1 / np.sqrt(np.where(kept, values + eps, 1)), 0).astype(values.dtype)


@dataclass(frozen=True, eq=False)
class Stage:
    """A batch ``values`` (m, d), and its covariance."""

    values: Array
    spectrum: Spectrum

    @property
    def correlation(self) -> float:
        """Of the first two features; NaN if one of them is constant."""
        var = np.diagonal(self.spectrum.cov)[:2]
        if not var.all():
            return float("nan")
        return float(self.spectrum.cov[0, 1] / np.sqrt(var[0] * var[1]))


STAGES = ("x", "x_hat", "pca", "zca")


def stages(x: ArrayLike, *, eps: float = 1e-5) -> dict[str, Stage]:
    """A batch as it is, standardised feature by feature as BN does, PCA- and ZCA-whitened."""
    x = np.asarray(x)
    found = {
        "x": x,
        "x_hat": forward_train(x, eps=eps).x_hat,
        "pca": whiten(x, "pca", eps=eps).z,
        "zca": whiten(x, "zca", eps=eps).z,
    }
    return {name: Stage(values, spectrum(values)) for name, values in found.items()}


# ---- the whitenings between which nothing decides ------------------------------------------------


def pca_with_signs(x: ArrayLike, signs: ArrayLike) -> Array:
    """PCA whitening of x (m, d) with every eigenvector multiplied by its sign in ``signs``."""
    return whiten(x, "pca").z * np.asarray(signs)


def rotation(angle: float) -> Array:
    """The orthogonal matrix (2, 2) that turns by ``angle`` degrees, anticlockwise."""
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return np.array([[c, -s], [s, c]])


def mean_squared_distance(a: ArrayLike, b: ArrayLike) -> float:
    r"""How far two batches are apart, :math:`\frac1m \sum_i \lVert a_i - b_i \rVert^2`."""
    return float(((np.asarray(a) - np.asarray(b)) ** 2).sum(axis=1).mean())


# ---- batches made to show something --------------------------------------------------------------


def white_cloud(m: int, seed: int) -> Array:
    """Normal samples (m, 2), m at least 3, whose own mean is 0 and whose own covariance is I."""
    m = checked_int("m", m, minimum=3)
    return whiten(np.random.default_rng(seed).standard_normal((m, 2))).z


def correlated(white: ArrayLike, rho: float, ratio: float) -> Array:
    r"""Two features with exactly this correlation, and standard deviations √ratio and 1/√ratio.

    From a `white_cloud` u: :math:`x_1 = \sqrt r\,u_1`,
    :math:`x_2 = (\rho u_1 + \sqrt{1-\rho^2}\,u_2)/\sqrt r`.
    """
    u = np.asarray(white)
    second = rho * u[:, 0] + np.sqrt(1 - rho**2) * u[:, 1]
    return np.stack([np.sqrt(ratio) * u[:, 0], second / np.sqrt(ratio)], axis=1)


def outline(cov: ArrayLike, points: int = 49, radius: float = 2.0) -> Array:
    r"""The ellipse (points, 2) of all v with :math:`v^\mathsf{T}\Sigma^{-1}v = r^2`, closed.

    Where Σ has no inverse it is a line. For drawing around the mean of two features.
    """
    values, vectors = np.linalg.eigh(np.asarray(cov, dtype=np.float64))
    angles = np.linspace(0, 2 * np.pi, points)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return circle @ (vectors * np.sqrt(np.maximum(values, 0))).T


def condition_after_bn(rho: float) -> float:
    r"""What BN leaves of two features, :math:`\frac{1+|\rho|}{1-|\rho|}` (with ε = 0).

    Their covariance is then ((1, ρ), (ρ, 1)), with the eigenvalues 1 ± ρ.
    """
    high, low = 1 + abs(rho), 1 - abs(rho)
    return high / low if low > 0 else float("inf")


def landmarks(z: ArrayLike) -> list[int]:
    """Three samples (of two features) far out in three directions, for the eye to follow."""
    towards = np.deg2rad([90, 210, 330])
    return np.argmax(np.asarray(z) @ np.stack([np.cos(towards), np.sin(towards)]), axis=0).tolist()


# ---- fewer samples than features -----------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Directions:
    """What a batch knows of the directions in which it is whitened.

    Attributes
    ----------
    spectrum : Spectrum
        Of the batch.
    fresh : ndarray of shape (d,)
        Mean square, along each eigenvector and about the batch's mean, of samples of the same
        origin that are not in the batch.
    """

    spectrum: Spectrum
    fresh: Array

    def own_variance(self, eps: float) -> Array:
        """Variance of the batch itself along each direction, after whitening with ε: λ/(λ+ε)."""
        return self.spectrum.values * _inverse_roots(self.spectrum, eps) ** 2

    def fresh_variance(self, eps: float) -> Array:
        """Mean square of the fresh samples after the same whitening; 1 is what one would like."""
        return self.fresh * _inverse_roots(self.spectrum, eps) ** 2

    def condition(self, eps: float) -> float:
        """Condition number of Σ + εI."""
        values = self.spectrum.values + eps
        return self.spectrum.condition if eps == 0 else float(values[0] / values[-1])


def directions(batch: ArrayLike, fresh: ArrayLike) -> Directions:
    """Eigenvalues of a batch (m, d), and what fresh samples (n, d) do along its eigenvectors."""
    found = spectrum(batch)
    along = (np.asarray(fresh) - found.mu) @ found.vectors
    return Directions(found, (along**2).mean(axis=0))


# ---- the same sample in batch after batch --------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Succession:
    """One sample's output, whitened in batch after batch with ever other batch-mates.

    Attributes
    ----------
    outputs : dict of str to ndarray of shape (batches, d)
        By "x_hat" (standardised feature by feature), "pca" and "zca".
    flips : int
        How often the first eigenvector points against that of the batch before.
    """

    outputs: dict[str, Array]
    flips: int

    def step(self, kind: str) -> float:
        """Root mean square of how far the output moves from one batch to the next."""
        z = self.outputs[kind]
        return mean_squared_distance(z[1:], z[:-1]) ** 0.5


def succession(
    population: ArrayLike, sample: int, *, m: int, batches: int, seed: int, eps: float = 1e-5
) -> Succession:
    """Put one sample of a population (n, d) into batches of m, each with other mates."""
    population = np.asarray(population)
    rng = np.random.default_rng(seed)
    others = np.delete(np.arange(len(population)), sample)
    outputs: dict[str, list[Array]] = {"x_hat": [], "pca": [], "zca": []}
    first: list[Array] = []
    for _ in range(batches):
        chosen = np.concatenate([[sample], rng.choice(others, m - 1, replace=False)])
        x = population[chosen]
        pca = whiten(x, "pca", eps=eps)
        first.append(pca.spectrum.vectors[:, 0])
        outputs["x_hat"].append(forward_train(x, eps=eps).x_hat[0])
        outputs["pca"].append(pca.z[0])
        outputs["zca"].append(whiten(x, "zca", eps=eps).z[0])
    flips = sum(float(a @ b) < 0 for a, b in pairwise(first))
    return Succession({kind: np.stack(z) for kind, z in outputs.items()}, flips)
