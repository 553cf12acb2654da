"""The learning map: what is trained, in which order, and what is said of the cells."""

from dataclasses import replace

import numpy as np
import pytest

from bn_core.learning_map import (
    DIVERGED,
    LearningMapConfig,
    Reach,
    Trained,
    ahead,
    collected,
    learning_map,
    medians,
    outwards,
    reach,
)
from bn_core.training import trained
from bn_core.training_config import TrainingConfig

BASE = TrainingConfig(depth=5, width=8, activation="relu", steps=30)
SMALL = LearningMapConfig(BASE, (0.1, 1.0, 30.0), (0.5, 50.0), seeds=2)
NAN = np.nan


@pytest.fixture(scope="module")
def events() -> list[Trained]:
    return [*learning_map(SMALL)]


# ---- what is trained ---------------------------------------------------------------------------


def test_every_cell_is_that_of_training_by_itself(events: list[Trained]):
    results = collected(SMALL, events)
    assert results.shape == (2, 3, 2, 2)
    diverged = 0
    for (n, row, column, seed), accuracy in np.ndenumerate(results):
        run = trained(
            replace(
                BASE,
                batch_norm=("none", "before")[n],
                learning_rate=(0.1, 1.0, 30.0)[row],
                weight_scale=(0.5, 50.0)[column],
                seed=seed,
            )
        )
        if run.finished.diverged_at is None:
            assert accuracy == run.snapshots[-1].held_out.accuracy
        else:
            diverged += 1
            assert accuracy == DIVERGED
    assert 0 < diverged < results.size


def test_numbers_count_up_and_a_cell_comes_whole(events: list[Trained]):
    assert [event.number for event in events] == list(range(1, 25))
    for start in range(0, 24, 4):
        assert len({(event.row, event.column) for event in events[start : start + 4]}) == 1
        cell = [(event.network, event.seed) for event in events[start : start + 4]]
        assert cell == [("without", 0), ("without", 1), ("with", 0), ("with", 1)]


def test_nothing_is_trained_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch):
    begun = []
    monkeypatch.setattr("bn_core.learning_map.train", lambda config: begun.append(config) or [])
    run = learning_map(SMALL)
    next(run)
    run.close()
    assert len(begun) == 1


def test_from_the_middle_outwards():
    order = outwards(5, 7)
    assert order[0] == (2, 3)
    assert sorted(order) == [(row, column) for row in range(5) for column in range(7)]
    distances = [(row - 2) ** 2 + (column - 3) ** 2 for row, column in order]
    assert distances == sorted(distances)


def test_with_and_without_differ_in_bn_only():
    one, other = (SMALL.training(network, 1, 0, 1) for network in ("with", "without"))
    assert (one.batch_norm, other.batch_norm) == ("before", "none")
    assert replace(one, batch_norm="none") == other
    assert (one.learning_rate, one.weight_scale, one.seed, one.steps) == (1.0, 0.5, 1, 30)


# ---- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rates": ()}, "learning_rates must be 1 to 9 values, got 0"),
        ({"learning_rates": tuple(range(1, 11))}, "learning_rates must be 1 to 9"),
        ({"learning_rates": (0.1, 0.1)}, "learning_rates must rise"),
        ({"learning_rates": (1.0, 0.1)}, "learning_rates must rise"),
        ({"learning_rates": (0.1, 2000.0)}, "learning_rates must be from 0 to 1000"),
        ({"learning_rates": (np.nan,)}, "learning_rates must be from"),
        ({"weight_scales": (-1.0, 1.0)}, "weight_scales must be from 0 to 100"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"seeds": 6}, "seeds must be at most 5"),
        ({"base": replace(BASE, batch_norm="none")}, "base must have batch_norm"),
        ({"base": replace(BASE, weight_sd=0.1)}, "no weight_sd"),
        ({"base": replace(BASE, steps=50_000)}, "cost must be at most 60"),
    ],
    ids=str,
)
def test_what_is_refused(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)


def test_keys_name_what_is_trained():
    changes = [
        {"learning_rates": (0.1, 1.0)},
        {"weight_scales": (0.5, 2.0)},
        {"seeds": 1},
        {"base": replace(BASE, depth=3)},
    ]
    keys = {replace(SMALL, **change).key() for change in changes}
    assert len(keys | {SMALL.key()}) == 5
    # What the map sets itself is no part of it.
    assert replace(SMALL, base=replace(BASE, learning_rate=7, seed=3, moments=9)).key() == (
        SMALL.key()
    )


def test_cost_grows_with_what_is_trained():
    assert replace(SMALL, seeds=4).cost == pytest.approx(2 * SMALL.cost)
    assert replace(SMALL, base=replace(BASE, steps=3000)).cost > 5 * SMALL.cost


# ---- what is said ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([0.5, 0.9, 0.7], 0.7),
        ([0.5, DIVERGED, 0.7], 0.5),
        ([DIVERGED, DIVERGED, 0.7], DIVERGED),
        ([0.5, 0.9, NAN], NAN),
        ([DIVERGED, DIVERGED, NAN], NAN),
        ([0.5, 0.7], 0.6),
        ([DIVERGED, 0.7], DIVERGED),
        ([DIVERGED, DIVERGED], DIVERGED),
        ([0.4], 0.4),
    ],
    ids=str,
)
def test_median_over_seeds(seeds: list[float], expected: float):
    found = medians(np.array([[seeds]]))
    assert found.shape == (1, 1)
    np.testing.assert_allclose(found[0, 0], expected)


def test_where_a_network_learns():
    middle = np.array(
        [
            [0.9, 0.8, 0.1, NAN],
            [0.1, 0.95, 0.79, 0.9],
            [DIVERGED, 0.2, 0.8, 0.9],
            [DIVERGED, 0.85, 0.1, 0.99],
        ]
    )
    # Columns 1 and 3 have three learned cells each; the last has the higher accuracies.
    assert reach(middle) == Reach(
        learned=8, diverged=2, cells=15, best_scale=3, rates=(1, 3), alone=False
    )
    # In column 1 the run of neighbours breaks off.
    assert reach(middle[:, :3]).best_scale == 1
    assert reach(middle[:, :3]).rates == (0, 1)
    assert reach(middle[:, [0, 2]]).alone
    parted = np.array([[0.9], [0.1], [0.9]])
    assert reach(parted).rates == (0, 0)
    assert not reach(parted).alone, "two rates will do, though they are no neighbours"
    nothing = reach(np.full((2, 2), 0.5))
    assert (nothing.learned, nothing.best_scale, nothing.rates) == (0, None, None)


def test_who_is_ahead():
    without = np.array([[0.90, 0.95, 0.90, DIVERGED, 0.08, DIVERGED, NAN, 0.5]])
    with_bn = np.array([[0.92, 0.90, 0.93, 0.50, 0.14, DIVERGED, 0.9, DIVERGED]])
    found = ahead(np.stack([without, with_bn]), classes=10)
    # .92 and .90 are equal; .14 of ten classes is luck; what is not there yet cannot be compared.
    assert found["with"].tolist() == [[False, False, True, True, False, False, False, False]]
    assert found["without"].tolist() == [[False, True, False, False, False, False, False, True]]
