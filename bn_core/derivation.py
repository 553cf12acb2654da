r"""Batch Normalization one formula at a time, and every formula one operation at a time.

The same mathematics as `bn_core.batchnorm`, written to be read: an ordered list of formulas, each
with its single operations. A `Step` is a name, a formula in LaTeX and one line of NumPy; its
inputs are the arguments of that line. Everything that shows or checks the derivation (the step
player, the graph, the numbers put into the formulas, the code beside them, the tests) reads this
list, so that none of them can drift from the others.

Indices: sample i = 1…m, feature k = 1…d. Every statistic belongs to one feature k.

Forward, Algorithm 1 of S. Ioffe and C. Szegedy (2015), https://arxiv.org/abs/1502.03167:
μ, σ², x̂, y. Backward, section 3 of the same: ∂x̂, ∂σ², ∂μ, ∂x, ∂γ, ∂β. The single operations of
the backward pass go against the arrows of the graph that the forward pass draws, as in
F. Kratzert, *Understanding the backward pass through Batch Normalization Layer* (2016).

In formulas, ``[name]`` stands for a quantity and ``∑{…}`` for a sum over the samples.

Notes
-----
Precision: these are the textbook lines, in float64. Far from zero, where |μ| is 10ⁿ standard
deviations, subtracting μ loses n digits that `forward_train` keeps.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core.batchnorm import backward_train, forward_train

Array = NDArray[np.floating[Any]]
Values = Mapping[str, Array]
Shape = Literal["batch", "feature", "scalar"]


@dataclass(frozen=True)
class Step:
    """One line of the derivation.

    Attributes
    ----------
    name : str
        The quantity it computes, a key of `QUANTITIES`.
    tex : str
        The right-hand side in LaTeX, with ``[name]`` for quantities and ``∑{…}`` for Σᵢ.
    compute : callable
        The line. Its parameters are named after the quantities that it takes.
    paths : tuple of tuple of str
        Of a gradient: the nodes of the forward graph that it flows through, against the arrows.
        Where several paths meet, the chain rule adds.
    """

    name: str
    tex: str
    compute: Callable[..., Array]
    paths: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the quantities the line takes."""
        return tuple(inspect.signature(self.compute).parameters)

    @cached_property
    def code(self) -> str:
        """The line as it stands in this file: ``name = expression``."""
        source = textwrap.dedent(inspect.getsource(self.compute))
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Return) and node.value is not None:
                line = " ".join((ast.get_source_segment(source, node.value) or "").split())
                return f"{self.name} = {line}"
        raise ValueError(f"the function of step {self.name} returns nothing")

    def __call__(self, values: Values) -> Array:
        """The result, from a mapping that holds at least the inputs."""
        return self.compute(*(values[name] for name in self.inputs))


@dataclass(frozen=True)
class Formula:
    """A formula of the course notes, and the single operations it opens into.

    The last operation computes the same quantity as the whole.
    """

    whole: Step
    operations: tuple[Step, ...]

    @property
    def name(self) -> str:
        return self.whole.name


@dataclass(frozen=True)
class Quantity:
    """How a quantity is written. ``shape``: (m, d), (d,) or a single number."""

    tex: str
    shape: Shape


def step(name: str, tex: str, *paths: tuple[str, ...]) -> Callable[[Callable[..., Array]], Step]:
    """Make a `Step` of a function that is one line."""
    return lambda compute: Step(name, tex, compute, paths)


# ---- forward ---------------------------------------------------------------------------------


@step("mu", r"\frac{1}{[m]} ∑{[x]}")
def mu(x: Array) -> Array:
    return x.mean(axis=0)


@step("var", r"\frac{1}{[m]} ∑{([x] - [mu])^2}")
def var(x: Array, mu: Array) -> Array:
    return ((x - mu) ** 2).mean(axis=0)


