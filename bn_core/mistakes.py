"""The usual mistakes, computed: slips of a hand calculation, and bugs of a backward pass.

A wrong answer is recognised by computing what each slip would have given, and a gradient check is
shown what it can and cannot see by running it on gradients that are wrong in a known way. Nothing
else computes with these lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core.batchnorm import ForwardTrain, backward_train
from bn_core.derivation import Values, dx_detached, dx_printed

Array = NDArray[np.floating[Any]]
Slip = Callable[[Values], Array]

# Hand calculation goes on from rounded numbers: an answer may be off by this share of the result.
ROUNDING = 5e-3
# "0.3" is a correctly rounded 0.2963, "0" is not: half a unit of the last digit that was typed
# counts up to this share of the result.
COARSEST = 2.5e-2


def is_right(answer: float, truth: float, last_digit: float = 0.0, scale: float = 0.0) -> bool:
    """Whether an answer is the result, for somebody who calculates by hand.

    Parameters
    ----------
    answer, truth : float
        What was typed, and the result.
    last_digit : float, default 0
        One unit of the last digit that was typed: 0.01 for "0.33".
    scale : float, default 0
        Size of the numbers that the result was computed from, for a result that is zero or the
        small difference of large ones.

    Returns
    -------
    bool
        Whether the two differ by at most half a unit of the last digit (though by no more than
        2.5% of the result), by 0.5% of the result, or by 10⁻⁶ of ``scale``.
    """
    error = abs(answer - truth)
    rounded = min(0.5 * last_digit, COARSEST * abs(truth))
    slack = 1e-12 * abs(truth)  # 0.625 typed as 0.63 is off by 0.005 and a little
    return error <= max(rounded, ROUNDING * abs(truth), 1e-6 * scale) + slack


def recognise(
    quantity: str,
    values: Values,
    i: int,
    k: int,
    answer: float,
    last_digit: float = 0.0,
) -> str | None:
    """The slip that leads to ``answer`` for sample ``i`` and feature ``k``, if one is known.

    Parameters
    ----------
    quantity : str
        A key of `SLIPS`.
    values : mapping of str to ndarray
        What `derive` returned.
    i, k : int
        Sample and feature, counted from 0.
    answer, last_digit : float
        As for `is_right`.

    Returns
    -------
    str or None
        A key of ``SLIPS[quantity]``: the slip whose result is nearest, among those that
        `is_right` would accept. Slips that change nothing here are left out, and a right answer
        is none.
    """
    truth = _at(values[quantity], values, i, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        slips = {name: _at(slip(values), values, i, k) for name, slip in SLIPS[quantity].items()}
    return nearest_slip(answer, truth, slips, last_digit)


def nearest_slip(
    answer: float, truth: float, slips: Mapping[str, float], last_digit: float = 0.0
) -> str | None:
    """The slip whose result was typed, if any was.

    Parameters
    ----------
    answer, truth, last_digit : float
        As for `is_right`.
    slips : mapping of str to float
        What each slip gives.

    Returns
    -------
    str or None
        The name of the nearest result, among those that `is_right` would accept and that are
        not the right one.
    """
    if is_right(answer, truth, last_digit):
        return None
    found = [
        (abs(answer - wrong), name)
        for name, wrong in slips.items()
        if math.isfinite(wrong)
        and not is_right(wrong, truth)
        and is_right(answer, wrong, last_digit)
    ]
    return min(found)[1] if found else None


def _at(a: ArrayLike, values: Values, i: int, k: int) -> float:
    return float(np.broadcast_to(a, values["x"].shape)[i, k])


def _other_axis(a: Array) -> Array:
    """Mean over the features of each sample, where the mean over samples was meant."""
    return a.mean(axis=1, keepdims=True)


def _unbiased(v: Values) -> Array:
    """The variance divided by m − 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(v["squared"].sum(axis=0) / (v["m"] - 1))


def _std_of(v: Values, var: Array) -> Array:
    return np.asarray(np.sqrt(var + v["eps"]))


