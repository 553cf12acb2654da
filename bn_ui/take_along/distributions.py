"""Mean, spread, skewness and saturation before and after BN, as programs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bn_core.activations import Activation
from bn_ui.take_along import templates as shared
from bn_ui.take_along.language import cell
from bn_ui.take_along.program import Cell, TakeAlong, columns_that_fit
from bn_ui.text import t

DATA = """
#: about_distributions
$imports

#: $shown
x = $x
gamma = $gamma
beta = $beta
eps = $eps
"""

SLOPES = {
    "sigmoid": """
def slope(z):
    #: no_overflow
    decay = np.exp(-abs(z))
    return decay / (1 + decay) ** 2


steepest = 0.25
""",
    "tanh": """
def slope(z):
    return 1 - np.tanh(z) ** 2


steepest = 1.0
""",
    "relu": """
def slope(z):
    return np.where(z > 0, 1.0, 0.0)


steepest = 1.0
""",
}

SLOPE_TORCH = """
#: slope_torch
def slope(z):
    z = z.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(torch.$function(z).sum(), z)
    return gradient


steepest = $steepest
"""

DESCRIBE = {
    "numpy": """
#: describe
def describe(name, z):
    largest = abs(z).max()
    mean, sd = z.mean(), z.std()
    #: rounding
    if abs(mean) < 1e-14 * largest:
        mean = 0.0
    #: no_skew
    varies = sd > 1e-14 * largest
    skew = (((z - mean) / sd) ** 3).mean() if varies else np.nan
    #: saturated
    saturated = (abs(slope(z)) < 0.2 * steepest).mean()
    print(f"{name:14}{mean:11.4g}{sd:11.4g}{skew:11.4g}{saturated:11.1%}")


print("$word_describe")
""",
    "torch": """
#: describe
def describe(name, z):
    largest = abs(z).max()
    mean, sd = z.mean(), z.std(correction=0)
    #: rounding
    if abs(mean) < 1e-14 * largest:
        mean = torch.zeros(())
    #: no_skew
    varies = sd > 1e-14 * largest
    skew = (((z - mean) / sd) ** 3).mean() if varies else float("nan")
    #: saturated
    saturated = (abs(slope(z)) < 0.2 * steepest).double().mean()
    print(f"{name:14}{mean:11.4g}{sd:11.4g}{skew:11.4g}{saturated:11.1%}")


print("$word_describe")
""",
}

NORMALISE = """
#: shift
shifted = x - x[0]
mu = shifted.mean(axis=0)
var = ((shifted - mu) ** 2).mean(axis=0)
x_hat = (shifted - mu) / np.sqrt(var + eps)
#: affine
y = gamma * x_hat + beta
"""

NORMALISE_TORCH = """
#: shift
x_hat = F.batch_norm(x - x[0], None, None, training=True, eps=eps)
#: affine
y = gamma * x_hat + beta
"""

ONE_SAMPLE_TORCH = """
#: one_sample_zero
x_hat = torch.zeros_like(x)
y = gamma * x_hat + beta
"""

TABLE = """
#: before_after
describe("x", x)
describe("x_hat", x_hat)
describe("y", y)
"""

TABLES = """
#: before_after_each
for k in range(x.shape[1]):
    feature = k + $first
    describe(f"x {feature}", x[:, k])
    describe(f"x_hat {feature}", x_hat[:, k])
    describe(f"y {feature}", y[:, k])
"""


def distributions(
    x: np.ndarray,
    *,
    gamma: float,
    beta: float,
    eps: float,
    activation: Activation,
    first: int,
    each: bool,
) -> TakeAlong:
    """Programs for the features on the screen, x (m, d).

    ``first`` is the number of the first of them, counted from 1; with ``each`` every feature has
    lines of its own, otherwise all values are pooled.
    """
    kept = columns_that_fit(x)
    written = x[:, :kept]
    cut = kept < x.shape[1]
    numbers = {"m": str(len(x)), "first": str(first), "last": str(first + kept - 1)}
    numbers |= {"all": str(x.shape[1]), "kept": str(kept)}
    settings = {"gamma": repr(float(gamma)), "beta": repr(float(beta)), "eps": repr(float(eps))}

    def data(library: str, imports: str) -> Cell:
        shown = "features_cut" if cut else "features" if kept > 1 else "one_feature"
        template = DATA.replace("$shown", shown)
        places = {"x": shared.array(written, library), "imports": imports}
        return cell(template, "distributions", **places, **settings, **numbers)

    table = cell(TABLES if each else TABLE, "before_after", **numbers)
    return TakeAlong(
        "distributions",
        t("chapters.distributions"),
        [data("numpy", shared.IMPORTS["numpy"]), *_numpy(activation), table],
        [*_torch(activation, data, many=len(x) > 1), Cell(table.code)],
        remark=t("code.cut", kept=kept, all=x.shape[1]) if cut else "",
    )


def _numpy(activation: Activation) -> list[Cell]:
    slope = "#: slope" + SLOPES[activation.name]
    return [
        cell(slope, "saturation"),
        cell(DESCRIBE["numpy"], "describe"),
        cell(NORMALISE, "normalise"),
    ]


def _torch(activation: Activation, data: Callable[[str, str], Cell], *, many: bool) -> list[Cell]:
    places = {"function": activation.name, "steepest": repr(activation.max_slope)}
    imports = shared.IMPORTS["torch"]
    if many:
        imports += "\nimport torch.nn.functional as F"
    return [
        data("torch", imports),
        cell(SLOPE_TORCH, **places),
        cell(DESCRIBE["torch"]),
        cell(NORMALISE_TORCH if many else ONE_SAMPLE_TORCH),
    ]