@step("x_hat", r"\frac{[x] - [mu]}{\sqrt{[var] + [eps]}}")
def x_hat(x: Array, mu: Array, var: Array, eps: Array) -> Array:
    return (x - mu) / np.sqrt(var + eps)


@step("y", r"[gamma] \cdot [x_hat] + [beta]")
def y(x_hat: Array, gamma: Array, beta: Array) -> Array:
    return gamma * x_hat + beta


@step("centred", r"[x] - [mu]")
def centred(x: Array, mu: Array) -> Array:
    return x - mu


@step("squared", r"[centred]^2")
def squared(centred: Array) -> Array:
    return centred**2


@step("var", r"\frac{1}{[m]} ∑{[squared]}")
def mean_of_squared(squared: Array) -> Array:
    return squared.mean(axis=0)


@step("var_eps", r"[var] + [eps]")
def var_eps(var: Array, eps: Array) -> Array:
    return var + eps


@step("std", r"\sqrt{[var_eps]}")
def std(var_eps: Array) -> Array:
    return np.sqrt(var_eps)


@step("inv_std", r"\frac{1}{[std]}")
def inv_std(std: Array) -> Array:
    return 1 / std


@step("x_hat", r"[centred] \cdot [inv_std]")
def centred_times_inv_std(centred: Array, inv_std: Array) -> Array:
    return centred * inv_std


@step("scaled", r"[gamma] \cdot [x_hat]")
def scaled(x_hat: Array, gamma: Array) -> Array:
    return gamma * x_hat


@step("y", r"[scaled] + [beta]")
def scaled_plus_beta(scaled: Array, beta: Array) -> Array:
    return scaled + beta


FORWARD = (
    Formula(mu, (mu,)),
    Formula(var, (centred, squared, mean_of_squared)),
    Formula(x_hat, (var_eps, std, inv_std, centred_times_inv_std)),
    Formula(y, (scaled, scaled_plus_beta)),
)


# ---- backward --------------------------------------------------------------------------------

VIA_X_HAT, VIA_VAR, VIA_MU = (
    ("x_hat", "centred", "x"),
    ("var", "squared", "centred", "x"),
    ("mu", "x"),
)
THREE_PATHS = (VIA_X_HAT, VIA_VAR, VIA_MU)


@step("dx_hat", r"[dy] \cdot [gamma]", ("y", "scaled", "x_hat"))
def dx_hat(dy: Array, gamma: Array) -> Array:
    return dy * gamma


@step(
    "dvar",
    r"\frac{-1}{2} ([var] + [eps])^{-3/2} ∑{[dx_hat] \cdot ([x] - [mu])}",
    ("x_hat", "inv_std", "std", "var_eps", "var"),
)
def dvar(dx_hat: Array, x: Array, mu: Array, var: Array, eps: Array) -> Array:
    return -1 / 2 * (var + eps) ** (-3 / 2) * (dx_hat * (x - mu)).sum(axis=0)


@step("dmu", r"\frac{-1}{\sqrt{[var] + [eps]}} ∑{[dx_hat]}", ("x_hat", "centred", "mu"))
def dmu(dx_hat: Array, var: Array, eps: Array) -> Array:
    return -1 / np.sqrt(var + eps) * dx_hat.sum(axis=0)


@step(
    "dx",
    r"[dx_hat] \cdot \frac{1}{\sqrt{[var] + [eps]}} + [dvar] \cdot \frac{2 ([x] - [mu])}{[m]}"
    r" + [dmu] \cdot \frac{1}{[m]}",
    *THREE_PATHS,
)
def dx(
    dx_hat: Array, dvar: Array, dmu: Array, x: Array, mu: Array, var: Array, eps: Array
) -> Array:
    return dx_hat / np.sqrt(var + eps) + dvar * 2 * (x - mu) / len(x) + dmu / len(x)


