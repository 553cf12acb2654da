"""Training by the plain mathematics of ``bn_core.network``: what the engine is held to."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice

from bn_core import RunningStats, forward_train
from bn_core.network import Layer, Network, backward, forward
from bn_core.training import initial
from bn_core.training_config import TrainingConfig
from bn_core.training_data import mini_batches, training_data
from bn_core.upstream import softmax_cross_entropy

PARAMETERS = [field.name for field in fields(Layer)]
AFFINE = ("gamma", "beta")


@dataclass
class Step:
    """The loss that a mini-batch had, and what was made of the network then."""

    loss: float
    network: Network
    running: list[RunningStats | None]


def plain_training(config: TrainingConfig) -> Iterator[Step]:
    data = training_data(config.data, config.binarised).first(config.train_size)
    network = initial(config)
    velocity = [dict.fromkeys(PARAMETERS, 0.0) for _ in network.layers]
    running = [
        RunningStats.initial(layer.gamma.size) if network.has_statistics(layer) else None
        for layer in network.layers
    ]
    batches = mini_batches(config.train_size, config.batch_size, config.seed)
    for rows in islice(batches, config.steps):
        given = running if config.bn_statistics == "running" else None
        records = forward(network, data.x[rows], given)
        loss, d_logits = softmax_cross_entropy(records[-1].output, data.labels[rows])
        gradients = backward(network, records, d_logits)
        layers = zip(network.layers, gradients.layers, velocity, strict=True)
        network = replace(network, layers=tuple(learned(config, *layer) for layer in layers))
        if config.update_running:
            running = [
                stats and stats.updated(forward_train(record.batch_norm.x), config.bn_momentum)
                for stats, record in zip(running, records, strict=True)
            ]
        yield Step(loss, network, running)


def learned(config: TrainingConfig, layer: Layer, gradients: Layer, velocity: dict) -> Layer:
    """v ← ρv + g, w ← w − ηv; weights, and they only, have λw added to g."""
    new = {}
    for name in PARAMETERS:
        w, g = getattr(layer, name), getattr(gradients, name)
        if w is None or (name in AFFINE and not config.train_affine):
            continue
        decayed = g + config.weight_decay * w if name == "weight" else g
        velocity[name] = config.momentum * velocity[name] + decayed
        new[name] = w - config.learning_rate * velocity[name]
    return replace(layer, **new)
