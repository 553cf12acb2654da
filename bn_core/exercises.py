r"""Exercises for the questions at the end of a chapter: seed → given numbers, answer, usual slips.

The words of a question live with the chapter; what is calculated, the right answer and what the
usual slips would have given are computed here. Everything follows from the exercise's name and a
seed, so that two neighbours may be asked the same with other numbers, and a teacher who knows the
seed has the answer key.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bn_core.derivation import BACKWARD, FORWARD, Formula, Values, derive, operations
from bn_core.mistakes import SLIPS

Array = NDArray[np.floating[Any]]
Given = float | str | Sequence[float]

MOST_SEED = 9999
ATTEMPTS = 200  # draws until one lets every slip be told from every other
APART = 0.026  # share by which results differ at least: more than `is_right` lets one round


@dataclass(frozen=True)
class Number:
    """A number to be calculated.

    Attributes
    ----------
    given : mapping of str to number, text or sequence of numbers
        What the question states, exactly as it is to be shown.
    answer : float
        The result.
    slips : mapping of str to float
        What each usual slip gives.
    worked : mapping of str to number or sequence of numbers
        What the explanation shows besides.
    """

    given: Mapping[str, Given]
    answer: float
    slips: Mapping[str, float]
    worked: Mapping[str, Given] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """Steps to be put in order.

    Attributes
    ----------
    needs : mapping of str to frozenset of str
        For every step, in the right order, the steps whose results it takes.
    offered : tuple of str
        The steps as they are offered, shuffled.
    """

    needs: Mapping[str, frozenset[str]]
    offered: tuple[str, ...]

    @property
    def answer(self) -> tuple[str, ...]:
        return tuple(self.needs)

    def too_early(self, order: Sequence[str]) -> str | None:
        """The first step that stands before one whose result it takes; None if there is none."""
        done: set[str] = set()
        for step in order:
            if not self.needs[step] <= done:
                return step
            done.add(step)
        return None


@dataclass(frozen=True)
class Lines:
    """Lines of NumPy, one of which is wrong.

    Attributes
    ----------
    lines : mapping of str to str
        The lines to be shown, by the name of what they compute.
    answer : str
        The name of the wrong one.
    slip : str
        What is wrong with it, a key of the variants below.
    right : str
        How that line should read.
    """

    lines: Mapping[str, str]
    answer: str
    slip: str
    right: str


Exercise = Number | Order | Lines
Make = Callable[[np.random.Generator], Exercise]


def exercise(name: str, seed: int) -> Exercise:
    """The exercise of this name with the numbers of this seed.

    Parameters
    ----------
    name : str
        A key of `EXERCISES`.
    seed : int
        0 or more. The same seed gives different exercises independent numbers.

    Returns
    -------
    Number, Order or Lines
        Of a `Number`, the answer and the results of all slips differ from each other by more than
        2.6%, so that a rounded answer tells them apart.

    Raises
    ------
    KeyError
        If there is no such exercise.
    ValueError
        If the seed is negative.
    """
    make = EXERCISES[name]
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    for _ in range(ATTEMPTS):
        made = make(rng)
        if not isinstance(made, Number) or _clear(made):
            return made
    raise RuntimeError(f"exercise {name!r} has no numbers for seed {seed}")


def _clear(made: Number) -> bool:
    """Whether the answer is not zero and no two results are nearly the same."""
    results = [made.answer, *made.slips.values()]
    apart = all(abs(a - b) > APART * max(abs(a), abs(b)) for a, b in combinations(results, 2))
    return apart and abs(made.answer) > 1e-9


def _slips(quantity: str, names: Sequence[str], values: Values, i: int = 0) -> dict[str, float]:
    """What slips of a hand calculation give for sample ``i`` of a batch of one feature."""
    shape = values["x"].shape
    return {
        f"{quantity}_{name}": float(np.broadcast_to(SLIPS[quantity][name](values), shape)[i, 0])
        for name in names
    }


def _column(numbers: ArrayLike) -> Array:
    return np.asarray(numbers, dtype=np.float64)[:, None]


# ---- overview ------------------------------------------------------------------------------------


def _bias_removed(rng: np.random.Generator) -> Number:
    r"""BN's output with a bias before it, :math:`\gamma(x_1-\mu)/\sigma + \beta`: b drops out."""
    m, std = 4, float(rng.integers(2, 6))
    x = float(rng.integers(-5, 6)) + std * rng.permutation([-1.0, -1.0, 1.0, 1.0])
    bias, beta = (float(rng.choice([-1, 1]) * rng.integers(1, 10)) for _ in range(2))
    gamma = float(rng.integers(2, 8)) / 2
    mu = x.mean()
    centred = float(x[0] - mu)
    return Number(
        given={"m": m, "x": x.tolist(), "b": bias, "gamma": gamma, "beta": beta},
        answer=gamma * centred / std + beta,
        slips={
            "with_bias": gamma * centred / std + beta + bias,
            "kept": gamma * (centred + bias) / std + beta,
            "not_divided": gamma * centred + beta,
            "without_beta": gamma * centred / std,
        },
        worked={"centred": centred, "std": std},
    )