@step("dgamma", r"∑{[dy] \cdot [x_hat]}", ("y", "scaled", "gamma"))
def dgamma(dy: Array, x_hat: Array) -> Array:
    return (dy * x_hat).sum(axis=0)


@step("dbeta", r"∑{[dy]}", ("y", "beta"))
def dbeta(dy: Array) -> Array:
    return dy.sum(axis=0)


@step("dinv_std_parts", r"[dx_hat] \cdot [centred]", ("x_hat", "inv_std"))
def dinv_std_parts(dx_hat: Array, centred: Array) -> Array:
    return dx_hat * centred


@step("dinv_std", r"∑{[dinv_std_parts]}", ("x_hat", "inv_std"))
def dinv_std(dinv_std_parts: Array) -> Array:
    return dinv_std_parts.sum(axis=0)


@step("dstd", r"[dinv_std] \cdot \frac{-1}{[std]^2}", ("inv_std", "std"))
def dstd(dinv_std: Array, std: Array) -> Array:
    return dinv_std * -1 / std**2


@step("dvar_eps", r"[dstd] \cdot \frac{1}{2 \cdot [std]}", ("std", "var_eps"))
def dvar_eps(dstd: Array, std: Array) -> Array:
    return dstd / (2 * std)


@step("dvar", r"[dvar_eps] \cdot 1", ("var_eps", "var"))
def dvar_from_dvar_eps(dvar_eps: Array) -> Array:
    return dvar_eps * 1


@step("dcentred", r"[dx_hat] \cdot [inv_std]", ("x_hat", "centred"))
def dcentred(dx_hat: Array, inv_std: Array) -> Array:
    return dx_hat * inv_std


@step("dmu_via_x_hat", r"-∑{[dcentred]}", ("centred", "mu"))
def dmu_via_x_hat(dcentred: Array) -> Array:
    return -dcentred.sum(axis=0)


@step(
    "dmu_via_var",
    r"[dvar] \cdot \frac{-2}{[m]} ∑{[centred]}",
    ("var", "squared", "centred", "mu"),
)
def dmu_via_var(dvar: Array, centred: Array) -> Array:
    return dvar * -2 / len(centred) * centred.sum(axis=0)


@step(
    "dmu",
    r"[dmu_via_x_hat] + [dmu_via_var]",
    ("x_hat", "centred", "mu"),
    ("var", "squared", "centred", "mu"),
)
def dmu_from_both_paths(dmu_via_x_hat: Array, dmu_via_var: Array) -> Array:
    return dmu_via_x_hat + dmu_via_var


@step("dx_via_x_hat", r"[dx_hat] \cdot [inv_std]", VIA_X_HAT)
def dx_via_x_hat(dx_hat: Array, inv_std: Array) -> Array:
    return dx_hat * inv_std


@step(
    "dx_via_var",
    r"[dvar] \cdot \frac{2 \cdot [centred]}{[m]}",
    VIA_VAR,
)
def dx_via_var(dvar: Array, centred: Array) -> Array:
    return dvar * 2 * centred / len(centred)


@step("dx_via_mu", r"[dmu] \cdot \frac{1}{[m]}", VIA_MU)
def dx_via_mu(dmu: Array, m: Array) -> Array:
    return dmu / m


@step("dx", r"[dx_via_x_hat] + [dx_via_var] + [dx_via_mu]", *THREE_PATHS)
def dx_from_three_paths(dx_via_x_hat: Array, dx_via_var: Array, dx_via_mu: Array) -> Array:
    return dx_via_x_hat + dx_via_var + dx_via_mu


@step("dgamma_parts", r"[dy] \cdot [x_hat]", ("scaled", "gamma"))
def dgamma_parts(dy: Array, x_hat: Array) -> Array:
    return dy * x_hat


@step("dgamma", r"∑{[dgamma_parts]}", ("scaled", "gamma"))
def sum_of_dgamma_parts(dgamma_parts: Array) -> Array:
    return dgamma_parts.sum(axis=0)


