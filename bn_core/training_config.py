"""All settings of one training run: checked, comparable, and simple enough to send anywhere."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from bn_core._checks import checked_flag, checked_int, checked_key, checked_scale
from bn_core.activations import ACTIVATIONS
from bn_core.network import BN_PLACES, NORMS
from bn_core.training_data import DATA_SETS

NO_BN = "none"


class Limits(NamedTuple):
    """The least and the largest value a setting may have."""

    minimum: float
    maximum: float


LIMITS = {
    "train_size": Limits(1, max(data.size for data in DATA_SETS.values())),
    "depth": Limits(1, 40),
    "width": Limits(1, 256),
    "batch_size": Limits(1, 512),
    "steps": Limits(0, 50_000),
    "moments": Limits(2, 200),
    "seed": Limits(0, 2**32 - 1),
    "learning_rate": Limits(0, 1000),
    "momentum": Limits(0, 1),
    "weight_decay": Limits(0, 1),
    "weight_scale": Limits(0, 100),
    "weight_sd": Limits(0, 100),
    "bn_momentum": Limits(0, 1),
    "groups": Limits(1, 256),
}
"""What a server should clamp to; beyond it a :class:`TrainingConfig` is refused."""

_CHOICES: dict[str, Mapping[str, Any]] = {
    "data": DATA_SETS,
    "activation": ACTIVATIONS,
    "batch_norm": {NO_BN: None, **BN_PLACES},
    "bn_statistics": dict.fromkeys(("batch", "running")),
    "norm": dict.fromkeys(NORMS),
    "dtype": dict.fromkeys(("float32", "float64")),
}

# Seconds that one operation on a mini-batch takes before it does anything, how many of them a
# layer needs for one step, and seconds a floating-point operation: rough figures of one core.
_CALL, _CALLS_PER_LAYER, _FLOP = 1.2e-6, 25, 1.2e-11
# Seconds that a snapshot needs to summarise a layer, and a value in it.
_SUMMARY, _VALUE = 3e-4, 5e-8
_PROBE_SAMPLES, _MOST_PROBE_BATCHES = 256, 8


@dataclass(frozen=True)
class TrainingConfig:
    """How one network is made and trained.

    Numbers are kept as int or float, so that equal settings are equal objects whatever they were
    given as. Limits: :data:`LIMITS`.

    Parameters
    ----------
    data
        ``"digits"``, ``"fashion_mnist"`` or ``"spirals"``; see
        :func:`bn_core.training_data.training_data` for what is held out.
    binarised
        Whether images are made black and white.
    train_size
        The first so many training samples are used; at most as many as the data set has.
    batch_size
        m, at most ``train_size``.
    depth, width
        Number of hidden layers, and of units in each. The output layer comes on top.
    activation
        A key of :data:`bn_core.activations.ACTIVATIONS`.
    batch_norm
        ``"none"``, or where BN (or what takes its place) stands in every hidden layer: ``"before"``
        or ``"after"`` the activation.
    skips
        Whether hidden layers from the second on add their input to their output.
    bias
        Whether linear parts have a bias, also where BN makes it pointless.
    learning_rate, momentum
        η and ρ of v ← ρv + g, w ← w − ηv, which is PyTorch's SGD.
    weight_decay
        λ: weights (not biases, γ or β) have λw added to their gradient.
    weight_scale, weight_sd
        W ~ N(0, weight_scale²/fan_in); or N(0, weight_sd²) unless that is None.
    steps, seed
        How many mini-batches, and where the weights and their order come from.
    moments
        At most so many snapshots, the first and last step included, however many steps there are.
    dtype
        ``"float32"`` or ``"float64"``.
    bn_momentum
        α, the weight of the new batch in the running statistics.
    bn_statistics
        What BN normalises with in training: ``"batch"``, or ``"running"``, whose gradient takes
        them for constants.
    update_running
        Whether training moves the running statistics. With ``bn_statistics="running"``, a step
        normalises with what they were before it.
    train_affine
        Whether γ and β are learned.
    norm
        What normalises where ``batch_norm`` says: ``"batch"``, or one of its relatives,
        ``"layer"``, ``"group"`` and ``"rms"``, which need no running statistics. All of them have a
        γ and a β for every unit.
    groups
        Groups of neighbouring units for ``"group"``: divides ``width``.

    Raises
    ------
    ValueError
        If a setting is outside its limits or of the wrong kind.

    Examples
    --------
    >>> config = TrainingConfig(depth=5, activation="tanh", learning_rate=1)
    >>> TrainingConfig.from_dict(config.to_dict()) == config
    True
    """

    data: str = "digits"
    binarised: bool = False
    train_size: int = 1000
    batch_size: int = 60
    depth: int = 3
    width: int = 100
    activation: str = "sigmoid"
    batch_norm: str = "before"
    skips: bool = False
    bias: bool = True
    learning_rate: float = 0.1
    momentum: float = 0.0
    weight_decay: float = 0.0
    weight_scale: float = 1.0
    weight_sd: float | None = None
    steps: int = 1000
    seed: int = 0
    moments: int = 60
    dtype: str = "float32"
    bn_momentum: float = 0.1
    bn_statistics: str = "batch"
    update_running: bool = True
    train_affine: bool = True
    norm: str = "batch"
    groups: int = 4

    _OPTIONAL: ClassVar[frozenset[str]] = frozenset({"weight_sd"})

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (value is None and field.name in self._OPTIONAL):
                object.__setattr__(self, field.name, _checked(field.name, field.type, value))
        checked_int("train_size", self.train_size, minimum=1, maximum=DATA_SETS[self.data].size)
        checked_int("batch_size", self.batch_size, minimum=1, maximum=self.train_size)
        if self.norm == "group" and self.width % self.groups:
            raise ValueError(f"groups must divide the width {self.width}, got {self.groups}")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of features, the width of every hidden layer, and the number of classes."""
        data = DATA_SETS[self.data]
        return (data.features, *[self.width] * self.depth, data.classes)

    @property
    def probe_batches(self) -> int:
        """How many mini-batches a snapshot looks at: as many as hold 256 samples, within reason."""
        wanted = math.ceil(_PROBE_SAMPLES / self.batch_size)
        return min(_MOST_PROBE_BATCHES, wanted, self.train_size // self.batch_size)

    @property
    def cost(self) -> float:
        """Roughly the seconds that the training takes on one core; good for comparing runs.

        A step is three products of matrices a layer, of 2·m·fan_in·fan_out operations each, and the
        calls that do not get shorter however small the matrices are. A snapshot takes a step for
        each mini-batch it looks at, and summarises every value that it has seen there.
        """
        products = sum(fan_in * fan_out for fan_in, fan_out in pairwise(self.sizes))
        calls = _CALLS_PER_LAYER * (self.depth + 1)
        step = calls * _CALL + 6 * self.batch_size * products * _FLOP
        values = self.probe_batches * self.batch_size * self.width
        snapshot = self.probe_batches * step + self.depth * (_SUMMARY + values * _VALUE)
        return self.steps * step + min(self.moments, self.steps + 1) * snapshot

    def to_dict(self) -> dict[str, str | bool | int | float | None]:
        """All settings by name, in values that JSON has."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "TrainingConfig":
        """The inverse of :meth:`to_dict`; a setting that is missing has its default value.

        Raises
        ------
        ValueError
            If there is no setting of some name, and as the class itself.
        """
        unknown = set(settings) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"settings must be fields of TrainingConfig, got {sorted(unknown)}")
        return cls(**settings)

    def key(self) -> str:
        """A name that equal settings share, today and in another process: 16 hexadecimal digits."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _checked(name: str, kind: Any, value: Any) -> str | bool | int | float:
    if kind is str:
        checked_key(name, str(value), _CHOICES[name])
        return str(value)
    if kind is bool:
        return checked_flag(name, value)
    minimum, maximum = LIMITS[name]
    if kind is int:
        return checked_int(name, value, minimum=int(minimum), maximum=int(maximum))
    return checked_scale(name, value, maximum=maximum) + 0.0  # −0 becomes 0: one key for both