LAYER_STEPS = ("linear", "mu", "x_hat", "y", "activation", "next")


def _layer_order(rng: np.random.Generator) -> Order:
    """One layer from its input to the next one's: each step takes the one before."""
    needs = dict(zip(LAYER_STEPS, (frozenset(), *({s} for s in LAYER_STEPS[:-1])), strict=True))
    return Order(
        {step: frozenset(need) for step, need in needs.items()}, _shuffled(LAYER_STEPS, rng)
    )


# ---- distributions -------------------------------------------------------------------------------


def _largest(rng: np.random.Generator) -> Number:
    r"""The bound :math:`|\hat x| \le \sqrt{m-1}` (from Σx̂ = 0 and Σx̂² = m)."""
    m = int(rng.integers(5, 21))
    return Number(
        given={"m": m},
        answer=float(np.sqrt(m - 1)),
        slips={"one": 1.0, "three": 3.0, "root_m": float(np.sqrt(m)), "squared": m - 1.0},
        worked={"less": m - 1},
    )


def _eps_floor(rng: np.random.Generator) -> Number:
    r"""The standard deviation of x̂, :math:`\sigma/\sqrt{\sigma^2+\epsilon}`."""
    eps, var = float(rng.integers(1, 10)) / 100, float(rng.integers(1, 31)) / 100
    return Number(
        given={"var": var, "eps": eps},
        answer=float(np.sqrt(var / (var + eps))),
        slips={
            "ignored": 1.0,
            "variance": var / (var + eps),
            "eps_outside": float(np.sqrt(var) / (np.sqrt(var) + eps)),
        },
        worked={"sum": var + eps},
    )


def _noise(rng: np.random.Generator) -> Number:
    r"""The scatter of a batch mean, :math:`\sigma/\sqrt m`, at another batch size."""
    m = int(rng.choice([4, 8, 16, 32]))
    root = int(rng.integers(2, 6))
    sd = round(float(rng.integers(12, 96)) / 20, 2)
    factor = root**2
    return Number(
        given={"m": m, "more": m * factor, "sd": sd},
        answer=sd / root,
        slips={"proportional": sd / factor, "same": sd, "grows": sd * root},
        worked={"factor": factor, "root": root},
    )


# ---- scale and shift -----------------------------------------------------------------------------


def _identity_gamma(rng: np.random.Generator) -> Number:
    r"""The γ of the identity, :math:`\sqrt{\sigma^2+\epsilon}`, with an ε that counts."""
    var, eps = float(rng.integers(2, 41)) / 100, float(rng.integers(1, 21)) / 100
    root = float(np.sqrt(var + eps))
    sd = float(np.sqrt(var))
    return Number(
        given={"var": var, "eps": eps},
        answer=root,
        slips={
            "without_eps": sd,
            "squared": var + eps,
            "inverse": 1 / root,
            "eps_outside": sd + eps,
        },
        worked={"sum": var + eps},
    )