BACKWARD = (
    Formula(dx_hat, (dx_hat,)),
    Formula(dvar, (dinv_std_parts, dinv_std, dstd, dvar_eps, dvar_from_dvar_eps)),
    Formula(dmu, (dcentred, dmu_via_x_hat, dmu_via_var, dmu_from_both_paths)),
    Formula(dx, (dx_via_x_hat, dx_via_var, dx_via_mu, dx_from_three_paths)),
    Formula(dgamma, (dgamma_parts, sum_of_dgamma_parts)),
    Formula(dbeta, (dbeta,)),
)


# ---- the same ∂x otherwise ---------------------------------------------------------------------


@step(
    "dx",
    r"\frac{[gamma]}{[m] \sqrt{[var] + [eps]}}"
    r" \Bigl([m] \, [dy] - ∑{[dy]} - [x_hat] ∑{[dy] \, [x_hat]}\Bigr)",
)
def dx_compact(dy: Array, x_hat: Array, gamma: Array, var: Array, eps: Array) -> Array:
    return (
        gamma
        / (len(dy) * np.sqrt(var + eps))
        * (len(dy) * dy - dy.sum(axis=0) - x_hat * (dy * x_hat).sum(axis=0))
    )


@step("dx", r"[dx_hat] \cdot \frac{1}{\sqrt{[var] + [eps]}}", VIA_X_HAT)
def dx_detached(dx_hat: Array, var: Array, eps: Array) -> Array:
    return dx_hat / np.sqrt(var + eps)


# ---- the misprint and its repairs ---------------------------------------------------------------
# A set of course notes prints ∂x with a sum too many and a sign turned round. These lines are for
# the exercise that finds the misprint and for the gradient check; nothing else computes with them.

_TWO_RIGHT_TERMS = r" + [dvar] \cdot \frac{2 ([x] - [mu])}{[m]} + [dmu] \cdot \frac{1}{[m]}"


@step("dx", r"∑{[dx_hat]} \cdot \frac{-1}{\sqrt{[var] + [eps]}}" + _TWO_RIGHT_TERMS)
def dx_printed(
    dx_hat: Array, dvar: Array, dmu: Array, x: Array, mu: Array, var: Array, eps: Array
) -> Array:
    return -dx_hat.sum(axis=0) / np.sqrt(var + eps) + dvar * 2 * (x - mu) / len(x) + dmu / len(x)


@step("dx", r"[dx_hat] \cdot \frac{-1}{\sqrt{[var] + [eps]}}" + _TWO_RIGHT_TERMS)
def dx_without_sum(
    dx_hat: Array, dvar: Array, dmu: Array, x: Array, mu: Array, var: Array, eps: Array
) -> Array:
    return dx_hat * -1 / np.sqrt(var + eps) + dvar * 2 * (x - mu) / len(x) + dmu / len(x)


@step("dx", r"∑{[dx_hat]} \cdot \frac{1}{\sqrt{[var] + [eps]}}" + _TWO_RIGHT_TERMS)
def dx_with_right_sign(
    dx_hat: Array, dvar: Array, dmu: Array, x: Array, mu: Array, var: Array, eps: Array
) -> Array:
    return dx_hat.sum(axis=0) / np.sqrt(var + eps) + dvar * 2 * (x - mu) / len(x) + dmu / len(x)


MISPRINT = {
    "printed": dx_printed,
    "without_sum": dx_without_sum,
    "right_sign": dx_with_right_sign,
    "both": dx,
}


# ---- how quantities are written -----------------------------------------------------------------


def _gradient(of: str) -> str:
    return rf"\frac{{\partial \ell}}{{\partial {of}}}"


def _along(gradient: str, node: str) -> str:
    """A part of a gradient: the one that comes by way of ``node``."""
    return rf"{gradient}\Big|_{{{node}}}"