# For every formula of the derivation: name of the slip → what it gives, broadcastable to (m, d).
SLIPS: Mapping[str, Mapping[str, Slip]] = {
    "mu": {
        "other_axis": lambda v: _other_axis(v["x"]),
        "not_divided": lambda v: v["x"].sum(axis=0),
        "unbiased": lambda v: v["x"].sum(axis=0) / (v["m"] - 1),
        "wrong_sign": lambda v: -v["mu"],
    },
    "var": {
        "unbiased": _unbiased,
        "std": lambda v: np.sqrt(v["var"]),
        "unbiased_std": lambda v: np.sqrt(_unbiased(v)),
        "not_divided": lambda v: v["squared"].sum(axis=0),
        "not_centred": lambda v: (v["x"] ** 2).mean(axis=0),
        "absolute": lambda v: np.abs(v["centred"]).mean(axis=0),
        "other_axis": lambda v: _other_axis((v["x"] - _other_axis(v["x"])) ** 2),
        "with_eps": lambda v: v["var_eps"],
    },
    "x_hat": {
        "without_eps": lambda v: v["centred"] / np.sqrt(v["var"]),
        "divided_by_var": lambda v: v["centred"] / v["var_eps"],
        "eps_outside": lambda v: v["centred"] / (np.sqrt(v["var"]) + v["eps"]),
        "unbiased": lambda v: v["centred"] / _std_of(v, _unbiased(v)),
        "not_centred": lambda v: v["x"] * v["inv_std"],
        "not_divided": lambda v: v["centred"],
        "wrong_sign": lambda v: -v["x_hat"],
        "other_axis": lambda v: (
            (v["x"] - _other_axis(v["x"])) / _std_of(v, v["x"].var(axis=1, keepdims=True))
        ),
    },
    "y": {
        "without_beta": lambda v: v["scaled"],
        "without_gamma": lambda v: v["x_hat"] + v["beta"],
        "beta_subtracted": lambda v: v["scaled"] - v["beta"],
        "swapped": lambda v: v["beta"] * v["x_hat"] + v["gamma"],
        "not_standardised": lambda v: v["gamma"] * v["x"] + v["beta"],
        "bracket": lambda v: v["gamma"] * (v["x_hat"] + v["beta"]),
    },
    "dx_hat": {
        "without_gamma": lambda v: v["dy"],
        "divided": lambda v: v["dy"] / v["gamma"],
        "times_x_hat": lambda v: v["dy"] * v["x_hat"],
        "summed": lambda v: v["dx_hat"].sum(axis=0),
        "wrong_sign": lambda v: -v["dx_hat"],
    },
    "dvar": {
        "missing_sum": lambda v: -0.5 * v["dx_hat"] * v["centred"] * v["inv_std"] ** 3,
        "wrong_sign": lambda v: -v["dvar"],
        "without_half": lambda v: 2 * v["dvar"],
        "half_lost_sign": lambda v: -2 * v["dvar"],
        "power": lambda v: -0.5 * v["dinv_std"] * v["inv_std"],
        "without_eps": lambda v: -0.5 * v["dinv_std"] * v["var"] ** -1.5,
        "mean": lambda v: v["dvar"] / v["m"],
        "not_centred": lambda v: -0.5 * (v["dx_hat"] * v["x"]).sum(axis=0) * v["inv_std"] ** 3,
        "x_hat_for_x": lambda v: -0.5 * (v["dx_hat"] * v["x_hat"]).sum(axis=0) * v["inv_std"] ** 3,
        "from_dy": lambda v: v["dvar"] / v["gamma"],
    },
    "dmu": {
        "missing_sum": lambda v: -v["dcentred"],
        "wrong_sign": lambda v: -v["dmu"],
        "mean": lambda v: v["dmu"] / v["m"],
        "divided_by_var": lambda v: -v["dx_hat"].sum(axis=0) / v["var_eps"],
        "not_divided": lambda v: -v["dx_hat"].sum(axis=0),
        "without_eps": lambda v: -v["dx_hat"].sum(axis=0) / np.sqrt(v["var"]),
        "from_dy": lambda v: v["dmu"] / v["gamma"],
    },
    "dx": {
        "without_mean_path": lambda v: v["dx_via_x_hat"] + v["dx_via_var"],
        "without_var_path": lambda v: v["dx_via_x_hat"] + v["dx_via_mu"],
        "detached": lambda v: v["dx_via_x_hat"],
        "printed": dx_printed,
        "mean_not_divided": lambda v: v["dx_via_x_hat"] + v["dx_via_var"] + v["dmu"],
        "without_two": lambda v: v["dx_via_x_hat"] + v["dx_via_var"] / 2 + v["dx_via_mu"],
        "var_wrong_sign": lambda v: v["dx_via_x_hat"] - v["dx_via_var"] + v["dx_via_mu"],
        "mean_wrong_sign": lambda v: v["dx_via_x_hat"] + v["dx_via_var"] - v["dx_via_mu"],
        "wrong_sign": lambda v: -v["dx"],
    },
    "dgamma": {
        "missing_sum": lambda v: v["dgamma_parts"],
        "mean": lambda v: v["dgamma"] / v["m"],
        "x_for_x_hat": lambda v: (v["dy"] * v["x"]).sum(axis=0),
        "y_for_x_hat": lambda v: (v["dy"] * v["y"]).sum(axis=0),
        "from_dx_hat": lambda v: (v["dx_hat"] * v["x_hat"]).sum(axis=0),
        "wrong_sign": lambda v: -v["dgamma"],
        "other_axis": lambda v: v["dgamma_parts"].sum(axis=1, keepdims=True),
    },
    "dbeta": {
        "missing_sum": lambda v: v["dy"],
        "mean": lambda v: v["dbeta"] / v["m"],
        "from_dx_hat": lambda v: v["dx_hat"].sum(axis=0),
        "wrong_sign": lambda v: -v["dbeta"],
        "other_axis": lambda v: v["dy"].sum(axis=1, keepdims=True),
    },
}