def _scaled_sample(rng: np.random.Generator) -> Number:
    r"""One sample through BN with ε = 0, :math:`\gamma(x-\mu)/\sigma+\beta`."""
    sd, gamma = float(rng.integers(2, 6)), float(rng.integers(2, 8)) / 2
    mean, beta = float(rng.integers(1, 9)), float(rng.choice([-3, -2, -1, 1, 2, 3]))
    x = mean + sd * float(rng.choice([-2, -1.5, -0.5, 0.5, 1.5, 2]))
    x_hat = (x - mean) / sd
    return Number(
        given={"x": x, "mean": mean, "var": sd**2, "gamma": gamma, "beta": beta},
        answer=gamma * x_hat + beta,
        slips={
            "by_variance": gamma * (x - mean) / sd**2 + beta,
            "bracket": gamma * (x_hat + beta),
            "not_centred": gamma * x / sd + beta,
            "swapped": beta * x_hat + gamma,
        },
        worked={"sd": sd, "x_hat": x_hat},
    )


def _stream_sd(rng: np.random.Generator) -> Number:
    r"""A stream of variance 1 after L uncorrelated additions, :math:`\sqrt{1+L\gamma^2}`."""
    gamma, blocks = float(rng.choice([0.2, 0.3, 0.4, 0.5, 2.0])), int(rng.integers(6, 61))
    added = blocks * gamma**2
    return Number(
        given={"gamma": gamma, "blocks": blocks},
        answer=float(np.sqrt(1 + added)),
        slips={
            "variance": 1 + added,
            "summed": 1 + blocks * gamma,
            "not_squared": float(np.sqrt(1 + blocks * gamma)),
            "without_start": float(np.sqrt(added)),
        },
        worked={"added": round(added, 6), "variance": round(1 + added, 6)},
    )


# ---- forward -------------------------------------------------------------------------------------


def _variance(rng: np.random.Generator) -> Number:
    r"""The variance of a batch, :math:`\frac1m\sum_i (x_i-\mu)^2`."""
    deviations = rng.integers(-5, 6, 3)
    deviations = np.append(deviations, -deviations.sum())
    x = _column(deviations + rng.integers(2, 10))
    values = derive(x, dy=np.zeros_like(x))
    names = ("unbiased", "std", "unbiased_std", "not_divided", "not_centred", "absolute")
    return Number(
        given={"x": x[:, 0].tolist(), "m": len(x)},
        answer=float(values["var"][0]),
        slips=_slips("var", names, values),
        worked={
            "mu": float(values["mu"][0]),
            "centred": values["centred"][:, 0].tolist(),
            "sum": float(values["squared"].sum()),
        },
    )


# ---- backward ------------------------------------------------------------------------------------


def _standardised_batch(rng: np.random.Generator) -> Values:
    """Four samples whose x̂ is −1 or 1, with ε = 0, and an upstream gradient of whole numbers."""
    x_hat = rng.permutation([-1.0, -1.0, 1.0, 1.0])
    std, gamma = float(rng.integers(2, 6)), float(rng.integers(2, 6))
    dy = rng.integers(-5, 6, 4).astype(np.float64)
    mu = float(rng.integers(-9, 10))
    return derive(_column(mu + std * x_hat), [gamma], [0.0], eps=0.0, dy=_column(dy))


def _stated(values: Values) -> dict[str, Given]:
    return {
        "x_hat": np.round(values["x_hat"][:, 0]).tolist(),
        "dy": values["dy"][:, 0].tolist(),
        "gamma": float(values["gamma"][0]),
        "std": float(values["std"][0]),
    }