_DX, _DMU = _gradient("x_{ik}"), _gradient(r"\mu_k")

QUANTITIES: dict[str, Quantity] = {
    "m": Quantity("m", "scalar"),
    "eps": Quantity(r"\epsilon", "scalar"),
    "x": Quantity("x_{ik}", "batch"),
    "gamma": Quantity(r"\gamma_k", "feature"),
    "beta": Quantity(r"\beta_k", "feature"),
    "mu": Quantity(r"\mu_k", "feature"),
    "centred": Quantity("c_{ik}", "batch"),
    "squared": Quantity("q_{ik}", "batch"),
    "var": Quantity(r"\sigma^2_k", "feature"),
    "var_eps": Quantity("v_k", "feature"),
    "std": Quantity("s_k", "feature"),
    "inv_std": Quantity("r_k", "feature"),
    "x_hat": Quantity(r"\hat{x}_{ik}", "batch"),
    "scaled": Quantity("u_{ik}", "batch"),
    "y": Quantity("y_{ik}", "batch"),
    "dy": Quantity(_gradient("y_{ik}"), "batch"),
    "dx_hat": Quantity(_gradient(r"\hat{x}_{ik}"), "batch"),
    "dinv_std_parts": Quantity("p_{ik}", "batch"),
    "dinv_std": Quantity(_gradient("r_k"), "feature"),
    "dstd": Quantity(_gradient("s_k"), "feature"),
    "dvar_eps": Quantity(_gradient("v_k"), "feature"),
    "dvar": Quantity(_gradient(r"\sigma^2_k"), "feature"),
    "dcentred": Quantity(_along(_gradient("c_{ik}"), r"\hat{x}"), "batch"),
    "dmu_via_x_hat": Quantity(_along(_DMU, r"\hat{x}"), "feature"),
    "dmu_via_var": Quantity(_along(_DMU, r"\sigma^2"), "feature"),
    "dmu": Quantity(_DMU, "feature"),
    "dx_via_x_hat": Quantity(_along(_DX, r"\hat{x}"), "batch"),
    "dx_via_var": Quantity(_along(_DX, r"\sigma^2"), "batch"),
    "dx_via_mu": Quantity(_along(_DX, r"\mu"), "feature"),  # the same for every sample
    "dx": Quantity(_DX, "batch"),
    "dgamma_parts": Quantity("w_{ik}", "batch"),
    "dgamma": Quantity(_gradient(r"\gamma_k"), "feature"),
    "dbeta": Quantity(_gradient(r"\beta_k"), "feature"),
}


# ---- what is done with the list -----------------------------------------------------------------


def operations(formulas: tuple[Formula, ...]) -> Iterator[tuple[Formula, Step]]:
    """Every single operation with the formula it is part of, in order."""
    for formula in formulas:
        for operation in formula.operations:
            yield formula, operation


def edges() -> tuple[tuple[str, str], ...]:
    """Arrows (from, to) of the computational graph: what each forward operation takes."""
    return tuple(
        (name, operation.name) for _, operation in operations(FORWARD) for name in operation.inputs
    )


