"""Code that several chapters' programs share, as a teacher would write it on the board."""

from __future__ import annotations

import numpy as np

from bn_core.derivation import FORWARD, Step
from bn_ui.small_batch import SmallBatch
from bn_ui.take_along.program import literal, reshaped

IMPORTS = {"numpy": "import numpy as np", "torch": "import torch"}

# ``show`` prints what the screen prints: four significant digits.
SHOW = {
    "numpy": """
#: show
def show(label, values):
    print(label)
    for row in np.atleast_2d(values):
        #: minus_zero
        print("".join(f"{value + 0.0:12.4g}" for value in row))
""",
    "torch": """
#: show
def show(label, values):
    print(label)
    for row in torch.atleast_2d(values.detach()).tolist():
        #: minus_zero
        print("".join(f"{value + 0.0:12.4g}" for value in row))
""",
}

CENTRAL = {
    "numpy": """
#: central
def central_differences(f, point, h):
    gradient = np.empty_like(point)
    for index in np.ndindex(point.shape):
        above, below = point.copy(), point.copy()
        above[index] += h
        below[index] -= h
        #: step_made
        step = above[index] - below[index]
        gradient[index] = (f(above) - f(below)) / step if step else np.nan
    return gradient
""",
    "torch": """
#: central
@torch.no_grad()
def central_differences(f, point, h):
    gradient = torch.empty_like(point)
    for index in itertools.product(*map(range, point.shape)):
        above, below = point.clone(), point.clone()
        above[index] += h
        below[index] -= h
        #: step_made
        step = above[index] - below[index]
        gradient[index] = (f(above) - f(below)) / step if step else float("nan")
    return gradient
""",
}

RELATIVE_ERROR = """
#: relative_error
def relative_error(analytic, numeric):
    return abs(analytic - numeric).max() / (1 + abs(numeric).max())
"""

# Where the page measures by norms, so does the program.
DISAGREEMENT = """
#: disagreement
def disagreement(analytic, numeric):
    apart, size = np.linalg.norm(analytic - numeric), np.linalg.norm(numeric)
    return apart / size if size >= $zero else apart
"""

LOSS = """
#: loss
def loss(x, gamma, beta):
$forward
    return (dy * y).sum()
"""


def array(values: np.ndarray, library: str, *, gradient: bool = False) -> str:
    """Numbers as an array or a tensor."""
    numbers, shape = literal(values), reshaped(values)
    if library == "numpy":
        return f"np.array({numbers}){shape}"
    needs = ".requires_grad_()" if gradient else ""
    return f"torch.tensor({numbers}, dtype=torch.float64){shape}{needs}"


def batch_places(batch: SmallBatch, library: str, *, gradient: bool = False) -> dict[str, str]:
    """The learner's small batch, as literals."""
    places = {
        name: array(getattr(batch, name), library, gradient=gradient and name != "dy")
        for name in ("x", "gamma", "beta", "dy")
    }
    return places | {"eps": repr(float(batch.eps))}


def line(step: Step, library: str = "numpy", name: str = "") -> str:
    """The line of a step, its result called ``name``. PyTorch reads the same lines."""
    code = step.code
    if name:
        code = f"{name} = {code.partition(' = ')[2]}"
    return code if library == "numpy" else code.replace("np.", "torch.")


def forward_lines(library: str, indent: str = "") -> str:
    """The four formulas of the forward pass."""
    return "\n".join(indent + line(formula.whole, library) for formula in FORWARD)
