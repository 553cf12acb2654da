"""How fast does a network train? Steps a second, float32, one thread.

    python benchmarks/training.py

PyTorch trains the identical network beside ours: the same weights, the same mini-batches, SGD, and
the loss read after every step, as a learning curve needs it. Each has a fifth of a second, then the
other, so that whatever else the machine is doing slows both. Read the ratios: each is between two
medians of one run. That both compute the same is checked first.

At the end the longest experiment of the book, at full length: the network of the paper's figure 1
for 50,000 steps, with BN and without, in a process each, snapshots and all.
"""

import os

# One thread each. The libraries read these when they are imported, so this comes first.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

# ruff: noqa: E402
import multiprocessing
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bn_core.training import Progress, initial, train, trained
from bn_core.training_config import LIMITS, TrainingConfig
from bn_core.training_data import mini_batches, training_data

try:
    import torch
except ModuleNotFoundError:
    torch = None

TURNS, TURN_SECONDS = 15, 0.2
CHECKED_STEPS = 20
GOAL_RATIO, GOAL_SECONDS = 1.5, 60

FIGURE_1 = TrainingConfig(batch_size=60, binarised=True, learning_rate=0.1, weight_sd=0.1)
NETWORKS = {
    "3 × 100 sigmoid, BN": FIGURE_1,
    "3 × 100 sigmoid, no BN": replace(FIGURE_1, batch_norm="none"),
    "3 × 100 tanh, BN": replace(FIGURE_1, activation="tanh"),
    "3 × 100 ReLU, BN": replace(FIGURE_1, activation="relu"),
    "10 × 100 sigmoid, BN": replace(FIGURE_1, depth=10),
    "3 × 100, BN, clothing": replace(FIGURE_1, data="fashion_mnist", train_size=6000),
}
LONG = {
    "digits": replace(FIGURE_1, steps=int(LIMITS["steps"].maximum), moments=200),
    "clothing": replace(FIGURE_1, data="fashion_mnist", train_size=6000, steps=50_000, moments=200),
}


def ours(config: TrainingConfig) -> Callable[[float], float]:
    """A function that trains for some seconds and returns how many steps it made in one."""
    long = replace(config, steps=int(LIMITS["steps"].maximum), moments=2)
    events = train(long, progress_seconds=TURN_SECONDS)
    next(events)  # the snapshot before the first step
    done = 0

    def turn(_seconds: float) -> float:
        nonlocal done
        start = time.perf_counter()
        event = next(events)
        if not isinstance(event, Progress):
            raise RuntimeError(f"the network was to train for longer, got {event}")
        rate = (event.step - done) / (time.perf_counter() - start)
        done = event.step
        return rate

    return turn


def pytorch(config: TrainingConfig) -> Callable[[float], float]:
    steps = pytorch_losses(config)

    def turn(seconds: float) -> float:
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            next(steps)
            done += 1
        return done / (time.perf_counter() - start)

    return turn


def pytorch_losses(config: TrainingConfig) -> Iterator[float]:
    """Train step by step."""
    network = pytorch_network(config)
    optimiser = torch.optim.SGD(network.parameters(), lr=config.learning_rate)
    data = training_data(config.data, config.binarised).first(config.train_size)
    x, labels = torch.tensor(data.x), torch.tensor(data.labels)
    for rows in mini_batches(config.train_size, config.batch_size, config.seed):
        batch = torch.from_numpy(rows)
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x[batch]), labels[batch])
        loss.backward()
        optimiser.step()
        yield loss.item()


def pytorch_network(config: TrainingConfig) -> "torch.nn.Sequential":
    """The network that ours starts from."""
    activations = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "ReLU"}
    parts = []
    for number, layer in enumerate(initial(config).layers):
        linear = torch.nn.Linear(*layer.weight.shape)
        linear.weight.data = torch.tensor(layer.weight.T.copy())
        linear.bias.data = torch.tensor(layer.bias)
        parts.append(linear)
        if number < config.depth:
            if layer.gamma is not None:
                parts.append(torch.nn.BatchNorm1d(config.width))
            parts.append(getattr(torch.nn, activations[config.activation])())
    return torch.nn.Sequential(*parts)


def check_that_both_agree(config: TrainingConfig) -> None:
    short = replace(config, steps=CHECKED_STEPS, moments=CHECKED_STEPS + 1)
    found = [shot.loss for shot in trained(short).snapshots[1:]]
    expected = list(islice(pytorch_losses(config), CHECKED_STEPS))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def rates(config: TrainingConfig) -> dict[str, float]:
    """Median steps a second: everybody has one turn, then everybody another."""
    runs = {"ours": ours(config)}
    if torch is not None:
        torch.set_num_threads(1)
        check_that_both_agree(config)
        runs["PyTorch"] = pytorch(config)
    seen: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(TURNS):
        for name, turn in runs.items():
            seen[name].append(turn(TURN_SECONDS))
    return {name: statistics.median(values) for name, values in seen.items()}


def accuracy(config: TrainingConfig) -> float:
    return trained(config).snapshots[-1].held_out.accuracy


def with_and_without(config: TrainingConfig) -> tuple[float, list[float]]:
    """Seconds for both, side by side, and what they reached."""
    both = [config, replace(config, batch_norm="none")]
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        reached = pool.map(accuracy, both, chunksize=1)
    return time.perf_counter() - start, reached


def main() -> None:
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    versions += f", PyTorch {torch.__version__}" if torch else ", no PyTorch"
    print("Training, steps a second, batches of 60, float32, one thread")
    print(versions)
    print()
    print(
        f"{'network':24} {'ours':>6} {'PyTorch':>8}   ratio (goal: {GOAL_RATIO} in the first row)"
    )
    for name, config in NETWORKS.items():
        found = rates(config)
        theirs = found.get("PyTorch")
        ratio = f"{theirs:8.0f}   {found['ours'] / theirs:4.2f}×" if theirs else ""
        print(f"{name:24} {found['ours']:6.0f} {ratio}", flush=True)
    print()
    print(f"50,000 steps with BN and without, two processes (goal: {GOAL_SECONDS} s)")
    for name, config in LONG.items():
        seconds, (with_bn, without) = with_and_without(config)
        print(
            f"{name:24} {seconds:6.1f} s   held-out accuracy {with_bn:.3f} and {without:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