def _dgamma(rng: np.random.Generator) -> Number:
    r"""The gradient of γ, :math:`\sum_i \frac{\partial\ell}{\partial y_i}\hat x_i`."""
    values = _standardised_batch(rng)
    names = ("mean", "from_dx_hat", "wrong_sign")
    without_x_hat = {"without_x_hat": float(values["dy"].sum())}
    return Number(
        given=_stated(values),
        answer=float(values["dgamma"][0]),
        slips=_slips("dgamma", names, values) | without_x_hat,
        worked={"parts": values["dgamma_parts"][:, 0].tolist()},
    )


def _dx(rng: np.random.Generator) -> Number:
    r"""The gradient of one sample, :math:`\frac\gamma\sigma(g_i-\bar g-\hat x_i\overline{g\hat x})`
    with :math:`g = \partial\ell/\partial y` and ε = 0."""
    values = _standardised_batch(rng)
    i = int(rng.integers(4))
    names = ("detached", "without_var_path", "without_mean_path", "wrong_sign")
    parts = {
        name: float(values[f"dx_via_{name}"].ravel()[i if name != "mu" else 0])
        for name in ("x_hat", "var", "mu")
    }
    return Number(
        given=_stated(values) | {"i": i + 1},
        answer=float(values["dx"][i, 0]),
        slips=_slips("dx", names, values, i),
        worked={f"via_{name}": part for name, part in parts.items()},
    )


# ---- gradient check ------------------------------------------------------------------------------


def _central(rng: np.random.Generator) -> Number:
    r"""The central difference, :math:`\frac{\ell(x+h)-\ell(x-h)}{2h}`."""
    h = float(rng.choice([0.1, 0.2, 0.05]))
    here = round(float(rng.uniform(1, 5)), 1)
    rise = float(rng.choice([-1, 1])) * float(rng.uniform(0.4, 4)) * h
    bend = float(rng.choice([-1, 1])) * float(rng.uniform(0.15, 0.4))
    plus = round(here + rise * (1 + bend), 3)
    minus = round(here - rise * (1 - bend), 3)
    return Number(
        given={"h": h, "here": here, "plus": plus, "minus": minus},
        answer=(plus - minus) / (2 * h),
        slips={
            "not_halved": (plus - minus) / h,
            "one_sided": (plus - here) / h,
            "backward": (here - minus) / h,
            "not_divided": plus - minus,
            "wrong_sign": (minus - plus) / (2 * h),
        },
        worked={"difference": plus - minus, "twice": 2 * h},
    )


# ---- training ------------------------------------------------------------------------------------


def _gradient_growth(rng: np.random.Generator) -> Number:
    r"""What a factor r from layer to layer becomes over L layers, :math:`r^{L-1}`."""
    factor = float(rng.integers(11, 16)) / 10
    depth = int(rng.integers(4, 13))
    gaps = depth - 1
    return Number(
        given={"factor": factor, "depth": depth},
        answer=factor**gaps,
        slips={
            "every_layer": factor**depth,
            "multiplied": factor * gaps,
            "added": 1 + (factor - 1) * gaps,
            "inverse": factor**-gaps,
        },
        worked={"gaps": gaps},
    )


def _bn_parameters(rng: np.random.Generator) -> Number:
    r"""How many parameters BN adds: γ and β of every hidden unit, :math:`2Ln`."""
    depth, width = int(rng.integers(3, 9)), int(rng.choice([10, 20, 32, 50, 64, 100]))
    m = int(rng.choice([16, 30, 60, 128]))
    units = depth * width
    return Number(
        given={"depth": depth, "width": width, "m": m},
        answer=2.0 * units,
        slips={
            "one": float(units),
            "running": 4.0 * units,
            "per_layer": 2.0 * depth,
            "per_sample": 2.0 * units * m,
        },
    )


# ---- inference -----------------------------------------------------------------------------------


