"""Events as arrays: the same after a way through a file, and nothing but what was agreed on."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np
import pytest

from bn_ui.runs.flat import Flat


@dataclass(frozen=True, eq=False)
class Layer:
    weight: np.ndarray
    gamma: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Moment:
    step: int
    loss: float
    layers: tuple[Layer, ...]
    words: dict[str, Any]


@dataclass(frozen=True)
class Stranger:
    step: int


def moment(step: int) -> Moment:
    draws = np.random.default_rng(step)
    layers = tuple(
        Layer(
            draws.normal(size=(3, 4)).astype(np.float32),
            draws.normal(size=4) if n else None,
        )
        for n in range(3)
    )
    words = {"done": step == 2, "name": "γ", "counts": np.arange(step), "one": np.float32(0.1)}
    words |= {"zero_d": np.array(2.5), "none": None, "nan": float("nan"), "inf": -float("inf")}
    return Moment(step, 0.1 + step, layers, words)


def through_a_file(flat: Flat, events: list[Any]) -> list[Any]:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **flat.encode(events))
    file.seek(0)
    with np.load(file, allow_pickle=False) as archive:
        return flat.decode(dict(archive))


def alike(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, np.ndarray | np.generic):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    elif is_dataclass(one):
        alike(vars(one), vars(other))
    elif isinstance(one, dict):
        assert list(one) == list(other)
        alike(tuple(one.values()), tuple(other.values()))
    elif isinstance(one, tuple | list):
        assert len(one) == len(other)
        for part, its in zip(one, other, strict=True):
            alike(part, its)
    else:
        assert repr(one) == repr(other)


def test_the_same_after_a_way_through_a_file():
    events = [moment(step) for step in range(5)]
    alike(through_a_file(Flat(Layer, Moment), events), events)
    alike(through_a_file(Flat(), []), [])


def test_many_small_arrays_are_few_in_the_file():
    arrays = Flat(Layer, Moment).encode([moment(3) for _ in range(50)])
    assert len(arrays) == 1 + len({"weight", "gamma", "counts", "float32", "zero_d"})


def test_arrays_are_for_reading():
    (found,) = through_a_file(Flat(Layer, Moment), [moment(1)])
    with pytest.raises(ValueError, match="read-only"):
        found.layers[0].weight[0] = 0


@pytest.mark.parametrize("event", [Stranger(1), [1], {1, 2}, b"bytes", 1j, Moment])
def test_what_was_not_agreed_on_is_refused(event: Any):
    with pytest.raises(TypeError, match="none of"):
        Flat(Layer, Moment).encode([event])


@pytest.mark.parametrize("form", [["Stranger", 1], ["object"], ["array", 0, 0], ["Layer", 1, 2, 3]])
def test_a_file_cannot_ask_for_anything_else(form: list):
    text = np.frombuffer(json.dumps([form]).encode(), np.uint8)
    with pytest.raises((KeyError, IndexError, TypeError)):
        Flat(Layer, Moment).decode({"form": text})
