"""The forward and the backward pass of the learner's small batch, as programs."""

from __future__ import annotations

from bn_core.derivation import BACKWARD, FORWARD, MISPRINT, Formula
from bn_core.misprint import STEP as STEP_SIZE
from bn_core.misprint import ZERO
from bn_ui.small_batch import SmallBatch
from bn_ui.take_along import templates as shared
from bn_ui.take_along.language import cell, step_cell
from bn_ui.take_along.program import Cell, TakeAlong
from bn_ui.text import t

FUNCTIONAL = "import torch.nn.functional as F"

DATA = """
#: about_$chapter
$imports

#: batch
x = $x
gamma = $gamma
beta = $beta
eps = $eps
"""

UPSTREAM = """
#: dy
dy = $dy
"""

STEP = """
#: of_$name
$code
show("$label", $name)
"""

FORWARD_AGAIN = """
#: forward_first
$forward
"""

# ---- backward, NumPy ---------------------------------------------------------------------------

MISPRINT_NUMPY = """
#: misprint
$printed

#: small_h
h = $h * min(1.0, np.sqrt(var + eps).min())
numeric = central_differences(lambda x: loss(x, gamma, beta), x, h)
show("dx_error: $word_error_right", disagreement(dx, numeric))
show("dx_printed_error: $word_error_printed", disagreement(dx_printed, numeric))
"""

# ---- PyTorch -----------------------------------------------------------------------------------

FORWARD_TORCH = """
#: unbiased
mu = x.mean(dim=0)
var = x.var(dim=0, correction=0)
show("mu: $what_mu", mu)
show("var: $what_var", var)
"""

LAYER_TORCH = """
#: layer
x_hat = F.batch_norm(x, None, None, training=True, eps=eps)
y = F.batch_norm(x, None, None, weight=gamma, bias=beta, training=True, eps=eps)
show("x_hat: $what_x_hat", x_hat)
show("y: $what_y", y)
"""

WITHOUT_LAYER_TORCH = """
#: $why
x_hat = (x - mu) / torch.sqrt(var + eps)
y = gamma * x_hat + beta
show("x_hat: $what_x_hat", x_hat)
show("y: $what_y", y)
"""

AUTOGRAD = """
#: forward_by_formula
$forward

#: retain
for between in (mu, var, x_hat):
    between.retain_grad()
#: backward
y.backward(dy)
show("dx_hat: $what_dx_hat", x_hat.grad)
show("dvar: $what_dvar", var.grad)
show("dmu: $what_dmu", mu.grad)
show("dx: $what_dx", x.grad)
show("dgamma: $what_dgamma", gamma.grad)
show("dbeta: $what_dbeta", beta.grad)
"""

SAME_LAYER = """
#: same_layer
layer = F.batch_norm(x, None, None, weight=gamma, bias=beta, training=True, eps=eps)
(dx_layer,) = torch.autograd.grad(layer, x, dy)
show("dx_layer: $word_layer", dx_layer)
"""

MISPRINT_TORCH = """
#: misprint_torch
dx_hat, dvar, dmu = x_hat.grad, var.grad, mu.grad
$right
$printed
show("dx_error: $word_error_right", disagreement(dx, x.grad))
show("dx_printed_error: $word_error_printed", disagreement(dx_printed, x.grad))
"""


def forward(batch: SmallBatch) -> TakeAlong:
    return TakeAlong("forward", t("chapters.forward"), _forward_numpy(batch), _forward_torch(batch))


def backward(batch: SmallBatch) -> TakeAlong:
    return TakeAlong(
        "backward", t("chapters.backward"), _backward_numpy(batch), _backward_torch(batch)
    )


def _data(chapter: str, batch: SmallBatch, library: str, imports: str, **options: bool) -> Cell:
    places = shared.batch_places(batch, library, **options)
    with_dy = DATA + UPSTREAM.lstrip("\n") if chapter == "backward" else DATA
    template = with_dy.replace("$chapter", chapter)
    return cell(template, chapter, imports=imports, **places)


def _steps(formulas: tuple[Formula, ...]) -> list[Cell]:
    """A cell for every formula of a pass: its line, and its number on the screen."""
    return [
        step_cell(f.whole, shared.line(f.whole), STEP.replace("$name", f.name)) for f in formulas
    ]


def _forward_numpy(batch: SmallBatch) -> list[Cell]:
    data = _data("forward", batch, "numpy", shared.IMPORTS["numpy"])
    return [data, cell(shared.SHOW["numpy"]), *_steps(FORWARD)]


def _forward_torch(batch: SmallBatch) -> list[Cell]:
    takes = layer_takes(batch)
    imports = shared.IMPORTS["torch"] + ("\n" + FUNCTIONAL if takes else "")
    return [
        _data("forward", batch, "torch", imports),
        cell(shared.SHOW["torch"]),
        cell(FORWARD_TORCH),
        cell(LAYER_TORCH) if takes else _without_layer(batch),
    ]


def layer_takes(batch: SmallBatch) -> bool:
    """Whether PyTorch's own layer takes the batch: it refuses m = 1, and ε = 0."""
    return len(batch.x) > 1 and batch.eps > 0


def _without_layer(batch: SmallBatch) -> Cell:
    why = "one_sample" if len(batch.x) == 1 else "eps_zero"
    return cell(WITHOUT_LAYER_TORCH.replace("$why", why))


def _backward_numpy(batch: SmallBatch) -> list[Cell]:
    data = _data("backward", batch, "numpy", shared.IMPORTS["numpy"])
    return [
        data,
        cell(shared.SHOW["numpy"]),
        cell(FORWARD_AGAIN, "forward_first", forward=shared.forward_lines("numpy")),
        *_steps(BACKWARD),
        *referee_cells("numpy"),
        _disagreement("numpy"),
        cell(
            MISPRINT_NUMPY,
            "misprint",
            printed=shared.line(MISPRINT["printed"], name="dx_printed"),
            h=repr(STEP_SIZE),
        ),
    ]


def referee_cells(library: str) -> list[Cell]:
    """The loss ℓ = Σ ∂y·y, and its central differences."""
    loss = shared.LOSS.strip("\n")
    return [
        cell(loss, "loss", forward=shared.forward_lines(library, "    ")),
        cell(shared.CENTRAL[library], "central"),
    ]


def _disagreement(library: str) -> Cell:
    code = (
        shared.DISAGREEMENT if library == "numpy" else shared.DISAGREEMENT.replace("np.", "torch.")
    )
    return cell(code, "disagreement", zero=repr(ZERO))


def _backward_torch(batch: SmallBatch) -> list[Cell]:
    takes = layer_takes(batch)
    imports = shared.IMPORTS["torch"] + ("\n" + FUNCTIONAL if takes else "")
    lines = {
        "right": shared.line(MISPRINT["both"], "torch"),
        "printed": shared.line(MISPRINT["printed"], "torch", "dx_printed"),
    }
    return [
        _data("backward", batch, "torch", imports, gradient=True),
        cell(shared.SHOW["torch"]),
        cell(AUTOGRAD, forward=shared.forward_lines("torch")),
        *([cell(SAME_LAYER)] if takes else []),
        _disagreement("torch"),
        cell(MISPRINT_TORCH, **lines),
    ]