def _momentum(rng: np.random.Generator) -> Number:
    r"""One update as Keras writes it, :math:`k\,\mu_{run} + (1-k)\,\mu_B`."""
    keras = float(rng.choice([0.8, 0.9, 0.95]))
    old, batch = (float(number) for number in rng.permutation(np.arange(1, 21))[:2])
    alpha = round(1 - keras, 2)
    return Number(
        given={"keras": keras, "old": old, "batch": batch},
        answer=keras * old + (1 - keras) * batch,
        slips={
            "swapped": (1 - keras) * old + keras * batch,
            "not_weighted": old + (1 - keras) * batch,
            "halves": (old + batch) / 2,
        },
        worked={"alpha": alpha},
    )


def _initial_weight(rng: np.random.Generator) -> Number:
    r"""The weight of the initial value, :math:`(1-\alpha)^t`."""
    alpha = float(rng.choice([0.01, 0.02, 0.05, 0.1]))
    steps = round(float(rng.uniform(0.5, 2.0)) / alpha)
    return Number(
        given={"alpha": alpha, "steps": steps},
        answer=float((1 - alpha) ** steps),
        slips={
            "complement": float(1 - (1 - alpha) ** steps),
            "linear": 1 - alpha * steps,
            "once": 1 - alpha,
        },
        worked={"keep": round(1 - alpha, 2)},
    )


def _fold_weight(rng: np.random.Generator) -> Number:
    r"""A folded weight, :math:`w' = \gamma w/\sqrt{\sigma^2_{run}}` with ε = 0."""
    std = float(rng.integers(2, 6))
    gamma = float(rng.integers(2, 8)) / 2
    weight = float(rng.choice([-1, 1])) * float(rng.integers(1, 13)) / 4
    mean = float(rng.integers(1, 9))
    return Number(
        given={"weight": weight, "gamma": gamma, "mean": mean, "var": std**2},
        answer=gamma * weight / std,
        slips={
            "variance": gamma * weight / std**2,
            "without_gamma": weight / std,
            "shifted": gamma * (weight - mean) / std,
            "not_divided": gamma * weight,
        },
        worked={"std": std},
    )


# ---- whitening -----------------------------------------------------------------------------------


def _condition(rng: np.random.Generator) -> Number:
    r"""The condition number that BN leaves, :math:`\frac{1+|\rho|}{1-|\rho|}`."""
    size = float(rng.integers(6, 20)) / 20
    rho = round(size * float(rng.choice([-1, 1])), 2)
    return Number(
        given={"rho": rho},
        answer=(1 + size) / (1 - size),
        slips={
            "whitened": 1.0,
            "inverse": (1 - size) / (1 + size),
            "largest": 1 + size,
            "smallest": 1 / (1 - size),
            "root": float(np.sqrt((1 + size) / (1 - size))),
        },
        worked={"size": size, "high": round(1 + size, 2), "low": round(1 - size, 2)},
    )


def _rank(rng: np.random.Generator) -> Number:
    """The rank of a covariance in general, min(m − 1, d), with fewer samples than features."""
    m, d = int(rng.integers(5, 31)), int(rng.integers(40, 101))
    return Number(
        given={"m": m, "d": d},
        answer=m - 1.0,
        slips={"samples": float(m), "features": float(d), "difference": float(d - m)},
    )


def _empty_direction(rng: np.random.Generator) -> Number:
    r"""What whitening with ε makes of c in an empty direction, :math:`c/\sqrt\epsilon`."""
    root = float(rng.integers(2, 41)) / 100
    reach = float(rng.integers(2, 13)) / 4
    eps = round(root**2, 4)
    return Number(
        given={"eps": eps, "reach": reach},
        answer=reach / root,
        slips={
            "not_rooted": reach / eps,
            "multiplied": reach * root,
            "kept": reach,
            "one": 1.0,
        },
        worked={"root": root},
    )


