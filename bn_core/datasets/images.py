"""The two sets of real images, and drawing a mini-batch from one of them.

Sources and licences of the files: README.md beside this module.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bn_core._checks import checked_int, checked_key

_FOLDER = Path(__file__).parent
_FASHION_SPLITS = {"train": "train_", "test": "test_"}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Grey images, one a row, with their classes.

    Parameters
    ----------
    images
        Brightness from 0 to 1, shape (n, height · width), rows of pixels one after the other.
    labels
        Class of each image, 0 to 9, int64, shape (n,).
    image_shape
        (height, width) of one image.

    Both arrays are shared by everyone who loads the set, and therefore read-only.
    """

    images: NDArray[np.floating[Any]]
    labels: NDArray[np.int64]
    image_shape: tuple[int, int]


def load_digits() -> ImageSet:
    """1,797 handwritten digits of 8 × 8 pixels, as float64.

    Returns
    -------
    The same :class:`ImageSet` at every call: images (1797, 64), labels (1797,).
    """
    return _load("digits.npz", "", (8, 8), 16, np.float64)


def load_fashion_mnist(split: str = "train") -> ImageSet:
    """Fashion-MNIST: pieces of clothing, 28 × 28 pixels, as float32 (float64 would take 38 MB).

    Parameters
    ----------
    split
        ``"train"`` for the first 6,000 training images or ``"test"`` for the first 1,000 test
        images.

    Returns
    -------
    The same :class:`ImageSet` at every call with the same split: images (n, 784), labels (n,).

    Raises
    ------
    ValueError
        If ``split`` is something else.
    """
    prefix = checked_key("split", split, _FASHION_SPLITS)
    return _load("fashion_mnist.npz", prefix, (28, 28), 255, np.float32)


@cache
def _load(
    file: str, prefix: str, image_shape: tuple[int, int], brightest: int, dtype: DTypeLike
) -> ImageSet:
    # Opened here: NumPy does not close a damaged file that it has opened itself.
    with (_FOLDER / file).open("rb") as opened, np.load(opened) as arrays:
        images = arrays[prefix + "images"].astype(dtype)
        labels = arrays[prefix + "labels"].astype(np.int64)
    images /= brightest
    images.setflags(write=False)
    labels.setflags(write=False)
    return ImageSet(images, labels, image_shape)


def sample_rows(n: int, m: int, seed: int) -> NDArray[np.int64]:
    """Row numbers of a random mini-batch: m out of n, none twice.

    A smaller batch is the beginning of a larger one with the same n and seed, so that a batch-size
    knob adds or removes samples and never exchanges them.

    Parameters
    ----------
    n
        Number of rows to choose from, at least 1.
    m
        Batch size, 1 to n.
    seed
        At least 0.

    Returns
    -------
    int64, shape (m,).

    Raises
    ------
    ValueError
        If an argument is not an integer or outside its limits.
    """
    n = checked_int("n", n, minimum=1)
    m = checked_int("m", m, minimum=1)
    if m > n:
        raise ValueError(f"m must be at most the number of rows, {n}, got {m}")
    rng = np.random.default_rng(checked_int("seed", seed, minimum=0))
    return rng.permutation(n)[:m]


def sample_batch(images: NDArray[np.floating[Any]], m: int, seed: int) -> NDArray[np.floating[Any]]:
    """A random mini-batch of m images, none twice; see :func:`sample_rows` for which.

    Parameters
    ----------
    images
        Shape (n, …), samples first.
    m
        Batch size, 1 to n.
    seed
        At least 0.

    Returns
    -------
    A writable copy of those rows, shape (m, …), of the dtype of ``images``.

    Raises
    ------
    ValueError
        If ``images`` has no rows, or ``m`` or ``seed`` is outside its limits.
    """
    if np.ndim(images) == 0:
        raise ValueError(f"images must have samples on axis 0, got the single value {images!r}")
    return images[sample_rows(len(images), m, seed)]
