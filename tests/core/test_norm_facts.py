"""Facts about the norms: rounding where they must agree, a difference where they must not."""

import numpy as np
import pytest

from bn_core.norm_facts import SAMPLE, flattening_error, lost_radius, offsets
from bn_core.norms import layer_norm, rms_norm


@pytest.mark.parametrize("shape", [(4, 3, 5, 6), (8, 16, 4, 4), (6, 12, 1, 1)])
def test_a_block_is_a_table(shape):
    assert flattening_error(shape) < 1e-13


def test_offsets_and_factors():
    found = offsets(SAMPLE, [1.0, 2.0, 1.0], [0.0, 0.0, 3.0])
    np.testing.assert_array_equal(found.x, [SAMPLE, 2 * SAMPLE, SAMPLE + 3])
    np.testing.assert_array_equal(found.x_hat["layer"], layer_norm(found.x).x_hat)
    np.testing.assert_array_equal(found.x_hat["rms"], rms_norm(found.x).x_hat)
    assert found.change["layer"][0] == found.change["rms"][0] == 0
    assert found.change["layer"][2] < 1e-12, "blind to an offset"
    assert 1e-12 < found.change["layer"][1] < 1e-4, "blind to a factor, but for ε"
    assert found.change["rms"][1] < 1e-4
    expected = np.abs(rms_norm([SAMPLE + 3]).y - rms_norm([SAMPLE]).y).max()
    assert found.change["rms"][2] == expected > 1
    np.testing.assert_allclose(found.mean["layer"], 0, atol=1e-15)
    assert found.mean["rms"][2] > 0.9


def test_a_radius_is_lost_without_a_bias():
    for seed in range(5):
        assert lost_radius(32, seed=seed) < 1e-3
        assert lost_radius(32, 1.0, seed=seed) > 0.1