# ---- other norms ---------------------------------------------------------------------------------


def _block_shape(rng: np.random.Generator) -> dict[str, int]:
    """A block whose products of extents differ."""
    channels = int(rng.choice([8, 12, 16, 24]))
    side = int(rng.integers(3, 8))
    return {"n": int(rng.choice([2, 3, 5, 10])), "c": channels, "h": side, "w": side + 1}


def _values_per_mean(rng: np.random.Generator) -> Number:
    r"""How many values one BN mean averages, :math:`N\cdot H\cdot W`."""
    given = _block_shape(rng)
    n, c, h, w = given.values()
    return Number(
        given=given,
        answer=float(n * h * w),
        slips={
            "layer": float(c * h * w),
            "instance": float(h * w),
            "samples": float(n),
            "channels": float(c),
            "all": float(n * c * h * w),
        },
    )


def _group_values(rng: np.random.Generator) -> Number:
    r"""How many values one mean of group normalization averages, :math:`(C/G)\cdot H\cdot W`."""
    given = _block_shape(rng)
    n, c, h, w = given.values()
    groups = int(rng.choice([2, 4]))
    size = c // groups
    return Number(
        given=given | {"groups": groups},
        answer=float(size * h * w),
        slips={
            "groups_as_size": float(groups * h * w),
            "layer": float(c * h * w),
            "instance": float(h * w),
            "batch": float(n * size * h * w),
            "channels": float(size),
        },
        worked={"size": size},
    )


def _layer_norm(rng: np.random.Generator) -> Number:
    r"""One entry of :math:`\hat x` in layer normalization, with ε = 0."""
    x = rng.integers(-9, 10, 4).astype(np.float64)
    while np.ptp(x) == 0 or x[0] in (x.mean(), 0.0) or x.mean() == 0:
        x = rng.integers(-9, 10, 4).astype(np.float64)
    centred, square = float(x[0] - x.mean()), float(np.mean(x**2))
    return Number(
        given={"x": x.tolist()},
        answer=centred / float(x.std()),
        slips={
            "rms": float(x[0]) / float(np.sqrt(square)),
            "unbiased": centred / float(x.std(ddof=1)),
            "variance": centred / float(x.var()),
            "not_divided": centred,
        },
        worked={"mu": float(x.mean()), "var": float(x.var())},
    )


# ---- why it works --------------------------------------------------------------------------------


def _scaled_gradient(rng: np.random.Generator) -> Number:
    r"""The gradient in front of BN at aW, :math:`\|\nabla\ell(W)\|/a`."""
    norm = float(rng.integers(2, 60)) / 10
    a = float(rng.choice([0.1, 0.2, 0.25, 0.4, 0.5, 2, 2.5, 4, 5, 10]))
    return Number(
        given={"norm": norm, "a": a},
        answer=norm / a,
        slips={"same": norm, "multiplied": norm * a, "squared": norm / a**2},
    )


def _longer_weights(rng: np.random.Generator) -> Number:
    r"""A step at right angles to W, :math:`\sqrt{\|W\|^2 + \eta^2\|g\|^2}`."""
    norm, step = float(rng.integers(4, 40)) / 2, float(rng.integers(2, 30)) / 2
    return Number(
        given={"norm": norm, "step": step},
        answer=float(np.hypot(norm, step)),
        slips={"added": norm + step, "subtracted": norm - step, "same": norm},
    )


def _effective_rate(rng: np.random.Generator) -> Number:
    r"""How :math:`\eta/\|W\|^2` grows as the weights get shorter."""
    after = float(rng.integers(2, 12)) / 2
    before = after + float(rng.integers(1, 16)) / 2
    return Number(
        given={"before": before, "after": after},
        answer=(before / after) ** 2,
        slips={
            "root": before / after,
            "inverse": (after / before) ** 2,
            "not_squared": after / before,
        },
    )


# ---- order the steps -----------------------------------------------------------------------------


