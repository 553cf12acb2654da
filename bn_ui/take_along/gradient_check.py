"""The gradient check at the step h on the screen, as programs."""

from __future__ import annotations

from bn_core.derivation import BACKWARD, MISPRINT, dx_detached
from bn_core.step_sizes import RIGHT
from bn_ui.small_batch import SmallBatch
from bn_ui.take_along import templates as shared
from bn_ui.take_along.language import cell
from bn_ui.take_along.program import Cell, TakeAlong
from bn_ui.take_along.steps import DATA, FUNCTIONAL, UPSTREAM, layer_takes, referee_cells
from bn_ui.text import group, t

STEP_SIZE = """
#: h
h = $h
"""

BACKWARD_PASS = """
#: forward_first
$forward

#: by_hand
$backward
"""

BUG = """
#: bug
$bug
"""

COMPARE = """
#: compare
def compare(name, analytic, numeric):
    show(f"{name}: $word_analytic", analytic)
    show(f"{name}_numeric: $word_numeric", numeric)
    show(f"{name}_difference: $word_difference", abs(analytic - numeric))
    show(f"{name}_error: $word_error", relative_error(analytic, numeric))


compare("dx", dx, central_differences(lambda v: loss(v, gamma, beta), x, h))
compare("dgamma", dgamma, central_differences(lambda v: loss(x, v, beta), gamma, h))
compare("dbeta", dbeta, central_differences(lambda v: loss(x, gamma, v), beta, h))
"""

LAYER_LOSS = """
#: loss_layer
def loss(x, gamma, beta):
    y = F.batch_norm(x, None, None, weight=gamma, bias=beta, training=True, eps=eps)
    return (dy * y).sum()
"""

AUTOGRAD = """
#: autograd
dx, dgamma, dbeta = torch.autograd.grad(loss(x, gamma, beta), (x, gamma, beta))
"""

AUTOGRAD_BUG = """
#: autograd_bug
dgamma, dbeta = torch.autograd.grad(loss(x, gamma, beta), (gamma, beta))
"""

_PATHS = "dx = dx_hat / np.sqrt(var + eps) {} dvar * 2 * (x - mu) / {}{}"
# ∂ℓ/∂x with each of the bugs of ``bn_core.mistakes.BUGS``.
BUGS = {
    "printed": MISPRINT["printed"].code,
    "var_wrong_sign": _PATHS.format("-", "len(x)", " + dmu / len(x)"),
    "without_mean_path": _PATHS.format("+", "len(x)", ""),
    "detached": dx_detached.code,
    "unbiased_mixed": _PATHS.format("+", "max(len(x) - 1, 1)", " + dmu / len(x)"),
    "eps_outside": (
        "std = np.sqrt(var) + eps\n"
        "ratio = (x - mu) / std\n"
        "dx = gamma / std * (dy - dy.mean(axis=0) - ratio * (dy * ratio).mean(axis=0))"
    ),
}


def gradient_check(batch: SmallBatch, h: float, bug: str) -> TakeAlong:
    return TakeAlong(
        "gradient_check",
        t("chapters.gradient_check"),
        _numpy(batch, h, bug),
        _torch(batch, h, bug),
    )


def _data(batch: SmallBatch, library: str, imports: str, h: float, *, gradient: bool) -> Cell:
    places = shared.batch_places(batch, library, gradient=gradient)
    template = DATA.replace("$chapter", "gradient_check") + UPSTREAM.lstrip("\n")
    template += STEP_SIZE.lstrip("\n")
    return cell(template, "gradient_check", imports=imports, h=repr(float(h)), **places)


def _passes(library: str) -> dict[str, str]:
    lines = (shared.line(formula.whole, library) for formula in BACKWARD)
    return {"forward": shared.forward_lines(library), "backward": "\n".join(lines)}


def _bug(bug: str, library: str) -> list[Cell]:
    if bug == RIGHT:
        return []
    code = BUGS[bug] if library == "numpy" else BUGS[bug].replace("np.", "torch.")
    return [cell(BUG, bug=code, name=group("bugs")[bug])]


def _numpy(batch: SmallBatch, h: float, bug: str) -> list[Cell]:
    return [
        _data(batch, "numpy", shared.IMPORTS["numpy"], h, gradient=False),
        cell(shared.SHOW["numpy"]),
        cell(BACKWARD_PASS, "backward_pass", **_passes("numpy")),
        *_bug(bug, "numpy"),
        *referee_cells("numpy"),
        cell(shared.RELATIVE_ERROR, "relative_error"),
        cell(COMPARE, "compare"),
    ]


def _torch(batch: SmallBatch, h: float, bug: str) -> list[Cell]:
    takes = layer_takes(batch)
    imports = "import itertools\n\n" + shared.IMPORTS["torch"]
    imports += "\n" + FUNCTIONAL if takes else ""
    loss, central = referee_cells("torch")
    right = [cell(AUTOGRAD)]
    wrong = [cell(BACKWARD_PASS, **_passes("torch")), *_bug(bug, "torch"), cell(AUTOGRAD_BUG)]
    return [
        _data(batch, "torch", imports, h, gradient=True),
        cell(shared.SHOW["torch"]),
        cell(LAYER_LOSS) if takes else loss,
        *(right if bug == RIGHT else wrong),
        central,
        cell(shared.RELATIVE_ERROR),
        cell(COMPARE),
    ]