def derive(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
    dy: ArrayLike | None = None,
) -> dict[str, Array]:
    """Every quantity of the derivation for one batch, computed line by line.

    Parameters
    ----------
    x : array_like of shape (m, d)
        The batch.
    gamma, beta : array_like of shape (d,), optional
        Scale (None: 1) and shift (None: 0).
    eps : float, default 1e-5
        Added to the variance; at least 0.
    dy : array_like of shape (m, d), optional
        ∂ℓ/∂y. Without it the gradients are left out.

    Returns
    -------
    dict of str to ndarray
        float64, keyed by the names in `QUANTITIES`; what single operations and whole formulas
        both compute is the formula's.

    Raises
    ------
    ValueError, TypeError
        As `forward_train` and `backward_train`, and if ``x`` has more than two axes.

    Examples
    --------
    >>> values = derive([[0.0], [2.0], [4.0]], dy=[[1.0], [2.0], [4.0]])
    >>> values["mu"], values["squared"].ravel(), values["dbeta"]
    (array([2.]), array([4., 0., 4.]), array([7.]))
    """
    batch = np.asarray(x)
    if batch.ndim > 2:
        raise ValueError(f"x must have shape (m, d) to be stepped through; got {batch.shape}")
    if batch.dtype.kind == "f":
        batch = batch.astype(np.float64)
    fwd = forward_train(batch, gamma, beta, eps=eps)
    values: dict[str, Array] = {
        "m": np.asarray(float(len(fwd.x))),
        "eps": np.asarray(fwd.eps),
        "x": fwd.x,
        "gamma": fwd.gamma,
        "beta": fwd.beta,
    }
    formulas: tuple[Formula, ...] = FORWARD
    if dy is not None:
        values["dy"] = backward_train(dy, fwd).dy
        formulas = FORWARD + BACKWARD
    for formula in formulas:
        for operation in formula.operations:
            values[operation.name] = operation(values)
        values[formula.name] = formula.whole(values)
    return values


def magnitudes(values: Values) -> dict[str, Array]:
    """Size of the terms that each quantity is the sum of; where nothing is added, its own size.

    A product has the size of its factors: a difference that should be zero leaves rounding error,
    which stays rounding error whatever it is multiplied by.

    Rounding errors are proportional to it: a result that is 10⁻¹² of it is zero, and a result is
    right if it is off by no more.

    Parameters
    ----------
    values : mapping of str to ndarray
        What `derive` returned.

    Returns
    -------
    dict of str to ndarray
        Not negative, for every quantity in ``values``.
    """
    size = {name: np.abs(value) for name, value in values.items()}
    size["mu"] = size["x"].mean(axis=0)
    size["centred"] = size["x"] + size["mu"]
    size["squared"] = np.abs(values["centred"]) * size["centred"]
    size["var"] = size["squared"].mean(axis=0)
    size["var_eps"] = size["var"] + size["eps"]
    size["x_hat"] = size["centred"] * values["inv_std"]
    size["scaled"] = size["gamma"] * size["x_hat"]
    size["y"] = size["scaled"] + size["beta"]
    if "dy" not in values:
        return size
    # σ² and μ meet in products: the size of one factor goes with the terms of the other.
    dvar_terms = size["dinv_std_parts"].sum(axis=0) / (2 * values["std"] ** 3)
    size["dinv_std_parts"] = size["dx_hat"] * size["centred"]
    size["dinv_std"] = size["dinv_std_parts"].sum(axis=0)
    size["dstd"] = size["dinv_std"] / values["std"] ** 2
    size["dvar"] = size["dvar_eps"] = size["dstd"] / (2 * values["std"])
    size["dmu_via_x_hat"] = size["dcentred"].sum(axis=0)
    size["dmu_via_var"] = dvar_terms * 2 * size["centred"].mean(axis=0)
    size["dmu"] = size["dmu_via_x_hat"] + size["dmu_via_var"]
    size["dx_via_var"] = (
        np.maximum(size["dvar"] * np.abs(values["centred"]), dvar_terms * size["centred"])
        * 2
        / values["m"]
    )
    size["dx_via_mu"] = size["dmu"] / values["m"]
    size["dx"] = size["dx_via_x_hat"] + size["dx_via_var"] + size["dx_via_mu"]
    size["dgamma_parts"] = size["dy"] * size["x_hat"]
    size["dgamma"] = size["dgamma_parts"].sum(axis=0)
    size["dbeta"] = size["dy"].sum(axis=0)
    return size


def part_of(formulas: tuple[Formula, ...]) -> dict[str, str]:
    """For every quantity that a list of formulas computes: the formula it belongs to."""
    return {operation.name: formula.name for formula, operation in operations(formulas)}