def _ordering(formulas: tuple[Formula, ...], kept: Sequence[str]) -> Make:
    """Some steps of the derivation; what each takes is read from the derivation itself."""
    inputs = {step.name: step.inputs for _, step in operations(formulas)}

    def needs(step: str) -> Iterator[str]:
        for name in inputs.get(step, ()):
            if name in kept:
                yield name
            else:
                yield from needs(name)

    all_needs = {step: frozenset(needs(step)) for step in kept}

    return lambda rng: Order(all_needs, _shuffled(kept, rng))


def _shuffled(steps: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """In another order than they are."""
    offered = tuple(steps)
    while offered == tuple(steps):
        offered = tuple(steps[place] for place in rng.permutation(len(steps)))
    return offered


# ---- pick the wrong line -------------------------------------------------------------------------

FORWARD_LINES = {formula.name: formula.whole.code for formula in FORWARD}
BACKWARD_LINES = {formula.name: formula.whole.code for formula in BACKWARD}
CHECK_LINES = {
    "dy": "dy = rng.normal(size=x.shape)",
    "plus": "plus = (dy * forward_train(x + h * e).y).sum()",
    "minus": "minus = (dy * forward_train(x - h * e).y).sum()",
    "numeric": "numeric = (plus - minus) / (2 * h)",
    "error": "error = abs(analytic - numeric) / (1 + abs(numeric))",
}

INFERENCE_LINES = {
    "unbiased": "unbiased = var * len(x) / (len(x) - 1)",
    "running_mean": "running_mean = (1 - alpha) * running_mean + alpha * mu",
    "running_var": "running_var = (1 - alpha) * running_var + alpha * unbiased",
    "y": "y = gamma * (x_new - running_mean) / np.sqrt(running_var + eps) + beta",
}

WHITENING_LINES = {
    "centred": "centred = x - x.mean(axis=0)",
    "cov": "cov = centred.T @ centred / len(x)",
    "w": "w = (vectors / np.sqrt(values + eps)).T",
    "z": "z = centred @ w.T",
}

IDENTITY_LINES = {
    "mu": "mu = x.mean(axis=0)",
    "var": "var = x.var(axis=0)",
    "gamma": "gamma = np.sqrt(var + eps)",
    "beta": "beta = mu",
    "y": "y = gamma * (x - mu) / np.sqrt(var + eps) + beta",
}

# What can be wrong: name → (name of the line, how it reads then).
FORWARD_SLIPS = {
    "mu_other_axis": ("mu", "mu = x.mean(axis=1, keepdims=True)"),
    "var_unbiased": ("var", "var = ((x - mu) ** 2).sum(axis=0) / (len(x) - 1)"),
    "var_absolute": ("var", "var = abs(x - mu).mean(axis=0)"),
    "x_hat_divided_by_var": ("x_hat", "x_hat = (x - mu) / (var + eps)"),
    "x_hat_eps_outside": ("x_hat", "x_hat = (x - mu) / (np.sqrt(var) + eps)"),
    "y_bracket": ("y", "y = gamma * (x_hat + beta)"),
}
BACKWARD_SLIPS = {
    "dx_hat_divided": ("dx_hat", "dx_hat = dy / gamma"),
    "dvar_power": (
        "dvar",
        "dvar = -1 / 2 * (var + eps) ** (-1 / 2) * (dx_hat * (x - mu)).sum(axis=0)",
    ),
    "dmu_missing_sum": ("dmu", "dmu = -1 / np.sqrt(var + eps) * dx_hat"),
    "dx_detached": ("dx", "dx = dx_hat / np.sqrt(var + eps)"),
    "dgamma_x_for_x_hat": ("dgamma", "dgamma = (dy * x).sum(axis=0)"),
    "dbeta_mean": ("dbeta", "dbeta = dy.mean(axis=0)"),
}
CHECK_SLIPS = {
    "all_ones": ("dy", "dy = np.ones(x.shape)"),
    "not_moved": ("minus", "minus = (dy * forward_train(x).y).sum()"),
    "not_halved": ("numeric", "numeric = (plus - minus) / h"),
    "signed": ("error", "error = (analytic - numeric) / (1 + abs(numeric))"),
}

INFERENCE_SLIPS = {
    "other_way": ("unbiased", "unbiased = var * (len(x) - 1) / len(x)"),
    "weights_swapped": ("running_mean", "running_mean = alpha * running_mean + (1 - alpha) * mu"),
    "adds_up": ("running_var", "running_var = running_var + alpha * unbiased"),
    "batch_mean": ("y", "y = gamma * (x_new - mu) / np.sqrt(running_var + eps) + beta"),
}

WHITENING_SLIPS = {
    "of_samples": ("centred", "centred = x - x.mean(axis=1, keepdims=True)"),
    "feature_by_feature": ("cov", "cov = np.diag((centred**2).mean(axis=0))"),
    "samples_squared": ("cov", "cov = centred @ centred.T / len(x)"),
    "multiplied": ("w", "w = (vectors * np.sqrt(values + eps)).T"),
    "not_rooted": ("w", "w = (vectors / (values + eps)).T"),
    "mean_left": ("z", "z = x @ w.T"),
}

IDENTITY_SLIPS = {
    "gamma_without_eps": ("gamma", "gamma = np.sqrt(var)"),
    "gamma_squared": ("gamma", "gamma = var + eps"),
    "one_beta": ("beta", "beta = x.mean()"),
    "divided_by_var": ("y", "y = gamma * (x - mu) / (var + eps) + beta"),
}


def _wrong_line(right: Mapping[str, str], slips: Mapping[str, tuple[str, str]]) -> Make:
    def make(rng: np.random.Generator) -> Lines:
        slip = sorted(slips)[int(rng.integers(len(slips)))]
        name, line = slips[slip]
        return Lines(dict(right) | {name: line}, answer=name, slip=slip, right=right[name])

    return make


EXERCISES: Mapping[str, Make] = {
    "bias_removed": _bias_removed,
    "order_layer": _layer_order,
    "largest": _largest,
    "eps_floor": _eps_floor,
    "noise": _noise,
    "identity_gamma": _identity_gamma,
    "scaled_sample": _scaled_sample,
    "stream_sd": _stream_sd,
    "variance": _variance,
    "dgamma": _dgamma,
    "dx": _dx,
    "central": _central,
    "gradient_growth": _gradient_growth,
    "bn_parameters": _bn_parameters,
    "momentum": _momentum,
    "initial_weight": _initial_weight,
    "fold_weight": _fold_weight,
    "condition": _condition,
    "rank": _rank,
    "empty_direction": _empty_direction,
    "values_per_mean": _values_per_mean,
    "group_values": _group_values,
    "layer_norm": _layer_norm,
    "scaled_gradient": _scaled_gradient,
    "longer_weights": _longer_weights,
    "effective_rate": _effective_rate,
    "order_forward": _ordering(FORWARD, ("mu", "centred", "var", "std", "x_hat", "y")),
    "order_backward": _ordering(BACKWARD, ("dx_hat", "dinv_std", "dvar", "dmu", "dx")),
    "lines_forward": _wrong_line(FORWARD_LINES, FORWARD_SLIPS),
    "lines_backward": _wrong_line(BACKWARD_LINES, BACKWARD_SLIPS),
    "lines_check": _wrong_line(CHECK_LINES, CHECK_SLIPS),
    "lines_inference": _wrong_line(INFERENCE_LINES, INFERENCE_SLIPS),
    "lines_whitening": _wrong_line(WHITENING_LINES, WHITENING_SLIPS),
    "lines_identity": _wrong_line(IDENTITY_LINES, IDENTITY_SLIPS),
}
