"""Running statistics at the α on the screen, and one folded unit, as programs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bn_core.in_use import FoldedUnit
from bn_core.network import BN_EPS
from bn_ui.take_along import templates as shared
from bn_ui.take_along.language import cell
from bn_ui.take_along.program import Cell, TakeAlong
from bn_ui.text import t

DATA = """
#: about_inference
$imports

#: recorded
means = $means
variances = $variances
#: alpha
alpha = $alpha
"""

AVERAGES = """
#: before_any
running_mean, running_var = 0.0, 1.0
for mu, var in zip(means, variances):
    #: update
    running_mean = (1 - alpha) * running_mean + alpha * mu
    running_var = (1 - alpha) * running_var + alpha * var
show("running_mean: $word_running_mean", running_mean)
show("running_var: $word_running_var", running_var)
#: plain_average
show("cumulative_mean: $word_cumulative_mean", means.mean())
show("cumulative_var: $word_cumulative_var", variances.mean())
"""

CONVENTIONS = """
#: left
show("initial: $word_initial", (1 - alpha) ** len(means))
show("noise: $word_noise", (alpha / (2 - alpha)) ** 0.5)
show("torch_momentum: $word_torch_momentum", alpha)
show("keras_momentum: $word_keras_momentum", 1 - alpha)
"""

LAYERS_TORCH = """
#: own_layer
@torch.no_grad()
def remembered(momentum):
    layer = torch.nn.BatchNorm1d(1, momentum=momentum, dtype=torch.float64)
    for mu, var in zip(means, variances):
        #: two_samples
        half = torch.sqrt(var / 2)
        layer(torch.stack([mu - half, mu + half]).reshape(2, 1))
    return layer.running_mean, layer.running_var


running_mean, running_var = remembered(alpha)
show("running_mean: $word_running_mean", running_mean)
show("running_var: $word_running_var", running_var)
#: plain_average
cumulative_mean, cumulative_var = remembered(None)
show("cumulative_mean: $word_cumulative_mean", cumulative_mean)
show("cumulative_var: $word_cumulative_var", cumulative_var)
"""

UNIT = """
#: the_unit
w = $weight
b, gamma, beta = $bias, $gamma, $beta
mean, var, eps = $mean, $var, $eps
#: fold
scale = gamma / (var + eps) ** 0.5
w_folded = w * scale
b_folded = (b - mean) * scale + beta
show("folded_weight: $word_folded_weight", w_folded)
show("folded_bias: $word_folded_bias", b_folded)

#: same_output
x = $x
with_bn = gamma * (x @ w + b - mean) / (var + eps) ** 0.5 + beta
show("fold_error: $word_fold_error", abs(with_bn - (x @ w_folded + b_folded)))
"""

# One number or a row of them.
SHOW = {
    "numpy": shared.SHOW["numpy"],
    "torch": shared.SHOW["torch"].replace(
        "torch.atleast_2d(values.detach())",
        "torch.atleast_2d(torch.as_tensor(values, dtype=torch.float64))",
    ),
}
_INPUT_SEED = 0


def inference(
    values: Mapping[str, np.ndarray], alpha: float, unit: FoldedUnit | None = None
) -> TakeAlong:
    """Programs for what the batches bring, ``values`` (mean, var), and for a unit to be folded."""
    return TakeAlong(
        "inference",
        t("chapters.inference"),
        _cells("numpy", values, alpha, unit),
        _cells("torch", values, alpha, unit),
    )


def _cells(
    library: str, values: Mapping[str, np.ndarray], alpha: float, unit: FoldedUnit | None
) -> list[Cell]:
    numpy = library == "numpy"
    data = {
        "means": shared.array(values["mean"], library),
        "variances": shared.array(values["var"], library),
        "alpha": repr(float(alpha)),
        "imports": shared.IMPORTS[library],
    }
    found = [
        cell(DATA, "inference", **data),
        cell(SHOW[library]),
        cell(AVERAGES, "averages") if numpy else cell(LAYERS_TORCH),
        cell(CONVENTIONS, "conventions" if numpy else ""),
    ]
    if unit is not None:
        x = np.random.default_rng(_INPUT_SEED).standard_normal(unit.weight.size).round(3)
        names = ("bias", "gamma", "beta", "mean", "var")
        places = {name: repr(float(getattr(unit, name))) for name in names}
        places |= {"weight": shared.array(unit.weight, library), "eps": repr(BN_EPS)}
        places["x"] = shared.array(x, library)
        found.append(cell(UNIT, "fold" if numpy else "", **places))
    return found
