"""Training runs on disk: what comes back is what was computed, to the last bit."""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bn_core.training import Finished, Progress, train
from bn_core.training_config import NO_BN, TrainingConfig
from bn_ui.runs.store import Store, Stored
from bn_ui.training_runs import SOURCES, WORK, decode, encode, job, progress

BASE = TrainingConfig(depth=3, width=8, steps=30, moments=6, batch_size=20, train_size=200)
RUNS = {
    "with": BASE,
    "without": replace(BASE, batch_norm=NO_BN),
    "after, with skips": replace(BASE, batch_norm="after", skips=True),
    "no bias": replace(BASE, bias=False),
    "no steps": replace(BASE, steps=0),
    "diverges": replace(
        BASE, depth=5, width=32, activation="relu", weight_scale=4.0, batch_norm=NO_BN
    ),
    "in double": replace(BASE, dtype="float64"),
}


def same(a: Any, b: Any) -> bool:
    """Equal types and equal values, all the way down."""
    if type(a) is not type(b):
        return False
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    return a == b or (a != a and b != b)


@pytest.mark.parametrize("name", RUNS)
class TestRoundTrip:
    def test_of_arrays(self, name: str):
        events = [*train(RUNS[name], progress_seconds=0)]
        kept = [event for event in events if not isinstance(event, Progress)]
        arrays = encode(events)
        assert not any(array.dtype == object for array in arrays.values())
        found = decode(arrays)
        assert len(found) == len(kept)
        assert all(same(a, b) for a, b in zip(found, kept, strict=True))

    def test_of_a_file(self, name: str, tmp_path: Path):
        asked = job(RUNS[name])
        events = [*train(RUNS[name])]
        store = Store(tmp_path)
        store.save(asked, Stored(events, 1.5, 1000))
        assert not store.problem
        found = Store(tmp_path).load(asked)
        assert found.seconds == 1.5
        kept = [event for event in events if not isinstance(event, Progress)]
        assert all(same(a, b) for a, b in zip(found.events, kept, strict=True))

    def test_what_comes_back_cannot_be_written_to(self, name: str):
        (last,) = [e for e in decode(encode([*train(RUNS[name])])) if isinstance(e, Finished)]
        with pytest.raises(ValueError, match="read-only"):
            last.network.layers[0].weight[0, 0] = 1


def test_divergence_is_remembered():
    found = decode(encode([*train(RUNS["diverges"])]))
    assert found[-1].diverged_at is not None
    assert found[-1].diverged_at > found[-2].step


def test_a_run_that_was_stopped_at_its_first_snapshot():
    first = next(train(BASE))
    assert same(decode(encode([first]))[0], first)
    assert decode(encode([])) == []


def test_jobs_are_told_apart_by_every_setting():
    identities = {job(config).identity for config in RUNS.values()}
    assert len(identities) == len(RUNS)
    assert job(replace(BASE)).identity == job(BASE).identity
    assert job(replace(BASE, steps=0)).cost > 0


def test_progress_goes_from_nothing_to_all():
    shares = [progress(event, BASE) for event in train(BASE, progress_seconds=0)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert progress(Progress(0, 1.0), RUNS["no steps"]) == 0


def test_results_depend_on_files_that_are_there():
    assert all(path.is_file() for path in SOURCES)
    assert WORK.path == "bn_core.training:train"
