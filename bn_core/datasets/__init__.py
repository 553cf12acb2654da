"""Data for the experiments: two small sets of real images, and seeded synthetic batches."""

from bn_core.datasets.images import (
    ImageSet,
    load_digits,
    load_fashion_mnist,
    sample_batch,
    sample_rows,
)
from bn_core.datasets.spirals import two_spirals
from bn_core.datasets.synthetic import SYNTHETIC_KINDS, synthetic_batch

__all__ = [
    "SYNTHETIC_KINDS",
    "ImageSet",
    "load_digits",
    "load_fashion_mnist",
    "sample_batch",
    "sample_rows",
    "synthetic_batch",
    "two_spirals",
]
