"""What networks are trained on: a training part, a held-out part, and the order of mini-batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bn_core._checks import checked_int, checked_key
from bn_core.datasets import load_digits, load_fashion_mnist, two_spirals

FloatArray = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]

HELD_OUT = 360  # a fifth of the digits
SPIRAL_POINTS = 2000  # for training, and as many again held out
BRIGHT = 0.5  # where a grey image becomes black or white


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Samples with their classes, some to train on and some to judge by; all read-only.

    Parameters
    ----------
    x, labels
        The training part, shape (n, features) and (n,).
    held_out_x, held_out_labels
        What training never sees.
    """

    x: FloatArray
    labels: Labels
    held_out_x: FloatArray
    held_out_labels: Labels

    @property
    def classes(self) -> int:
        """Number of classes, counted from 0."""
        return int(max(self.labels.max(), self.held_out_labels.max())) + 1

    def first(self, n: int) -> "TrainingData":
        """The same with only the first n samples to train on."""
        return TrainingData(self.x[:n], self.labels[:n], self.held_out_x, self.held_out_labels)


@dataclass(frozen=True)
class DataSet:
    """What can be said of a data set without loading it."""

    size: int  # how many samples there are to train on
    features: int
    classes: int


DATA_SETS = {
    "digits": DataSet(size=1797 - HELD_OUT, features=64, classes=10),
    "fashion_mnist": DataSet(size=6000, features=784, classes=10),
    "spirals": DataSet(size=SPIRAL_POINTS, features=2, classes=2),
}


@cache
def training_data(name: str, binarised: bool = False) -> TrainingData:
    """A data set in its fixed division, which depends on no seed.

    ================= ==========================================================================
    ``digits``        1,437 to train on, 360 held out: the file in one fixed random order, as its
                      own goes by writer
    ``fashion_mnist`` the 6,000 training images and the 1,000 test images of the file
    ``spirals``       2,000 points to train on, 2,000 others held out
    ================= ==========================================================================

    Parameters
    ----------
    name
        A key of :data:`DATA_SETS`.
    binarised
        Whether brightness above one half becomes 1 and the rest 0, as in section 4.1 of Ioffe &
        Szegedy (2015). Spirals have no brightness and stay as they are.

    Returns
    -------
    The same :class:`TrainingData` at every call; images are float32, from 0 to 1.

    Raises
    ------
    ValueError
        If there is no such data set.
    """
    checked_key("name", name, DATA_SETS)
    if name == "spirals":
        return _frozen(*two_spirals(SPIRAL_POINTS, seed=0), *two_spirals(SPIRAL_POINTS, seed=1))
    x, labels, held_out_x, held_out_labels = _digits() if name == "digits" else _fashion_mnist()
    x, held_out_x = (
        (images > BRIGHT if binarised else images).astype(np.float32) for images in (x, held_out_x)
    )
    return _frozen(x, labels, held_out_x, held_out_labels)


def mini_batches(n: int, m: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Row numbers of one mini-batch after another, without end.

    Every epoch is a new random order of all rows, cut into batches of m; a remainder that makes no
    full batch is left out. The order depends on n, the seed and the epoch, and on nothing else:
    with and without BN, a network is given the same batches.

    Parameters
    ----------
    n
        Number of rows.
    m
        Batch size, 1 to n.
    seed
        At least 0.

    Yields
    ------
    int64, shape (m,)

    Raises
    ------
    ValueError
        If an argument is outside its limits; at the first batch.
    """
    n = checked_int("n", n, minimum=1)
    m = checked_int("m", m, minimum=1, maximum=n)
    epoch = 0
    while True:
        # Layer l's weights come from the stream (seed, l), l ≥ 1: these streams are none of those.
        order = np.random.default_rng([seed, 0, epoch]).permutation(n)
        yield from order[: n - n % m].reshape(-1, m)
        epoch += 1


def _digits() -> tuple[FloatArray, Labels, FloatArray, Labels]:
    digits = load_digits()
    held_out, kept = np.split(np.random.default_rng(0).permutation(len(digits.labels)), [HELD_OUT])
    return (
        digits.images[kept],
        digits.labels[kept],
        digits.images[held_out],
        digits.labels[held_out],
    )


def _fashion_mnist() -> tuple[FloatArray, Labels, FloatArray, Labels]:
    train, test = load_fashion_mnist("train"), load_fashion_mnist("test")
    return train.images, train.labels, test.images, test.labels


def _frozen(*arrays: NDArray[Any]) -> TrainingData:
    for array in arrays:
        array.setflags(write=False)
    return TrainingData(*arrays)
