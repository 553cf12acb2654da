"""Take it along: what is on the screen as a NumPy script, a PyTorch script and a notebook.

The programs need nothing of this book. What they compute with is written into them as numbers, and
their lines are those of `bn_core.derivation` where it has them, so that neither can drift.
"""

from bn_ui.take_along.distributions import distributions
from bn_ui.take_along.draw import take_along
from bn_ui.take_along.gradient_check import gradient_check
from bn_ui.take_along.inference import inference
from bn_ui.take_along.other_norms import other_norms
from bn_ui.take_along.overview import overview
from bn_ui.take_along.program import TakeAlong, notebook, script
from bn_ui.take_along.scale_shift import scale_shift
from bn_ui.take_along.steps import backward, forward
from bn_ui.take_along.training import training
from bn_ui.take_along.whitening import whitening
from bn_ui.take_along.why import why

__all__ = [
    "TakeAlong",
    "backward",
    "distributions",
    "forward",
    "gradient_check",
    "inference",
    "notebook",
    "other_norms",
    "overview",
    "scale_shift",
    "script",
    "take_along",
    "training",
    "whitening",
    "why",
]
