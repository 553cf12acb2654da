"""What a picture has to show, by the fast path and NumPy alone: no sweep, no lookup, no page."""

from __future__ import annotations

import numpy as np

from bn_core import forward_train
from bn_core.activations import ACTIVATIONS
from bn_core.datasets import load_digits, load_fashion_mnist, sample_batch
from bn_core.network import initial_network, pre_activations
from bn_core.sweeps import FIXED_AXIS, FIXED_BINS, output_edges, own_axis

IMAGES = {"digits": load_digits, "fashion": load_fashion_mnist}


def hidden(
    source: str = "digits",
    *,
    m: int = 256,
    layer: int = 5,
    width: int = 32,
    activation: str = "sigmoid",
    seed: int = 0,
    scale: float = 8.0,
) -> np.ndarray:
    """Pre-activations (m, width); without arguments those the chapter opens with."""
    images = sample_batch(IMAGES[source]().images, m, seed).astype(np.float64)
    sizes = [images.shape[1]] + [width] * layer
    network = initial_network(sizes, activation=activation, weight_scale=scale, seed=seed)
    return pre_activations(network, images, layer)


def quantities(
    x: np.ndarray, *, gamma: float, beta: float, eps: float, activation: str
) -> dict[str, np.ndarray]:
    """x, x̂, y and f(y) of a batch (m, d), pooled."""
    d = x.shape[1]
    fwd = forward_train(x, np.full(d, gamma), np.full(d, beta), eps=eps)
    output = ACTIVATIONS[activation](fwd.y)
    found = {"x": x, "x_hat": fwd.x_hat, "y": fwd.y, "activation": output}
    return {name: values.ravel() for name, values in found.items()}


def counts(values: dict[str, np.ndarray], activation: str) -> dict[str, np.ndarray]:
    """Histogram of each quantity on the axis that the chapter draws it on."""
    fixed = np.linspace(*FIXED_AXIS, FIXED_BINS + 1)
    edges = {
        "x": own_axis(values["x"][None, :, None])[0],
        "x_hat": fixed,
        "y": fixed,
        "activation": output_edges(ACTIVATIONS[activation]),
    }
    return {name: np.histogram(values[name], edges[name])[0] for name in edges}


def table(values: dict[str, np.ndarray], activation: str) -> np.ndarray:
    """Mean, sd, skewness, % saturated and % beyond the fixed axis, of x, x̂ and y."""
    f = ACTIVATIONS[activation]
    rows = []
    for name in ("x", "x_hat", "y"):
        v = values[name]
        mean, sd = v.mean(), v.std()
        skew = np.mean((v - mean) ** 3) / sd**3 if sd > 1e-9 * np.abs(v).max() else np.nan
        low, high = FIXED_AXIS
        outside = 0.0 if name == "x" else 100 * np.mean((v < low) | (v >= high))
        rows += [mean, sd, skew, 100 * np.mean(f.saturated(v)), outside]
    return np.array(rows)
