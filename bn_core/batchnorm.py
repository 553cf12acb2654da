r"""Batch Normalization: the forward and backward pass, in training and at inference.

Every function here is pure: arrays in, new arrays out, no state and no ``training`` flag. Training
and inference are two functions because they are two different functions of ``x``: in training
every sample of a feature depends on every other through the statistics of the batch.

Shapes
    ``x`` is (m, d) or (m, d, ...): samples first, features (channels) on axis 1. Statistics are
    taken over every other axis, so there are n = m · (product of the trailing axes) values to a
    feature, and the n that divides the variance is this one. Whatever exists once for a feature
    has shape (d,).

Dtypes
    float32, float64 and wider stay as they are. float16 is computed *and returned* in float32: its
    11 bits cannot hold a variance. Integers and booleans become float64. Everything else an
    argument brings (``gamma``, ``dy``, ...) is converted to the dtype of ``x``.

NaN and Inf
    They propagate silently, and only within their own feature. So does the Inf that a variance
    becomes when squares leave the range of the dtype: in float32, deviations beyond 10¹⁹.

The formulas are those of S. Ioffe and C. Szegedy, *Batch Normalization: Accelerating Deep Network
Training by Reducing Internal Covariate Shift*, 2015, https://arxiv.org/abs/1502.03167.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bn_core._checks import checked_int, checked_scale

Array = NDArray[np.floating[Any]]

# The dtype that a batch is computed in; float64 for all others.
_COMPUTED_IN: dict[type[Any], type[np.floating[Any]]] = {
    np.float16: np.float32,
    np.float32: np.float32,
    np.longdouble: np.longdouble,
}

# A NaN or an Inf in the data is the caller's to find: it shows in the result, in its own feature,
# and a warning could not say in which. The one division by zero that can happen is an error.
_floating_point = np.errstate(invalid="ignore", over="ignore", divide="raise")


@dataclass(frozen=True, eq=False)
class ForwardTrain:
    """What `forward_train` computed, and all that `backward_train` needs.

    Attributes
    ----------
    x : ndarray
        The batch. Not a copy, unless its dtype had to be changed.
    mu, var : ndarray of shape (d,)
        Mean and variance of each feature; the variance is divided by n.
    inv_std : ndarray of shape (d,)
        1 / √(var + eps).
    centred : ndarray, as x
        x − μ. More precise than ``x - mu``: ``mu`` is rounded, and far from zero that shows.
    x_hat : ndarray, as x
        The standardised batch. Training never needs it, so it is computed when first asked for.
    y : ndarray, as x
        The output.
    gamma, beta : ndarray of shape (d,)
        Scale and shift as they were used: 1 and 0 where None was given.
    eps : float
        As given.
    """

    x: Array
    mu: Array
    var: Array
    inv_std: Array
    centred: Array
    y: Array
    gamma: Array
    beta: Array
    eps: float

    @cached_property
    @_floating_point
    def x_hat(self) -> Array:
        return _scaled(self.centred, self.inv_std)


@dataclass(frozen=True, eq=False)
class BackwardTrain:
    """Gradients of the loss ℓ through `forward_train`, one for each quantity of the forward pass.

    Attributes
    ----------
    dx_hat : ndarray, as x
        ∂ℓ/∂x̂. Nothing else needs it, so it is computed from ``dy`` when first asked for.
    dvar, dmu : ndarray of shape (d,)
        ∂ℓ/∂σ² and ∂ℓ/∂μ.
    dx : ndarray, as x
        ∂ℓ/∂x, what the layer below receives.
    dgamma, dbeta : ndarray of shape (d,)
        ∂ℓ/∂γ and ∂ℓ/∂β, what the optimiser receives.
    dy, gamma : ndarray
        What came in. ``dy`` is not a copy, unless its dtype had to be changed.
    """

    dy: Array
    gamma: Array
    dvar: Array
    dmu: Array
    dx: Array
    dgamma: Array
    dbeta: Array

    @cached_property
    @_floating_point
    def dx_hat(self) -> Array:
        return _scaled(self.dy, self.gamma)


@dataclass(frozen=True, eq=False)
class BackwardEval:
    """Gradients of the loss ℓ through `forward_eval`.

    Attributes
    ----------
    dx : ndarray, as x
        ∂ℓ/∂x.
    dgamma, dbeta : ndarray of shape (d,)
        ∂ℓ/∂γ and ∂ℓ/∂β.
    """

    dx: Array
    dgamma: Array
    dbeta: Array


@dataclass(frozen=True, eq=False)
class RunningStats:
    r"""Running estimates of mean and variance: what inference normalises with.

    .. math::
        \mu_{run} \leftarrow (1-\alpha)\,\mu_{run} + \alpha\,\mu_B \qquad
        \sigma^2_{run} \leftarrow (1-\alpha)\,\sigma^2_{run} + \alpha\,\tfrac{n}{n-1}\,\sigma^2_B

    Immutable: `updated` returns the next one. Kept in float64 whatever the batches are, as a
    running average lives on small differences.

    Notes
    -----
    α is called *momentum*, and libraries disagree on what that weighs:

    ========  =========================  =======  ===============
    library   running update             default  stored variance
    ========  =========================  =======  ===============
    PyTorch   (1 − α)·old + α·batch      0.1      unbiased
    Keras     α·old + (1 − α)·batch      0.99     biased
    ONNX      α·old + (1 − α)·batch      0.9      biased
    ========  =========================  =======  ===============

    Here it is PyTorch's: the weight of the *new* batch. Coming from Keras or ONNX, pass
    ``momentum=1 - momentum, unbiased=False``.

    Parameters
    ----------
    mean, var : array_like of shape (d,)
        The estimates, copied. Variances are at least 0.
    count : int, default 0
        Number of batches seen.

    Examples
    --------
    >>> running = RunningStats.initial(2)
    >>> running = running.updated(forward_train([[0.0, 1.0], [2.0, 5.0]]))
    >>> running.mean, running.var, running.count
    (array([0.1, 0.3]), array([1.1, 1.7]), 1)
    """

    mean: Array
    var: Array
    count: int = 0

    def __post_init__(self) -> None:
        mean = np.array(self.mean, dtype=np.float64)
        var = np.array(self.var, dtype=np.float64)
        if mean.ndim != 1 or mean.size == 0 or mean.shape != var.shape:
            raise ValueError(
                "mean and var must both have shape (d,) with d at least 1; "
                f"got {mean.shape} and {var.shape}"
            )
        if (var < 0).any():
            raise ValueError(f"var must be at least 0, got {var.min()}")
        # A frozen dataclass can still be completed here, before anybody has seen it.
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "var", var)
        object.__setattr__(self, "count", checked_int("count", self.count, minimum=0))

    @classmethod
    def initial(cls, d: int) -> RunningStats:
        """Before any batch: mean 0 and variance 1 for each of ``d`` features."""
        d = checked_int("d", d, minimum=1)
        return cls(mean=np.zeros(d), var=np.ones(d))

    @_floating_point
    def updated(
        self, fwd: ForwardTrain, momentum: float | None = 0.1, unbiased: bool = True
    ) -> RunningStats:
        """The estimates after one more batch.

        Parameters
        ----------
        fwd : ForwardTrain
            The forward pass over that batch.
        momentum : float in [0, 1] or None, default 0.1
            Weight of the new batch. None averages all batches so far equally: the weight is then
            1 / (count + 1).
        unbiased : bool, default True
            Store the variance divided by n − 1, as the paper's Algorithm 2 does, not by n.

        Raises
        ------
        ValueError
            If the numbers of features differ, if ``momentum`` is outside [0, 1], or if ``unbiased``
            is asked of a batch with one value per feature.
        """
        if fwd.mu.shape != self.mean.shape:
            raise ValueError(
                f"fwd must have {self.mean.size} features, as the running statistics have; "
                f"got {fwd.mu.size}"
            )
        alpha = 1 / (self.count + 1) if momentum is None else _checked_momentum(momentum)
        n = fwd.x.size // fwd.mu.size
        if unbiased and n == 1:
            raise ValueError(
                "unbiased=True needs at least two values per feature, got 1: dividing by n - 1 "
                "would divide by 0. Pass unbiased=False, or a larger batch"
            )
        batch_var = fwd.var * (n / (n - 1)) if unbiased else fwd.var
        return RunningStats(
            mean=(1 - alpha) * self.mean + alpha * fwd.mu,
            var=(1 - alpha) * self.var + alpha * batch_var,
            count=self.count + 1,
        )


@_floating_point
def forward_train(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> ForwardTrain:
    r"""Normalise a batch with its own statistics.

    .. math::
        \mu = \frac1n \sum_i x_i \qquad
        \sigma^2 = \frac1n \sum_i (x_i - \mu)^2 \qquad
        \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}} \qquad
        y_i = \gamma \hat x_i + \beta

    Algorithm 1 of Ioffe & Szegedy (2015), for each feature on its own.

    Notes
    -----
    One value per feature (m = 1 and no trailing axes) is allowed: then σ² = 0 and y = β.

    Parameters
    ----------
    x : array_like of shape (m, d) or (m, d, ...)
        The batch.
    gamma, beta : array_like of shape (d,), optional
        Scale (None: 1) and shift (None: 0).
    eps : float, default 1e-5
        Added to the variance; at least 0.

    Returns
    -------
    ForwardTrain
        ``x``, ``mu``, ``var``, ``inv_std``, ``centred``, ``x_hat``, ``y``, ``gamma``, ``beta``
        and ``eps``.

    Raises
    ------
    ValueError
        If ``x`` is empty or has fewer than two axes, if ``gamma`` or ``beta`` does not have shape
        (d,), if ``eps`` is negative or not finite, or if it is 0 and some feature is constant.
    TypeError
        If an argument does not hold real numbers.

    Examples
    --------
    >>> forward_train([[0.0, 1.0], [2.0, 5.0]], gamma=[1, 10], beta=[0, 3], eps=0).y
    array([[-1., -7.],
           [ 1., 13.]])
    """
    x = _batch("x", x)
    gamma = _per_feature("gamma", gamma, like=x, default=1)
    beta = _per_feature("beta", beta, like=x, default=0)
    eps = checked_scale("eps", eps)

    mu, var, centred = _statistics(_by_feature(x))
    inv_std = _inverse_std(var, eps)
    y = centred * _column(gamma * inv_std)
    y += _column(beta)
    return ForwardTrain(
        x=x,
        mu=mu,
        var=var,
        inv_std=inv_std,
        centred=centred.reshape(x.shape),
        y=y.reshape(x.shape),
        gamma=gamma,
        beta=beta,
        eps=eps,
    )


@_floating_point
def backward_train(dy: ArrayLike, fwd: ForwardTrain) -> BackwardTrain:
    r"""Gradients through `forward_train`, batch statistics included.

    .. math::
        \frac{\partial\ell}{\partial\hat x_i} &= \frac{\partial\ell}{\partial y_i}\,\gamma \\
        \frac{\partial\ell}{\partial\sigma^2} &= \sum_i \frac{\partial\ell}{\partial\hat x_i}
            (x_i - \mu) \cdot \bigl(-\tfrac12\bigr)(\sigma^2 + \epsilon)^{-3/2} \\
        \frac{\partial\ell}{\partial\mu} &= \sum_i \frac{\partial\ell}{\partial\hat x_i}
            \frac{-1}{\sqrt{\sigma^2 + \epsilon}} \\
        \frac{\partial\ell}{\partial x_i} &= \frac{\partial\ell}{\partial\hat x_i}
            \frac{1}{\sqrt{\sigma^2 + \epsilon}}
            + \frac{\partial\ell}{\partial\sigma^2} \frac{2 (x_i - \mu)}{n}
            + \frac{\partial\ell}{\partial\mu} \frac1n \\
        \frac{\partial\ell}{\partial\gamma} &= \sum_i \frac{\partial\ell}{\partial y_i} \hat x_i
            \qquad
        \frac{\partial\ell}{\partial\beta} = \sum_i \frac{\partial\ell}{\partial y_i}

    Section 3 of Ioffe & Szegedy (2015). Its ∂ℓ/∂μ has one more term,
    ∂ℓ/∂σ² · Σ −2(xᵢ − μ)/n, which is zero: deviations from the mean sum to zero.

    Parameters
    ----------
    dy : array_like, shaped as x
        ∂ℓ/∂y, the upstream gradient.
    fwd : ForwardTrain
        What `forward_train` returned.

    Returns
    -------
    BackwardTrain
        ``dx_hat``, ``dvar``, ``dmu``, ``dx``, ``dgamma`` and ``dbeta``.

    Raises
    ------
    ValueError
        If ``dy`` does not have the shape of ``x``.
    TypeError
        If ``dy`` does not hold real numbers.

    Examples
    --------
    Adding the same number to every sample changes nothing that follows, so dx sums to zero:

    >>> fwd = forward_train([[0.0], [1.0], [5.0]])
    >>> bool(abs(backward_train([[1.0], [2.0], [4.0]], fwd).dx.sum()) < 1e-12)
    True
    """
    dy = _same_shape("dy", dy, like=fwd.x)
    dy_, centred = _by_feature(dy), _by_feature(fwd.centred)
    n = dy.size // fwd.mu.size
    scale = fwd.gamma * fwd.inv_std

    # γ and 1/√(σ²+ε) do not vary within a feature, so they leave the sums over i: two sums over
    # the batch are enough for all four.
    dbeta = _sum(dy_)
    dgamma = _dot(dy_, centred) * fwd.inv_std
    dvar = -0.5 * scale * fwd.inv_std * dgamma
    dmu = -scale * dbeta

    # The three terms of ∂ℓ/∂x with γ/√(σ²+ε) taken out, in the order that needs one array only:
    # dx = (dy − (x−μ)·inv_std·dgamma/n − dbeta/n) · scale
    dx = centred * _column(-fwd.inv_std * dgamma / n)
    dx += dy_
    dx -= _column(dbeta / n)
    dx *= _column(scale)
    return BackwardTrain(
        dy=dy,
        gamma=fwd.gamma,
        dvar=dvar,
        dmu=dmu,
        dx=dx.reshape(dy.shape),
        dgamma=dgamma,
        dbeta=dbeta,
    )


@_floating_point
def forward_eval(
    x: ArrayLike,
    running: RunningStats,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> Array:
    r"""Normalise with running estimates: what the layer does once training is over.

    .. math::
        y_i = \gamma\,\frac{x_i - \mu_{run}}{\sqrt{\sigma^2_{run} + \epsilon}} + \beta

    Line 11 of Algorithm 2 of Ioffe & Szegedy (2015). No sample depends on another any more.

    Parameters
    ----------
    x : array_like of shape (m, d) or (m, d, ...)
        The batch.
    running : RunningStats
        Estimates for d features.
    gamma, beta : array_like of shape (d,), optional
        Scale (None: 1) and shift (None: 0).
    eps : float, default 1e-5
        Added to the variance; at least 0.

    Returns
    -------
    ndarray, as x
        The output y.

    Raises
    ------
    ValueError, TypeError
        As `forward_train`, and if ``running`` has another number of features than ``x``.

    Examples
    --------
    >>> forward_eval([[1.0, 2.0]], RunningStats(mean=[1, 1], var=[1, 4]), eps=0)
    array([[0. , 0.5]])
    """
    x = _batch("x", x)
    beta = _per_feature("beta", beta, like=x, default=0)
    y, scale, _ = _centred_by_running(x, running, gamma, eps)
    y *= _column(scale)
    y += _column(beta)
    return y.reshape(x.shape)


@_floating_point
def backward_eval(
    dy: ArrayLike,
    x: ArrayLike,
    running: RunningStats,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> BackwardEval:
    r"""Gradients through `forward_eval`, whose statistics are constants.

    .. math::
        \frac{\partial\ell}{\partial x_i} = \frac{\partial\ell}{\partial y_i}
            \frac{\gamma}{\sqrt{\sigma^2_{run} + \epsilon}} \qquad
        \frac{\partial\ell}{\partial\gamma} = \sum_i \frac{\partial\ell}{\partial y_i}
            \frac{x_i - \mu_{run}}{\sqrt{\sigma^2_{run} + \epsilon}} \qquad
        \frac{\partial\ell}{\partial\beta} = \sum_i \frac{\partial\ell}{\partial y_i}

    From the chain rule: the two paths through μ and σ² that `backward_train` has are gone.

    Parameters
    ----------
    dy : array_like, shaped as x
        ∂ℓ/∂y, the upstream gradient.
    x, running, gamma, beta, eps
        What `forward_eval` was called with. No gradient depends on ``beta``; it is checked only.

    Returns
    -------
    BackwardEval
        ``dx``, ``dgamma`` and ``dbeta``.

    Raises
    ------
    ValueError, TypeError
        As `forward_eval`, and if ``dy`` does not have the shape of ``x``.

    Examples
    --------
    >>> backward_eval([[6.0]], [[1.0]], RunningStats(mean=[0], var=[4]), gamma=[3], eps=0).dx
    array([[9.]])
    """
    x = _batch("x", x)
    dy = _same_shape("dy", dy, like=x)
    _per_feature("beta", beta, like=x, default=0)
    centred, scale, inv_std = _centred_by_running(x, running, gamma, eps)
    dy_ = _by_feature(dy)
    return BackwardEval(
        dx=_scaled(dy, scale),
        dgamma=_dot(dy_, centred) * inv_std,
        dbeta=_sum(dy_),
    )


def _statistics(x: Array) -> tuple[Array, Array, Array]:
    """Mean, variance and x − mean of each feature, from x of shape (m, d, k).

    Two passes, on shifted data: the sums then run over numbers no larger than the spread of the
    feature, however far from zero it lies, and a constant feature has a variance of exactly 0.
    """
    n = x.size // x.shape[1]
    shift = _typical(x)
    centred = x - _column(shift)
    residual = _sum(centred) / n
    centred -= _column(residual)
    return shift + residual, _dot(centred, centred) / n, centred


def _typical(x: Array) -> Array:
    """One value of each feature: the median of its first, middle and last, so no lone outlier."""
    m, _, k = x.shape
    first, middle, last = x[0, :, 0], x[m // 2, :, k // 2], x[-1, :, -1]
    low, high = np.minimum(first, last), np.maximum(first, last)
    return np.minimum(np.maximum(middle, low), high)


def _inverse_std(var: Array, eps: float) -> Array:
    std = np.sqrt(var + eps)
    try:
        inv_std: Array = 1 / std
    except FloatingPointError:
        feature = int(np.argmin(std))
        raise ValueError(
            f"eps must make var + eps positive; got eps {eps} and variance {var[feature]} "
            f"in feature {feature}"
        ) from None
    return inv_std


def _centred_by_running(
    x: Array, running: RunningStats, gamma: ArrayLike | None, eps: float
) -> tuple[Array, Array, Array]:
    """x − μ_run as (m, d, k), γ/√(σ²_run + ε) and 1/√(σ²_run + ε), in the dtype of x."""
    gamma = _per_feature("gamma", gamma, like=x, default=1)
    mean = _per_feature("running.mean", running.mean, like=x)
    var = _per_feature("running.var", running.var, like=x)
    inv_std = _inverse_std(var, checked_scale("eps", eps))
    return _by_feature(x) - _column(mean), gamma * inv_std, inv_std


def _by_feature(a: Array) -> Array:
    """Any batch as (m, d, k): one set of axes for every shape."""
    m, d = a.shape[:2]
    return a.reshape(m, d, -1)


def _column(v: Array) -> Array:
    """(d,) as (d, 1), to broadcast against (m, d, k)."""
    return v[:, np.newaxis]


def _scaled(a: Array, factor: Array) -> Array:
    return (_by_feature(a) * _column(factor)).reshape(a.shape)


def _sum(a: Array) -> Array:
    """Sum of each feature."""
    result: Array = np.einsum("mdk->d", a)
    return result


def _dot(a: Array, b: Array) -> Array:
    """Sum of the products a·b of each feature, without an array that holds them."""
    result: Array = np.einsum("mdk,mdk->d", a, b)
    return result


def _checked_momentum(momentum: float) -> float:
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum must be None or lie in [0, 1]; got {momentum!r}")
    return momentum


def _batch(name: str, value: ArrayLike) -> Array:
    a = np.asarray(value)
    if a.ndim < 2:
        raise ValueError(
            f"{name} must have shape (m, d) or (m, d, ...), samples first and features on axis 1; "
            f"got shape {a.shape}"
        )
    if a.size == 0:
        raise ValueError(f"{name} must hold at least one value per feature; got shape {a.shape}")
    return _real(name, a, _COMPUTED_IN.get(a.dtype.type, np.float64))


def _same_shape(name: str, value: ArrayLike, *, like: Array) -> Array:
    a = np.asarray(value)
    if a.shape != like.shape:
        raise ValueError(f"{name} must have the shape of x, {like.shape}; got shape {a.shape}")
    return _real(name, a, like.dtype)


def _per_feature(
    name: str, value: ArrayLike | None, *, like: Array, default: float = math.nan
) -> Array:
    """A copy, so that an optimiser may update its parameters in place between two passes."""
    d = like.shape[1]
    if value is None:
        return np.full(d, default, dtype=like.dtype)
    a = np.asarray(value)
    if a.shape != (d,):
        raise ValueError(
            f"{name} must have shape ({d},), one value per feature of x; got shape {a.shape}"
        )
    return _real(name, a, like.dtype, copy=True)


def _real(name: str, a: NDArray[Any], dtype: DTypeLike, *, copy: bool = False) -> Array:
    if a.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers; got dtype {a.dtype}")
    return a.astype(dtype, copy=copy)