# ---- bugs ----------------------------------------------------------------------------------------


def _three_paths(dy: Array, fwd: ForwardTrain) -> tuple[Array, Array, Array]:
    """The parts of ∂ℓ/∂x: direct, through σ², through μ. They sum to the gradient."""
    grads = backward_train(dy, fwd)
    m = len(fwd.x)
    through_var = grads.dvar * 2 * fwd.centred / m
    return grads.dx_hat * fwd.inv_std, through_var, np.broadcast_to(grads.dmu / m, dy.shape)


def _printed(dy: Array, fwd: ForwardTrain) -> Array:
    grads = backward_train(dy, fwd)
    names: dict[str, Any] = {"x": fwd.x, "mu": fwd.mu, "var": fwd.var, "eps": fwd.eps}
    return dx_printed(names | {name: getattr(grads, name) for name in ("dx_hat", "dvar", "dmu")})


def _var_wrong_sign(dy: Array, fwd: ForwardTrain) -> Array:
    direct, through_var, through_mu = _three_paths(dy, fwd)
    return direct - through_var + through_mu


def _without_mean_path(dy: Array, fwd: ForwardTrain) -> Array:
    direct, through_var, _ = _three_paths(dy, fwd)
    return direct + through_var


def _detached(dy: Array, fwd: ForwardTrain) -> Array:
    grads = backward_train(dy, fwd)
    return dx_detached({"dx_hat": grads.dx_hat, "var": fwd.var, "eps": np.asarray(fwd.eps)})


def _unbiased_mixed(dy: Array, fwd: ForwardTrain) -> Array:
    direct, through_var, through_mu = _three_paths(dy, fwd)
    m = len(fwd.x)
    return direct + through_var * (m / max(m - 1, 1)) + through_mu


def _eps_outside(dy: Array, fwd: ForwardTrain) -> Array:
    """A backward pass that takes 1/(σ + ε) for 1/√(σ² + ε)."""
    std = np.sqrt(fwd.var) + fwd.eps
    inv_std = np.divide(1, std, out=np.zeros_like(std), where=std > 0)
    x_hat, m = fwd.centred * inv_std, len(fwd.x)
    total, product = dy.sum(axis=0), (dy * x_hat).sum(axis=0)
    return fwd.gamma * inv_std * (dy - total / m - x_hat * product / m)


# Wrong ∂ℓ/∂x, each in a copy of the gradient: (dy, fwd) → an array as x.
BUGS: Mapping[str, Callable[[Array, ForwardTrain], Array]] = {
    "printed": _printed,
    "var_wrong_sign": _var_wrong_sign,
    "without_mean_path": _without_mean_path,
    "detached": _detached,
    "unbiased_mixed": _unbiased_mixed,
    "eps_outside": _eps_outside,
}
