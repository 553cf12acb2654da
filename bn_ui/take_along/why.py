"""The layer on the screen whose weights are multiplied by a, with BN and without, as programs."""

from __future__ import annotations

from bn_core.scale_invariance import OneLayer
from bn_ui.take_along import templates as shared
from bn_ui.take_along.inference import SHOW
from bn_ui.take_along.language import cell
from bn_ui.take_along.program import Cell, TakeAlong
from bn_ui.text import t

DATA = """
#: about_why
$imports

#: why_batch
x = $x
labels = $labels
W = $weight
V = $readout
#: why_factor
a, eps = $a, $eps
"""

LAYER = """
#: why_layer
def logits_loss_gradient(W, with_bn):
    z = x @ W
    root = np.sqrt(z.var(axis=0) + eps)
    y = (z - z.mean(axis=0)) / root if with_bn else z
    logits = np.maximum(y, 0) @ V
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = exps / exps.sum(axis=1, keepdims=True)
    samples = np.arange(len(x))
    loss = -np.log(p[samples, labels]).mean()

    #: why_layer_back
    dlogits = p.copy()
    dlogits[samples, labels] -= 1
    dz = dy = (dlogits / len(x)) @ V.T * (y > 0)
    if with_bn:
        #: why_bn_back
        dz = (dy - dy.mean(axis=0) - y * (dy * y).mean(axis=0)) / root
    return logits, loss, x.T @ dz
"""

LAYER_TORCH = """
#: why_layer
def logits_loss_gradient(W, with_bn):
    W = W.clone().requires_grad_()
    z = x @ W
    #: unbiased
    root = torch.sqrt(z.var(dim=0, correction=0) + eps)
    y = (z - z.mean(dim=0)) / root if with_bn else z
    logits = torch.relu(y) @ V
    loss = torch.nn.functional.cross_entropy(logits, labels)
    #: why_autograd
    (gradient,) = torch.autograd.grad(loss, W)
    return logits.detach(), loss.detach(), gradient
"""

COMPARE = """
#: why_compare
def compare(with_bn):
    logits_1, _, gradient_1 = logits_loss_gradient(W, with_bn)
    logits, loss, gradient = logits_loss_gradient(a * W, with_bn)
    length, length_1 = (gradient**2).sum() ** 0.5, (gradient_1**2).sum() ** 0.5
    moved = abs(logits - logits_1).max()
    return loss, moved, length, length / length_1, (a * W * gradient).sum()


loss, moved, length, ratio, along = compare(with_bn=True)
show("loss_bn: $word_loss_bn", loss)
show("moved_bn: $word_moved_bn", moved)
show("gradient_bn: $word_gradient_bn", length)
show("ratio_bn: $word_ratio_bn", ratio)
show("along_bn: $word_along_bn", along)

loss, moved, length, ratio, along = compare(with_bn=False)
show("loss_plain: $word_loss_plain", loss)
show("moved_plain: $word_moved_plain", moved)
show("gradient_plain: $word_gradient_plain", length)
show("ratio_plain: $word_ratio_plain", ratio)
show("along_plain: $word_along_plain", along)
"""

_LIBRARIES = {"numpy": ("np.array", LAYER), "torch": ("torch.tensor", LAYER_TORCH)}


def why(layer: OneLayer, factor: float, eps: float) -> TakeAlong:
    """Programs for this layer, its weights multiplied by ``factor``."""
    cells = (_cells(library, layer, factor, eps) for library in ("numpy", "torch"))
    return TakeAlong("why", t("chapters.why"), *cells)


def _cells(library: str, layer: OneLayer, factor: float, eps: float) -> list[Cell]:
    array, code = _LIBRARIES[library]
    numpy = library == "numpy"
    places = {
        "imports": shared.IMPORTS[library],
        "x": shared.array(layer.x, library),
        "labels": f"{array}([{', '.join(map(str, layer.labels.tolist()))}])",
        "weight": shared.array(layer.weight, library),
        "readout": shared.array(layer.readout, library),
        "a": repr(float(factor)),
        "eps": repr(float(eps)),
    }
    return [
        cell(DATA, "why", **places),
        cell(SHOW[library]),
        cell(code, "why_layer" if numpy else ""),
        cell(COMPARE, "why_compare" if numpy else ""),
    ]
