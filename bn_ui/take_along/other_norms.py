"""The small batch on the screen under three norms, and the means of the block, as programs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bn_core.network import BN_EPS
from bn_ui.take_along import templates as shared
from bn_ui.take_along.inference import SHOW
from bn_ui.take_along.language import cell
from bn_ui.take_along.program import Cell, TakeAlong
from bn_ui.text import t

DATA = """
#: about_other_norms
$imports

#: few_samples
x = $x
eps = $eps
"""

NORMS = {
    "numpy": """
def normalised(x, axes):
    mean = x.mean(axis=axes, keepdims=True)
    var = x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps)


#: over_samples
show("few_batch: $word_few_batch", normalised(x, 0)[:, 0])
#: over_features
show("few_layer: $word_few_layer", normalised(x, 1)[:, 0])
#: without_mean
x_hat = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)
show("few_rms: $word_few_rms", x_hat[:, 0])
""",
    "torch": """
#: over_samples
show("few_batch: $word_few_batch", F.batch_norm(x, None, None, training=True, eps=eps)[:, 0])
#: over_features
show("few_layer: $word_few_layer", F.layer_norm(x, x.shape[1:], eps=eps)[:, 0])
#: without_mean
show("few_rms: $word_few_rms", F.rms_norm(x, x.shape[1:], eps=eps)[:, 0])
""",
}
ALONE = """
#: one_sample
x_hat = (x - x.mean(dim=0)) / torch.sqrt(x.var(dim=0, correction=0) + eps)
show("few_batch: $word_few_batch", x_hat[:, 0])
"""

BLOCK = """
#: block
block = $block
n, c, h, w = block.shape
groups = $groups
means = [
    #: norms_in_order
    block.mean($axis=(0, 2, 3)),
    block.mean($axis=(1, 2, 3)),
    block.mean($axis=(2, 3)),
    block.reshape(n, groups, c // groups, h, w).mean($axis=(2, 3, 4)),
]
show("means: $word_means", [$size for mean in means])
show("values: $word_values", [n * c * h * w / $size for mean in means])
"""
_LIBRARY = {
    "numpy": {
        "block": "np.random.default_rng(0).normal(size=$shape)",
        "axis": "axis",
        "size": "mean.size",
    },
    "torch": {
        "block": "torch.randn($shape, dtype=torch.float64)",
        "axis": "dim",
        "size": "mean.numel()",
    },
}


def other_norms(x: np.ndarray, shape: Sequence[int], groups: int) -> TakeAlong:
    """Programs for a batch (m, d), and for a block (N, C, H, W) with groups of channels."""
    return TakeAlong(
        "other_norms",
        t("chapters.other_norms"),
        _cells("numpy", x, shape, groups),
        _cells("torch", x, shape, groups),
    )


def _cells(library: str, x: np.ndarray, shape: Sequence[int], groups: int) -> list[Cell]:
    numpy = library == "numpy"
    imports = shared.IMPORTS[library] + ("" if numpy else "\nimport torch.nn.functional as F")
    places = {"x": shared.array(x, library), "eps": repr(BN_EPS), "imports": imports}
    norms = NORMS[library]
    if not numpy and len(x) == 1:
        norms = ALONE + norms[norms.index("#: over_features") :]
    block = dict(_LIBRARY[library]) | {"groups": str(groups)}
    block["block"] = block["block"].replace("$shape", str(tuple(shape)))
    return [
        cell(DATA, "other_norms", **places),
        cell(SHOW[library]),
        cell(norms, "three_norms" if numpy else ""),
        cell(BLOCK, "block_means" if numpy else "", **block),
    ]
