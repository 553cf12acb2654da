"""How straight an activation is, the way back to y = x, and another batch, as programs."""

from __future__ import annotations

import numpy as np

from bn_core.activations import Activation
from bn_ui.take_along import templates as shared
from bn_ui.take_along.language import cell
from bn_ui.take_along.program import Cell, TakeAlong
from bn_ui.text import t

DATA = """
#: about_scale_shift
$imports

#: one_unit
x = $x
gamma, beta, eps = $gamma, $beta, $eps
"""

FUNCTIONS = {
    "sigmoid": """
def f(z):
    #: no_overflow
    decay = np.exp(-abs(z))
    return np.where(z >= 0, 1, decay) / (1 + decay)


def slope(z):
    decay = np.exp(-abs(z))
    return decay / (1 + decay) ** 2
""",
    "tanh": """
def f(z):
    return np.tanh(z)


def slope(z):
    return 1 - np.tanh(z) ** 2
""",
    "relu": """
def f(z):
    return np.maximum(z, 0)


def slope(z):
    return np.where(z > 0, 1.0, 0.0)
""",
}

FUNCTION_TORCH = """
f = torch.$function


#: derivative
def slope(z):
    z = z.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(f(z).sum(), z)
    return gradient
"""

STANDARDISED = {
    "numpy": """
def standardised(x):
    return (x - x.mean()) / np.sqrt(x.var() + eps)
""",
    "torch": """
def standardised(x):
    return torch.nn.functional.batch_norm(x[:, None], None, None, training=True, eps=eps)[:, 0]
""",
}

LINE = """
y = gamma * standardised(x) + beta
show("mean_slope: $word_mean_slope", slope(y).mean())

#: best_line
dy, df = y - y.mean(), f(y) - f(y).mean()
var_y, var_f, cov = (dy * dy).mean(), (df * df).mean(), (dy * df).mean()
#: nothing_varies
line_slope = cov / var_y if var_y > 1e-20 else 0.0
show("line_slope: $word_line_slope", line_slope)
show("line_intercept: $word_line_intercept", f(y).mean() - line_slope * y.mean())
show("r2: $word_r2", line_slope * cov / var_f if var_f > 1e-20 else float("nan"))
"""

UNDO = """
#: undo_bn
mu, var = x.mean(), $variance
for name, scale in (
    ("identity_error: $word_identity_error", (var + eps) ** 0.5),
    ("slip_error: $word_slip_error", var ** 0.5),
):
    show(name, abs(scale * standardised(x) + mu - x).max())
"""

OTHER = """
#: other_batch
first, second = x[: len(x) // 2], x[len(x) // 2 :]
scale, shift = ($half + eps) ** 0.5, first.mean()
show("next_error: $word_next_error", abs(scale * standardised(second) + shift - second).max())
"""

VARIANCE = {"numpy": "{}.var()", "torch": "{}.var(correction=0)"}
# One number or a row of them.
SHOW = {
    "numpy": shared.SHOW["numpy"],
    "torch": shared.SHOW["torch"].replace(
        "values.detach()", "torch.as_tensor(values, dtype=torch.float64)"
    ),
}


def scale_shift(
    x: np.ndarray, gamma: float, beta: float, eps: float, activation: Activation
) -> TakeAlong:
    """Programs for one feature, x (m, 1) with m ≥ 2, its pair and an activation."""

    def cells(library: str) -> list[Cell]:
        numpy = library == "numpy"
        numbers = {"gamma": gamma, "beta": beta, "eps": eps}
        places = {name: repr(float(number)) for name, number in numbers.items()}
        places |= {"x": shared.array(x[:, 0], library), "imports": shared.IMPORTS[library]}
        variance = VARIANCE[library]
        return [
            cell(DATA, "scale_shift" if numpy else "", **places),
            cell(SHOW[library]),
            cell(FUNCTIONS[activation.name])
            if numpy
            else cell(FUNCTION_TORCH, function=activation.name),
            cell(STANDARDISED[library]),
            cell(LINE, "best_line" if numpy else ""),
            cell(UNDO, "undo_bn" if numpy else "", variance=variance.format("x")),
            cell(OTHER, "other_batch" if numpy else "", half=variance.format("first")),
        ]

    return TakeAlong("scale_shift", t("chapters.scale_shift"), cells("numpy"), cells("torch"))
