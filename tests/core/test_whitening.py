"""Whitening: what defines it, what is nearest, what a rank allows; against NumPy and PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bn_core import forward_train
from bn_core.datasets import load_digits
from bn_core.whitening import (
    STAGES,
    condition_after_bn,
    correlated,
    directions,
    landmarks,
    mean_squared_distance,
    outline,
    pca_with_signs,
    rotation,
    spectrum,
    stages,
    succession,
    white_cloud,
    whiten,
)
from bn_core.whitening_cost import Cost, growth, measure

KINDS = ("pca", "zca")


def batch(seed, m=40, d=4):
    """Correlated features of different scales, far from zero."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, d)) @ rng.normal(size=(d, d)) * rng.uniform(0.1, 10, d) + 100


def cov(x):
    return np.atleast_2d(np.cov(np.asarray(x, float).T, ddof=0))


def orthogonal(seed, d):
    """A random rotation or reflection."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))
    return q


# ---- what defines a whitening --------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), d=st.integers(1, 8), more=st.integers(3, 40))
def test_the_covariance_of_what_comes_out_is_the_identity(seed, d, more):
    x = batch(seed, d + more, d)
    for kind in KINDS:
        found = whiten(x, kind)
        tolerance = 1e-13 * max(found.spectrum.condition, 10)
        np.testing.assert_allclose(cov(found.z), np.eye(d), atol=tolerance)
        np.testing.assert_allclose(found.z.mean(axis=0), 0, atol=tolerance)
        np.testing.assert_allclose(found.apply(x), found.z, atol=1e-9 * np.abs(found.z).max())


@pytest.mark.parametrize("seed", range(5))
def test_the_spectrum_is_numpys(seed):
    x = batch(seed)
    found = spectrum(x)
    np.testing.assert_allclose(found.mu, x.mean(axis=0))
    np.testing.assert_allclose(found.cov, cov(x))
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(found.values, singular**2 / len(x))
    assert found.condition == pytest.approx(np.linalg.cond(cov(x)))
    rebuilt = found.vectors * found.values @ found.vectors.T
    np.testing.assert_allclose(rebuilt, found.cov, atol=1e-12 * found.values[0])
    assert (np.diagonal(found.vectors) >= 0).all()
    assert (np.diff(found.values) <= 0).all()


def test_as_pytorch_has_it():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = batch(3)
    tensor = torch.tensor(x)
    values, vectors = torch.linalg.eigh(torch.cov(tensor.T, correction=0))
    root = vectors @ torch.diag(values**-0.5) @ vectors.T
    wanted = (tensor - tensor.mean(0)) @ root
    np.testing.assert_allclose(whiten(x, "zca").z, wanted.numpy(), rtol=1e-7, atol=1e-9)
    # PCA up to the signs of its columns.
    ours = np.abs(whiten(x, "pca").z)
    theirs = ((tensor - tensor.mean(0)) @ vectors.flip(1) / values.flip(0).sqrt()).abs()
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-7, atol=1e-9)


def test_zca_is_symmetric_and_turns_pca_back():
    x = batch(1)
    zca, pca = (whiten(x, kind) for kind in ("zca", "pca"))
    np.testing.assert_allclose(zca.matrix, zca.matrix.T)
    np.testing.assert_allclose(pca.spectrum.vectors @ pca.matrix, zca.matrix)
    np.testing.assert_allclose(zca.matrix @ zca.matrix, np.linalg.inv(cov(x)), rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), d=st.integers(1, 6))
def test_no_whitening_moves_the_samples_less_than_zca(seed, d):
    """Every orthogonal Q after a whitening is another one, and none is nearer to the data."""
    x = batch(seed, 30, d)
    zca = whiten(x)
    turned = zca.z @ orthogonal(seed, d).T
    np.testing.assert_allclose(cov(turned), np.eye(d), atol=1e-12 * max(10, zca.spectrum.condition))
    centred = zca.spectrum.centred
    least = mean_squared_distance(zca.z, centred)
    assert least <= mean_squared_distance(turned, centred) * (1 + 1e-12)
    assert least <= mean_squared_distance(whiten(x, "pca").z, centred) * (1 + 1e-12)


def test_another_sign_is_another_pca_whitening_and_the_same_zca():
    x = batch(2)
    found = spectrum(x)
    signs = [-1, 1, 1, -1]
    flipped = found.vectors * signs
    pca = found.centred @ (flipped / np.sqrt(found.values))
    np.testing.assert_allclose(cov(pca), np.eye(4), atol=1e-12)
    assert np.abs(pca - whiten(x, "pca").z).max() > 1
    np.testing.assert_allclose(pca_with_signs(x, signs), pca)
    np.testing.assert_allclose(pca @ flipped.T, whiten(x, "zca").z, atol=1e-10)


def test_zca_does_not_care_about_the_order_of_the_features():
    x, order = batch(4), [2, 0, 3, 1]
    np.testing.assert_allclose(whiten(x[:, order]).z, whiten(x).z[:, order], atol=1e-10)


@pytest.mark.parametrize("eps", [1e-3, 0.5, 20.0])
def test_eps_is_added_to_the_eigenvalues(eps):
    x = batch(5)
    values = spectrum(x).values
    for kind in KINDS:
        after = np.linalg.eigvalsh(cov(whiten(x, kind, eps=eps).z))[::-1]
        np.testing.assert_allclose(np.sort(after), np.sort(values / (values + eps)), rtol=1e-9)


def test_one_feature_is_standardised():
    x = batch(6, d=1)
    for kind in KINDS:
        wanted = forward_train(x, eps=0.3).x_hat
        np.testing.assert_allclose(whiten(x, kind, eps=0.3).z, wanted, atol=1e-12)


# ---- numbers of every kind -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_type", "back"), [("f8", "f8"), ("f4", "f4"), ("f2", "f4"), ("i4", "f8")]
)
def test_dtypes(given_type, back):
    """float16 is computed in float32; see `forward_train`."""
    x = np.round(np.random.default_rng(0).normal(0, 20, (50, 3))).astype(given_type)
    kept = x.copy()
    for kind in KINDS:
        z = whiten(x, kind).z
        assert z.dtype == forward_train(x).x_hat.dtype == np.dtype(back)
        np.testing.assert_allclose(cov(z), np.eye(3), atol=1e-5 if back == "f4" else 1e-12)
    np.testing.assert_array_equal(x, kept)


def test_far_from_zero_nothing_is_lost():
    x = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    there = whiten(x + np.float32(1e4), "zca").z
    np.testing.assert_allclose(cov(there), np.eye(3), atol=1e-4)


# ---- rank ----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(m=st.integers(1, 30), d=st.integers(1, 30), seed=st.integers(0, 999))
def test_the_rank_is_at_most_one_less_than_the_samples(m, d, seed):
    x = np.random.default_rng(seed).normal(50, 1, (m, d))
    found = spectrum(x)
    assert found.rank == min(m - 1, d)
    assert (found.condition == np.inf) == (m - 1 < d)


def test_sixteen_samples_of_fifty_features():
    assert spectrum(np.random.default_rng(0).normal(size=(16, 50))).rank == 15


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_direction_stays_empty(kind):
    """Without ε the covariance is a projection: ones for what the batch has, zeros for the rest."""
    x = np.random.default_rng(1).normal(size=(6, 9))
    values = np.linalg.eigvalsh(cov(whiten(x, kind).z))
    np.testing.assert_allclose(values, [0] * 4 + [1] * 5, atol=1e-12)


def test_a_constant_feature():
    x = batch(7)
    x[:, 2] = 0.1
    found = whiten(x)
    assert found.spectrum.rank == 3
    np.testing.assert_allclose(found.z[:, 2], 0, atol=1e-12)
    assert np.isfinite(whiten(x, eps=1e-5).z).all()
    constant = whiten(np.full((5, 3), 0.1))
    assert constant.spectrum.rank == 0
    assert (constant.z == 0).all()
    assert constant.spectrum.condition == np.inf


def test_what_eps_does_to_a_sample_that_was_not_in_the_batch():
    """Of unit length in an empty direction: 1/√ε."""
    whitened = whiten([[-1.0, 0.0], [1.0, 0.0]], eps=1e-4)
    np.testing.assert_allclose(whitened.apply([[0.0, 1.0]]), [[0, 100]])
    np.testing.assert_allclose(whiten([[-1.0, 0.0], [1.0, 0.0]]).apply([[0.0, 1.0]]), [[0, 0]])


@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_fresh_samples_are_whitened_with_the_batchs_matrix(eps):
    rows = np.random.default_rng(2).normal(size=(200, 12))
    found = directions(rows[:8], rows[8:])
    z = whiten(rows[:8], "pca", eps=eps)
    np.testing.assert_allclose(found.own_variance(eps), (z.z**2).mean(axis=0), atol=1e-12)
    fresh = (z.apply(rows[8:]) ** 2).mean(axis=0)
    np.testing.assert_allclose(found.fresh_variance(eps), fresh, rtol=1e-9)
    sigma = cov(rows[:8]) + eps * np.eye(12)
    assert found.condition(eps) == pytest.approx(np.linalg.cond(sigma), rel=1e-6)
    assert found.condition(0.0) == np.inf


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.zeros(3), {}, r"shape \(m, d\); got shape \(3,\)"),
        (np.zeros((2, 3, 4)), {}, "got shape"),
        (np.zeros((0, 3)), {}, "at least one value"),
        ([[1.0, np.nan], [2.0, 3.0]], {}, "finite"),
        ([[1.0, np.inf], [2.0, 3.0]], {}, "finite"),
        ([[1e200, 0.0], [-1e200, 3.0]], {}, "finite squares"),
        (np.eye(2), {"kind": "bn"}, "kind must be one of pca, zca; got 'bn'"),
        (np.eye(2), {"eps": -1.0}, "eps must be"),
        (np.eye(2), {"eps": np.nan}, "eps must be"),
    ],
)
def test_what_is_refused(x, options, message):
    with pytest.raises(ValueError, match=message):
        whiten(x, **options)


def test_words_are_refused():
    with pytest.raises(TypeError, match="real numbers"):
        whiten([["a", "b"], ["c", "d"]])


# ---- what the pages show -------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [-0.98, -0.3, 0.0, 0.9])
@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_the_correlation_is_exactly_as_asked(rho, ratio):
    x = correlated(white_cloud(30, 1), rho, ratio)
    np.testing.assert_allclose(cov(x), [[ratio, rho], [rho, 1 / ratio]], atol=1e-12)


def test_nineteen_after_bn_and_one_after_whitening():
    found = stages(correlated(white_cloud(30, 0), 0.9, 3.0), eps=0.0)
    condition = {name: found[name].spectrum.condition for name in STAGES}
    assert condition["x_hat"] == pytest.approx(19, rel=1e-12)
    assert condition["pca"] == pytest.approx(1, rel=1e-12)
    assert condition["zca"] == pytest.approx(1, rel=1e-12)
    assert found["x_hat"].correlation == pytest.approx(0.9)


@pytest.mark.parametrize("rho", [-0.7, 0.2, 0.95])
def test_what_bn_leaves_of_the_condition(rho):
    found = stages(correlated(white_cloud(30, 0), rho, 0.3), eps=0.0)
    assert condition_after_bn(rho) == pytest.approx(found["x_hat"].spectrum.condition)


def test_what_bn_leaves_by_hand():
    assert condition_after_bn(-0.5) == 3
    assert condition_after_bn(1.0) == np.inf


def test_bn_keeps_every_correlation():
    x = batch(8, d=6)
    after = forward_train(x, gamma=[1, 2, 3, 4, 5, 6]).y
    np.testing.assert_allclose(np.corrcoef(after.T), np.corrcoef(x.T), atol=1e-12)


def test_a_constant_feature_has_no_correlation():
    found = stages([[1.0, 2.0], [1.0, 3.0], [1.0, 5.0]])
    assert np.isnan(found["x"].correlation)


def test_rotation_is_anticlockwise():
    np.testing.assert_allclose(rotation(90) @ [1, 0], [0, 1], atol=1e-15)
    np.testing.assert_allclose(rotation(33) @ rotation(33).T, np.eye(2), atol=1e-15)


@pytest.mark.parametrize("sigma", [[[2, 0.9], [0.9, 0.5]], [[1, 0], [0, 1]], [[4, -1], [-1, 3]]])
def test_the_outline_is_at_its_distance(sigma):
    v = outline(sigma, radius=2.0)
    np.testing.assert_allclose(np.einsum("ni,ij,nj->n", v, np.linalg.inv(sigma), v), 4)
    np.testing.assert_allclose(v[0], v[-1], atol=1e-12)


def test_the_outline_of_a_flat_cloud_is_a_line():
    v = outline([[1, 2], [2, 4]])
    np.testing.assert_allclose(v[:, 1], 2 * v[:, 0], atol=1e-7)


def test_landmarks_are_three_samples():
    assert landmarks([[0, 5], [-4, -3], [4, -3], [0, 0]]) == [0, 1, 2]


def test_the_same_sample_in_batch_after_batch():
    digits = load_digits().images[:200, 20:24].astype(float)
    found = succession(digits, 7, m=16, batches=6, seed=1)
    again = succession(digits, 7, m=16, batches=6, seed=1)
    rng = np.random.default_rng(1)
    mates = rng.choice(np.delete(np.arange(200), 7), 15, replace=False)
    x = digits[[7, *mates]]
    for kind in KINDS:
        np.testing.assert_array_equal(found.outputs[kind], again.outputs[kind])
        np.testing.assert_allclose(found.outputs[kind][0], whiten(x, kind, eps=1e-5).z[0])
    np.testing.assert_allclose(found.outputs["x_hat"][0], forward_train(x).x_hat[0])
    moved = np.linalg.norm(np.diff(found.outputs["zca"], axis=0), axis=1)
    assert found.step("zca") == pytest.approx(np.sqrt((moved**2).mean()))
    assert 0 <= found.flips <= 5


# ---- what it costs -------------------------------------------------------------------------------


def test_times_are_medians():
    """A clock that says how long each run is to have taken."""
    took = iter([1, 10, 3, 50, 2, 20] * 2)
    now = [0.0, True]

    def clock():
        now[1] = not now[1]
        if now[1]:
            now[0] += next(took)
        return now[0]

    costs = measure([2, 4], m=8, repeats=3, clock=clock)
    assert costs == (Cost(2, 2.0, 20.0), Cost(4, 2.0, 20.0))
    assert costs[0].ratio == 10
    assert growth(Cost(2, 1.0, 2.0), Cost(4, 3.0, 16.0)) == (3, 8)


def test_a_real_clock():
    (cost,) = measure([3], m=8, repeats=1)
    assert cost.standardise > 0
    assert cost.whiten > 0
