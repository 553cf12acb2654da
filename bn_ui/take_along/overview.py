"""One layer in three orders of its blocks, and gradient descent on two kinds of inputs."""

from __future__ import annotations

import numpy as np

from bn_core.shallow import NEWTON_STEPS, TwoFeatures
from bn_ui.take_along import templates as shared
from bn_ui.take_along.inference import SHOW
from bn_ui.take_along.language import cell
from bn_ui.take_along.program import Cell, TakeAlong
from bn_ui.text import t

DATA = """
#: about_overview
$imports

#: layer_input
x = $x
s, b = $s, $b
"""

LAYER = {
    "numpy": """
#: layer_bn
def bn(x, eps=1e-5):
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    return (x - mu) / np.sqrt(var + eps)


#: layer_f
def f(z):
    return $f


def numbers(a):
    skew = (((a - a.mean()) / a.std()) ** 3).mean()
    return np.array([a.mean(), a.std(), a.min(), skew, (a == 0).mean()])


#: layer_orders
orders = {"before": lambda x: f(bn(x)), "after": lambda x: bn(f(x)), "none": f}
for name, layer in orders.items():
    a = layer(s * x + b)
    show(f"{name}: $word_layer_numbers", numbers(a))
    #: layer_far
    far = [abs(layer(s * x + b + c) - a).max() for c in (-100, 100)]
    show(f"moved_{name}: $word_moved", np.array(far))
""",
    "torch": """
#: layer_bn
def bn(x):
    return F.batch_norm(x, None, None, training=True, eps=1e-5)


#: layer_f
f = $f


def numbers(a):
    sd = a.std(correction=0)
    skew = (((a - a.mean()) / sd) ** 3).mean()
    return torch.stack([a.mean(), sd, a.min(), skew, (a == 0).double().mean()])


#: layer_orders
orders = {"before": lambda x: f(bn(x)), "after": lambda x: bn(f(x)), "none": f}
for name, layer in orders.items():
    a = layer(s * x + b)
    show(f"{name}: $word_layer_numbers", numbers(a))
    #: layer_far
    far = [abs(layer(s * x + b + c) - a).max() for c in (-100, 100)]
    show(f"moved_{name}: $word_moved", torch.stack(far))
""",
}

ACTIVATIONS = {
    "numpy": {
        "sigmoid": "1 / (1 + np.exp(-z))",
        "tanh": "np.tanh(z)",
        "relu": "np.maximum(z, 0)",
    },
    "torch": {"sigmoid": "torch.sigmoid", "tanh": "torch.tanh", "relu": "torch.relu"},
}

DESCENT = """
#: descent_data
z = $z
t = $t
eta, u = $eta, $u
#: descent_raw
raw = z * $row


def loss(x, w):
    return $loss


def gradient(x, w):
    return $gradient


def lowest(x):
    w = $zeros
    for _ in range($newton):
        p = $sigmoid(x @ w)
        curvature = (x.T * (p * (1 - p))) @ x / len(x)
        w = w - $solve(curvature, gradient(x, w))
    return loss(x, w)


#: descent_until
def steps_needed(x):
    w, floor = $zeros, lowest(x)
    start, last = loss(x, w) - floor, -1
    for step in range($steps + 1):
        if loss(x, w) - floor > 0.01 * start:
            last = step
        w = w - eta * gradient(x, w)
    return last + 1 if last < $steps else float("nan")


show("steps_standard: $word_steps_standard", steps_needed(z))
show("steps_raw: $word_steps_raw", steps_needed(raw))
"""

LIBRARY = {
    "numpy": {
        "row": "np.array([1.0, u])",
        "loss": "np.logaddexp(0, (1 - 2 * t) * (x @ w)).mean()",
        "gradient": "(sigmoid(x @ w) - t) @ x / len(x)",
        "zeros": "np.zeros(2)",
        "sigmoid": "sigmoid",
        "solve": "np.linalg.solve",
    },
    "torch": {
        "row": "torch.tensor([1.0, u], dtype=torch.float64)",
        "loss": "F.binary_cross_entropy_with_logits(x @ w, t)",
        "gradient": "(torch.sigmoid(x @ w) - t) @ x / len(x)",
        "zeros": "torch.zeros(2, dtype=torch.float64)",
        "sigmoid": "torch.sigmoid",
        "solve": "torch.linalg.solve",
    },
}

SIGMOID = """
def sigmoid(a):
    #: no_overflow
    decay = np.exp(-abs(a))
    return np.where(a > 0, 1, decay) / (1 + decay)
"""


def overview(
    x: np.ndarray,
    *,
    scale: float,
    bias: float,
    activation: str,
    data: TwoFeatures,
    rate: float,
    unit: float,
    steps: int,
) -> TakeAlong:
    """Programs for the layer on the screen, x (m, d) at weight scale 1, and for both paths."""

    def cells(library: str) -> list[Cell]:
        numpy = library == "numpy"
        imports = shared.IMPORTS[library] + ("" if numpy else "\nimport torch.nn.functional as F")
        layer = {
            "x": shared.array(x, library),
            "s": repr(float(scale)),
            "b": repr(float(bias)),
            "imports": imports,
        }
        descent = LIBRARY[library] | {
            "z": shared.array(data.z, library),
            "t": shared.array(data.target, library),
            "eta": repr(float(rate)),
            "u": repr(float(unit)),
            "m": str(len(data.z)),
            "steps": str(steps),
            "newton": str(NEWTON_STEPS),
        }
        f = ACTIVATIONS[library][activation]
        return [
            cell(DATA, "overview" if numpy else "", **layer),
            cell(SHOW[library]),
            cell(LAYER[library], "orders" if numpy else "", f=f),
            *([cell(SIGMOID, "descent")] if numpy else []),
            cell(DESCENT, **descent),
        ]

    return TakeAlong(
        "overview",
        t("chapters.overview"),
        cells("numpy"),
        cells("torch"),
        remark=t("overview.code_remark"),
    )
