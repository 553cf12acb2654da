"""Central differences as the referee over the misprinted ∂ℓ/∂x and its repairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bn_core.derivation import MISPRINT, derive
from bn_core.gradcheck import GradientCheck
from bn_core.step_sizes import check_batch

ZERO = 1e-8
STEP = 1e-5  # for a spread of 1 or more; smaller features are moved by less


def check_misprint(
    x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, dy: ArrayLike, eps: float = 1e-5
) -> dict[str, GradientCheck]:
    """Check the formula as printed, with either half repaired, and with both.

    Parameters
    ----------
    x, dy : array_like of shape (m, d)
        The batch and ∂ℓ/∂y.
    gamma, beta : array_like of shape (d,)
        Scale and shift.
    eps : float, default 1e-5
        As for `forward_train`.

    Returns
    -------
    dict of str to GradientCheck
        By the keys of `bn_core.derivation.MISPRINT`.

    Raises
    ------
    ValueError, TypeError
        As `derive`.
    """
    values = derive(x, gamma, beta, eps=eps, dy=dy)
    smallest = float(values["std"].min())
    h = STEP * min(1.0, smallest)
    (right,) = check_batch(x, gamma, beta, dy, eps, steps=(h,))["x"]
    return {name: GradientCheck(step(values), right.numeric, h) for name, step in MISPRINT.items()}


def disagreement(check: GradientCheck) -> float:
    """‖a − n‖ / ‖n‖, or ‖a − n‖ alone where the numeric gradient n is zero (‖n‖ < 10⁻⁸)."""
    apart = float(np.linalg.norm(check.analytic - check.numeric))
    size = float(np.linalg.norm(check.numeric))
    return apart / size if size >= ZERO else apart
