"""Layer, instance, group and RMS normalization: by definition, by differences, by PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core import backward_train, check_gradient, forward_train
from bn_core.norms import (
    SHARES,
    backward_norm,
    group_norm,
    instance_norm,
    layer_norm,
    rms_norm,
    shared_cells,
    sharing,
)

SHAPES = [(3, 6), (2, 4, 5), (3, 6, 2, 4)]
NORMS = {
    "layer": layer_norm,
    "instance": instance_norm,
    "group": lambda x, *args, **how: group_norm(x, 2, *args, **how),
    "rms": rms_norm,
}
each = pytest.mark.parametrize("norm", NORMS)
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def problem(shape, seed=0):
    rng = np.random.default_rng(seed)
    x, dy = rng.normal(3.0, 2.0, shape), rng.normal(size=shape)
    return x, dy, *rng.normal(size=(2, shape[1]))


@each
@shapes
def test_gradients_are_central_differences(norm, shape):
    x, dy, gamma, beta = problem(shape)
    grads = backward_norm(dy, NORMS[norm](x, gamma, beta))

    def loss(x=x, gamma=gamma, beta=beta):
        return float((dy * NORMS[norm](x, gamma, beta).y).sum())

    for at, analytic, f in (
        (x, grads.dx, lambda v: loss(x=v)),
        (gamma, grads.dgamma, lambda v: loss(gamma=v)),
        (beta, grads.dbeta, lambda v: loss(beta=v)),
    ):
        assert check_gradient(f, at, analytic).relative_error < 1e-7


@pytest.mark.parametrize("norm", SHARES)
@shapes
def test_every_set_of_cells_has_mean_0_and_variance_1(norm, shape):
    if norm == "instance" and len(shape) == 2:
        pytest.skip("every cell is alone")
    x, *_ = problem(shape)
    x_hat = forward_train(x, eps=0).x_hat if norm == "batch" else NORMS[norm](x, eps=0).x_hat
    seen = np.zeros(shape, int)
    for cell in np.ndindex(*shape):
        together = shared_cells(norm, shape, cell, 2)
        assert together[cell]
        assert abs(x_hat[together].mean()) < 1e-12
        assert abs(x_hat[together].var() - 1) < 1e-12
        seen += together
    assert (seen == together.sum()).all(), "sets of equal size, each cell in one of them"


@given(st.floats(-50, 50), st.floats(0.1, 10))
def test_what_each_is_blind_to(shift, scale):
    x, *_ = problem((4, 6))
    np.testing.assert_allclose(
        layer_norm(x * scale + shift, eps=0).y, layer_norm(x, eps=0).y, atol=1e-9
    )
    np.testing.assert_allclose(rms_norm(x * scale, eps=0).y, rms_norm(x, eps=0).y, atol=1e-9)
    moved = rms_norm(x + 1, eps=0).y
    assert np.abs(moved - rms_norm(x, eps=0).y).max() > 1e-3, "RMSNorm sees a shift"


@each
@shapes
def test_no_sample_depends_on_another(norm, shape):
    x, _, gamma, beta = problem(shape)
    moved = x.copy()
    moved[-1] += np.random.default_rng(1).normal(size=shape[1:])
    before, after = (NORMS[norm](a, gamma, beta).y for a in (x, moved))
    np.testing.assert_array_equal(before[:-1], after[:-1])
    assert (forward_train(x).y[0] != forward_train(moved).y[0]).any(), "as it does in BN"


def test_a_batch_turned_over_is_the_batch_norm_of_its_transpose():
    x, dy, *_ = problem((5, 7))
    ours, bn = layer_norm(x), forward_train(x.T)
    np.testing.assert_allclose(ours.y, bn.y.T, rtol=1e-13)
    np.testing.assert_allclose(backward_norm(dy, ours).dx, backward_train(dy.T, bn).dx.T, rtol=1e-9)


def test_the_ends_of_group_norm():
    x, *_ = problem((2, 4, 5))
    np.testing.assert_array_equal(group_norm(x, 1).y, layer_norm(x).y)
    np.testing.assert_array_equal(group_norm(x, 4).y, instance_norm(x).y)
    assert (instance_norm(x[:, :, 0], beta=[1, 2, 3, 4]).y == [1, 2, 3, 4]).all()


@each
@shapes
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_torch(norm, shape, dtype):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    if norm == "instance" and len(shape) == 2:
        pytest.skip("PyTorch refuses it")
    x, dy, gamma, beta = (a.astype(dtype) for a in problem(shape))
    fwd = NORMS[norm](x, gamma, beta)
    grads = backward_norm(dy, fwd)
    tx, tgamma, tbeta = (torch.tensor(a, requires_grad=True) for a in (x, gamma, beta))
    along = tgamma.reshape(-1, *[1] * (x.ndim - 2)), tbeta.reshape(-1, *[1] * (x.ndim - 2))
    if norm == "rms":
        y = functional.rms_norm(tx, shape[1:], eps=1e-5) * along[0] + along[1]
    else:
        groups = {"layer": 1, "instance": shape[1], "group": 2}[norm]
        y = functional.group_norm(tx, groups, tgamma, tbeta, eps=1e-5)
    y.backward(torch.tensor(dy))
    found = (fwd.y, grads.dx, grads.dgamma, grads.dbeta)
    wanted = (y.detach(), tx.grad, tgamma.grad, tbeta.grad)
    limit = 1e-12 if dtype == "float64" else 3e-5
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=limit, atol=limit)


class TestSharing:
    def test_the_block_of_the_notes(self):
        found = {norm: sharing(norm, (8, 16, 4, 4), 4) for norm in SHARES}
        assert [each.values for each in found.values()] == [128, 256, 16, 64]
        assert [each.means for each in found.values()] == [16, 8, 128, 32]
        assert [each.whole for each in found.values()] == [(0, 2, 3), (1, 2, 3), (2, 3), (2, 3)]
        assert [each.part for each in found.values()] == [(), (), (), (1,)]

    def test_means_of_positions_too(self):
        """(4, 3, 5, 6): 3 means of 120 values, not 90 of 4."""
        assert (sharing("batch", (4, 3, 5, 6)).means, sharing("batch", (4, 3, 5, 6)).values) == (
            3,
            120,
        )

    @pytest.mark.parametrize("norm", ["layer", "instance", "group"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_means_are_as_many_as_the_norm_computes(self, norm, shape):
        assert NORMS[norm](np.random.default_rng(0).normal(size=shape)).mu.size == (
            sharing(norm, shape, 2).means
        )

    def test_ends_of_group_norm(self):
        for groups, other in ((1, "layer"), (6, "instance")):
            assert sharing("group", (3, 6, 2), groups) == sharing(other, (3, 6, 2))


class TestBadInput:
    @each
    @pytest.mark.parametrize("x", [[1.0, 2.0], np.zeros((0, 3)), 3.0])
    def test_shapes(self, norm, x):
        with pytest.raises(ValueError, match="x must have shape"):
            NORMS[norm](x)

    @each
    def test_scale_and_shift(self, norm):
        with pytest.raises(ValueError, match=r"gamma must have shape \(4,\)"):
            NORMS[norm](np.ones((2, 4)), gamma=[1.0])
        with pytest.raises(TypeError, match="beta must hold real numbers"):
            NORMS[norm](np.ones((2, 2)), beta=["a", "b"])

    @pytest.mark.parametrize("groups", [0, 3, 8])
    def test_groups(self, groups):
        with pytest.raises(ValueError, match="groups must"):
            group_norm(np.ones((2, 4)), groups)
        with pytest.raises(ValueError, match="groups must"):
            shared_cells("group", (2, 4), (0, 0), groups)

    def test_cells(self):
        with pytest.raises(ValueError, match="cell must"):
            shared_cells("batch", (2, 4), (2, 0))
        with pytest.raises(ValueError, match="norm must be one of"):
            shared_cells("rms", (2, 4), (0, 0))

    def test_upstream(self):
        with pytest.raises(ValueError, match="dy must have the shape"):
            backward_norm(np.ones((2, 3)), layer_norm(np.ones((2, 4))))
        with pytest.raises(TypeError, match="dy must hold"):
            backward_norm([["a", "b"]], layer_norm([[1.0, 2.0]]))

    def test_nothing_to_divide_by(self):
        with pytest.raises(ValueError, match="eps must make"):
            rms_norm([[0.0, 0.0]], eps=0)
        with pytest.raises(ValueError, match="eps must make"):
            layer_norm([[2.0, 2.0]], eps=0)
