"""How fast is the core? Forward and backward in training, float32, one thread.

    python benchmarks/core.py

Three others do the same work on the same numbers, in turns with ours, so that whatever else the
machine is doing slows all of them. Read the ratios: each is between two medians of one run. A turn
on a small batch is several calls, as in a training loop; a single one would measure cold caches.

staged     Batch Normalization as CS231n teaches it: a graph of nine nodes of one operation each,
           walked backwards for the gradients.
layer      The way of numpy-ml's BatchNorm1D and BatchNorm2D: dx in closed form, but statistics
           and x̂ computed again in the backward pass, and running statistics updated on each call.
PyTorch    batch_norm and its automatic differentiation, where PyTorch is installed.

The first two are written here anew in those styles. They keep channels last, so they are given the
images as (m, height, width, d), which is the layout that suits them, and parameters in float32:
float64 ones would make them compute in float64, at half the speed.
"""

import os

# One thread each. The libraries read these when they are imported, so this comes first.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

# ruff: noqa: E402
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bn_core import backward_train, forward_train

try:
    import torch
except ModuleNotFoundError:
    torch = None

EPS = 1e-5
# Turns, and calls in a turn. The largest comes first: until it has seen large arrays freed, the C
# library may hand memory back to the system after every call, or may not, as luck will have it.
SHAPES = {
    (32, 64, 56, 56): (15, 1),
    (1024, 4096): (25, 1),
    (256, 1024): (60, 5),
    (64, 256): (100, 20),
}


def ours(x, gamma, beta, dy):
    fwd = forward_train(x, gamma, beta, eps=EPS)
    grads = backward_train(dy, fwd)
    return fwd.y, grads.dx, grads.dgamma, grads.dbeta


def staged(x, gamma, beta, dy):
    shape, d = x.shape, x.shape[-1]
    x, dy = x.reshape(-1, d), dy.reshape(-1, d)
    n = len(x)
    ones = np.ones((n, d), dtype=x.dtype)

    mu = np.sum(x, axis=0) / n
    centred = x - mu
    squared = centred**2
    var = np.sum(squared, axis=0) / n
    std = np.sqrt(var + EPS)
    inv_std = 1.0 / std
    x_hat = centred * inv_std
    scaled = gamma * x_hat
    y = scaled + beta

    dbeta = np.sum(dy, axis=0)
    dscaled = dy
    dgamma = np.sum(dscaled * x_hat, axis=0)
    dx_hat = dscaled * gamma
    dinv_std = np.sum(dx_hat * centred, axis=0)
    dcentred = dx_hat * inv_std
    dstd = -1.0 / std**2 * dinv_std
    dvar = 0.5 / np.sqrt(var + EPS) * dstd
    dsquared = ones / n * dvar
    dcentred = dcentred + 2 * centred * dsquared
    dmu = -np.sum(dcentred, axis=0)
    dx = dcentred + ones / n * dmu
    return y.reshape(shape), dx.reshape(shape), dgamma, dbeta


class LayerStyle:
    """Keeps its parameters, running statistics and accumulated gradients, as a layer does."""

    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta
        self.running_mean, self.running_var = np.zeros_like(gamma), np.ones_like(gamma)
        self.dgamma, self.dbeta = np.zeros_like(gamma), np.zeros_like(gamma)

    def forward(self, x):
        axes = tuple(range(x.ndim - 1))
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        self.running_mean = 0.9 * self.running_mean + 0.1 * mean
        self.running_var = 0.9 * self.running_var + 0.1 * var
        x_hat = (x - mean) / np.sqrt(var + EPS)
        return self.gamma * x_hat + self.beta

    def backward(self, dy, x):
        shape, d = x.shape, x.shape[-1]
        x, dy = x.reshape(-1, d), dy.reshape(-1, d)
        n = len(x)
        mean, var = x.mean(axis=0), x.var(axis=0)
        x_hat = (x - mean) / np.sqrt(var + EPS)
        dbeta = dy.sum(axis=0)
        dgamma = np.sum(dy * x_hat, axis=0)
        dx_hat = dy * self.gamma
        dx = (n * dx_hat - dx_hat.sum(axis=0) - x_hat * (dx_hat * x_hat).sum(axis=0)) / (
            n * np.sqrt(var + EPS)
        )
        self.dgamma += dgamma
        self.dbeta += dbeta
        return dx.reshape(shape)


def layer_style(x, gamma, beta, dy):
    layer = LayerStyle(gamma, beta)
    y = layer.forward(x)
    dx = layer.backward(dy, x)
    return y, dx, layer.dgamma, layer.dbeta


def pytorch(x, gamma, beta, dy):
    y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
    return y, *torch.autograd.grad(y, (x, gamma, beta), dy)


def contestants(shape: tuple[int, ...]) -> dict[str, Callable]:
    """By name, each ready to run on the same numbers in the layout it is made for."""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, *shape), dtype=np.float32)
    gamma, beta = rng.standard_normal((2, shape[1]), dtype=np.float32)
    x_last, dy_last = (np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (x, dy))

    runs = {
        "ours": lambda: ours(x, gamma, beta, dy),
        "staged": lambda: staged(x_last, gamma, beta, dy_last),
        "layer": lambda: layer_style(x_last, gamma, beta, dy_last),
    }
    if torch is not None:
        torch.set_num_threads(1)
        tx, tgamma, tbeta = (torch.tensor(a, requires_grad=True) for a in (x, gamma, beta))
        tdy = torch.tensor(dy)
        runs["PyTorch"] = lambda: pytorch(tx, tgamma, tbeta, tdy)
    return runs


def check_that_all_agree(runs: dict[str, Callable]) -> None:
    y, dx, dgamma, dbeta = runs["ours"]()
    for name in ("staged", "layer"):
        y_, dx_, dgamma_, dbeta_ = runs[name]()
        np.testing.assert_allclose(np.moveaxis(y_, -1, 1), y, atol=1e-4)
        np.testing.assert_allclose(np.moveaxis(dx_, -1, 1), dx, atol=1e-3)
        np.testing.assert_allclose(dgamma_, dgamma, atol=1e-2, rtol=1e-3)
        np.testing.assert_allclose(dbeta_, dbeta, atol=1e-2, rtol=1e-3)


def medians(runs: dict[str, Callable], turns: int, calls: int) -> dict[str, float]:
    """Seconds a call takes: everybody has one turn, then everybody another."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(turns):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(calls):
                run()
            seconds[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    versions += f", PyTorch {torch.__version__}" if torch else ", no PyTorch"
    print("Batch Normalization, forward + backward in training, float32, one thread")
    print(versions)
    print()
    print(f"{'shape':18} {'ours':>10}   how many times longer the others take")
    for shape, (turns, calls) in SHAPES.items():
        runs = contestants(shape)
        check_that_all_agree(runs)
        median = medians(runs, turns, calls)
        ratios = [f"{name} {median[name] / median['ours']:5.2f}×" for name in list(runs)[1:]]
        print(f"{shape!s:18} {1e3 * median['ours']:7.3f} ms   {'   '.join(ratios)}", flush=True)


if __name__ == "__main__":
    main()
