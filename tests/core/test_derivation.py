"""The list of steps: the fast path's numbers, in an order that holds, written as it is computed.

The outside referees are central differences and PyTorch.
"""

import ast
import itertools
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bn_core import backward_train, check_gradient, forward_train
from bn_core.derivation import (
    BACKWARD,
    FORWARD,
    MISPRINT,
    QUANTITIES,
    derive,
    dx_compact,
    dx_detached,
    edges,
    magnitudes,
    operations,
    part_of,
)

INPUTS = ("x", "gamma", "beta", "eps")
GIVEN = {*INPUTS, "m", "dy"}
FORMULAS = FORWARD + BACKWARD
OPERATIONS = [operation for _, operation in operations(FORMULAS)]
DERIVED = [*(formula.whole for formula in FORMULAS), *OPERATIONS, dx_compact]
# `both` is ∂x itself, which is in the list already.
STEPS = [*DERIVED, dx_detached, *(step for name, step in MISPRINT.items() if name != "both")]

seeds = st.integers(0, 2**32 - 1)


def by_name(steps):
    return pytest.mark.parametrize("step", steps, ids=lambda step: step.compute.__name__)


def problem(m, d, seed, offset=3.0, scale=1.0):
    """A batch whose features have exactly this spread, so that none is nearly constant."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(m, d))
    z = (z - z.mean(axis=0)) / z.std(axis=0) if m > 1 else np.zeros((1, d))
    return SimpleNamespace(
        x=scale * (z + offset),
        gamma=rng.uniform(0.5, 2.0, d) * rng.choice([-1, 1], d),
        beta=rng.normal(size=d),
        dy=rng.normal(size=(m, d)),
    )


def derived(m=5, d=3, seed=0, eps=0.1, **kwargs):
    p = problem(m, d, seed, **kwargs)
    return derive(p.x, p.gamma, p.beta, eps=eps, dy=p.dy)


def without_len(tree):
    """Names that an expression reads, but for those of which it takes the length only."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    counted = {call.args[0] for call in calls if getattr(call.func, "id", None) == "len"}
    names = {node for node in ast.walk(tree) if isinstance(node, ast.Name)} - counted
    return {node.id for node in names} - {"np", "len"}


def names_in(tex):
    return set(re.findall(r"\[(\w+)\]", tex))


# ---- Values --------------------------------------------------------------------------------------


def expected(fwd, grads):
    """What the fast path says of every quantity, and the size of the terms it is the sum of."""
    x, r, c, m = fwd.x, fwd.inv_std, fwd.centred, len(fwd.x)
    dx_hat, parts = grads.dx_hat, grads.dx_hat * c
    via_x_hat, via_var, via_mu = dx_hat * r, grads.dvar * 2 * c / m, grads.dmu / m
    single = {
        "centred": c,
        "squared": c**2,
        "var": fwd.var,
        "var_eps": fwd.var + fwd.eps,
        "std": 1 / r,
        "inv_std": r,
        "x_hat": fwd.x_hat,
        "scaled": fwd.gamma * fwd.x_hat,
        "dx_hat": dx_hat,
        "dinv_std_parts": parts,
        "dcentred": via_x_hat,
        "dx_via_x_hat": via_x_hat,
        "dgamma_parts": grads.dy * fwd.x_hat,
    }
    dinv_std, dvar = np.abs(parts).sum(axis=0), np.abs(parts).sum(axis=0) * r**3
    dmu = np.abs(dx_hat).sum(axis=0) * r + dvar * np.abs(c).max(axis=0)
    sums = {
        "mu": (fwd.mu, np.abs(x)),
        "y": (fwd.y, np.abs(fwd.gamma * fwd.x_hat) + np.abs(fwd.beta)),
        "dinv_std": (-2 * grads.dvar / r**3, dinv_std),
        "dstd": (2 * grads.dvar / r, dinv_std * r**2),
        "dvar_eps": (grads.dvar, dvar),
        "dvar": (grads.dvar, dvar),
        "dmu_via_x_hat": (grads.dmu, dmu),
        "dmu_via_var": (np.zeros_like(fwd.mu), dmu),
        "dmu": (grads.dmu, dmu),
        "dx_via_var": (via_var, dvar * np.abs(c).max(axis=0)),
        "dx_via_mu": (via_mu, dmu / m),
        "dx": (grads.dx, np.abs(via_x_hat) + dvar * np.abs(c).max(axis=0) + dmu / m),
        "dgamma": (grads.dgamma, np.abs(grads.dy * fwd.x_hat).sum(axis=0)),
        "dbeta": (grads.dbeta, np.abs(grads.dy).sum(axis=0)),
    }
    sizes = {name: (value, np.abs(value)) for name, value in single.items()} | sums
    return {name: (v, np.atleast_2d(size).max(axis=0)) for name, (v, size) in sizes.items()}


@given(
    st.integers(1, 8),
    st.integers(1, 4),
    seeds,
    st.floats(-30, 30),
    st.sampled_from([1e-3, 1.0, 1e3]),
    st.sampled_from([0.0, 1e-5, 1e-3, 1.0]),
)
def test_every_step_is_the_fast_path(m, d, seed, offset, scale, eps):
    p = problem(m, d, seed, offset, scale)
    eps = eps if m > 1 else max(eps, 1e-5)
    fwd = forward_train(p.x, p.gamma, p.beta, eps=eps)
    truth = expected(fwd, backward_train(p.dy, fwd))
    values = derive(p.x, p.gamma, p.beta, eps=eps, dy=p.dy)
    assert truth.keys() == values.keys() - GIVEN
    results = [(name, values[name]) for name in truth]
    results += [(step.name, step(values)) for step in DERIVED]
    for name, result in results:
        value, size = truth[name]
        assert np.all(np.abs(result - value) <= 1e-12 * size), name


@given(st.integers(1, 8), st.integers(1, 4), seeds)
def test_shapes_are_those_of_the_quantities(m, d, seed):
    values = derived(m, d, seed)
    shapes = {"batch": (m, d), "feature": (d,), "scalar": ()}
    assert {name: value.shape for name, value in values.items()} == {
        name: shapes[quantity.shape] for name, quantity in QUANTITIES.items()
    }
    for step in STEPS:
        assert step(values).shape == shapes[QUANTITIES[step.name].shape], step.compute.__name__


def after(values, **held):
    """y, with some quantities held at a value and all that comes after them computed afresh."""
    v = {**values, **held}
    for _, operation in operations(FORWARD):
        if operation.name not in held:
            v[operation.name] = operation(v)
    return v["y"]


def gradient_error(values, name, analytic, held=()):
    fixed = {other: values[other] for other in held}
    return check_gradient(
        lambda a: np.sum(values["dy"] * after(values, **fixed | {name: a})), values[name], analytic
    ).relative_error


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "node", ["inv_std", "std", "var_eps", "x_hat", "var", "mu", "x", "gamma", "beta"]
)
def test_gradients_are_those_of_the_forward_operations(node, seed):
    values = derived(seed=seed)
    assert gradient_error(values, node, values[f"d{node}"]) < 1e-8


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_gradients_are_what_is_left_when_the_other_paths_are_cut(seed):
    v = derived(seed=seed)
    assert gradient_error(v, "centred", v["dcentred"], held=["squared"]) < 1e-8
    assert gradient_error(v, "mu", v["dmu_via_x_hat"], held=["var"]) < 1e-8
    assert gradient_error(v, "x", v["dx_via_x_hat"], held=["mu", "var"]) < 1e-8
    without_mu = v["dx_via_x_hat"] + v["dx_via_var"]
    assert gradient_error(v, "x", without_mu, held=["mu"]) < 1e-8
    # That leaves the third path; and all three differ.
    assert gradient_error(v, "x", without_mu) > 1e-3
    assert gradient_error(v, "x", v["dx_via_x_hat"], held=["mu"]) > 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_against_torch(seed):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    p = problem(6, 3, seed)
    ours = derive(p.x, p.gamma, p.beta, eps=1e-3, dy=p.dy)
    x, gamma, beta = (torch.tensor(a, requires_grad=True) for a in (p.x, p.gamma, p.beta))
    y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3)
    y.backward(torch.tensor(p.dy))
    theirs = {"y": y.detach(), "dx": x.grad, "dgamma": gamma.grad, "dbeta": beta.grad}
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value.numpy(), rtol=1e-12, atol=1e-12)


# ---- The misprint --------------------------------------------------------------------------------


@given(st.integers(2, 8), st.integers(1, 4), seeds)
def test_only_both_repairs_together_pass_the_gradient_check(m, d, seed):
    values = derived(m, d, seed, eps=1e-5)
    errors = {name: gradient_error(values, "x", dx(values)) for name, dx in MISPRINT.items()}
    assert errors.pop("both") < 1e-9
    assert errors.keys() == {"printed", "without_sum", "right_sign"}
    assert min(errors.values()) > 1e-2


def test_one_sample_does_not_tell_a_sum_from_its_term():
    """Why the check above starts at two."""
    values = derived(m=1)
    np.testing.assert_array_equal(MISPRINT["right_sign"](values), values["dx"])
    assert gradient_error(values, "x", MISPRINT["printed"](values)) > 1e-2


# ---- The list ------------------------------------------------------------------------------------


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.name)
def test_a_formula_opens_into_operations_that_end_in_it(formula):
    assert formula.operations[-1].name == formula.name
    names = [operation.name for operation in formula.operations]
    assert len(set(names)) == len(names)


def test_nothing_is_taken_before_it_is_there():
    known = {*INPUTS, "m"}
    for formulas in (FORWARD, BACKWARD):
        for formula in formulas:
            assert known.issuperset(formula.whole.inputs)
            for operation in formula.operations:
                assert known.issuperset(operation.inputs), operation.compute.__name__
                assert operation.name not in known
                known.add(operation.name)
        known.add("dy")
    assert known == QUANTITIES.keys()


def test_part_of_names_the_formula_around_each_operation():
    assert part_of(FORMULAS).keys() == QUANTITIES.keys() - GIVEN
    for formula in FORMULAS:
        assert [part_of(FORMULAS)[step.name] for step in formula.operations] == (
            [formula.name] * len(formula.operations)
        )


@by_name(STEPS)
def test_the_formula_shows_what_the_line_takes(step):
    source = step.code.partition(" = ")[2]
    shown = names_in(step.tex)
    assert shown <= QUANTITIES.keys()
    assert shown <= {*step.inputs, "m"}
    only_counted = set(step.inputs) - shown
    assert not only_counted & without_len(ast.parse(source))
    assert all(f"len({name})" in source for name in only_counted)


@by_name(STEPS)
def test_the_formula_has_a_sum_and_an_m_where_the_line_has(step):
    code = step.code
    assert ("∑{" in step.tex) == (".sum(" in code or ".mean(" in code)
    counted = "len(" in code or ".mean(" in code or "m" in step.inputs
    assert ("m" in names_in(step.tex)) == counted


@by_name(STEPS)
def test_the_code_shown_is_the_code_run(step):
    name, _, source = step.code.partition(" = ")
    assert name == step.name
    assert "\n" not in source
    values = derived()
    result = eval(source, {"np": np}, values)
    np.testing.assert_array_equal(result, step(values))


def test_only_what_has_to_be_given_is_not_computed():
    assert QUANTITIES.keys() == GIVEN | {operation.name for operation in OPERATIONS}
    assert {step.name for step in STEPS} <= QUANTITIES.keys()


def test_quantities_that_differ_are_written_differently():
    assert len({quantity.tex for quantity in QUANTITIES.values()}) == len(QUANTITIES)


# ---- The graph -----------------------------------------------------------------------------------


def test_every_arrow_points_forward_and_every_node_leads_to_y():
    order = [*INPUTS, *(operation.name for _, operation in operations(FORWARD))]
    assert len(set(edges())) == len(edges())
    for start, end in edges():
        assert order.index(start) < order.index(end), (start, end)
    leads_to_y = {"y"}
    for start, end in reversed(edges()):
        if end in leads_to_y:
            leads_to_y.add(start)
    assert leads_to_y == set(order)


@by_name([*(formula.whole for formula in BACKWARD), *(s for _, s in operations(BACKWARD))])
def test_a_gradient_flows_against_the_arrows(step):
    assert step.paths
    for path in step.paths:
        for later, earlier in itertools.pairwise(path):
            assert (earlier, later) in edges()
        assert path[-1] == re.sub("^d|_via_.*|_parts$", "", step.name)
        if step.name == f"d{path[-1]}":
            assert QUANTITIES[step.name].shape == QUANTITIES[path[-1]].shape


def test_the_gradient_of_x_has_as_many_paths_as_parts():
    """... and they are all that lead from where a gradient has arrived to x."""
    *parts, whole = next(formula for formula in BACKWARD if formula.name == "dx").operations
    assert whole.paths == tuple(path for part in parts for path in part.paths)
    arrows = {end for path in whole.paths for end in itertools.pairwise(path[-2:])}
    assert arrows == {(end, start) for start, end in edges() if start == "x"}


# ---- derive --------------------------------------------------------------------------------------


def test_no_upstream_gradient_no_gradients():
    p = problem(4, 2, seed=0)
    values = derive(p.x)
    assert values.keys() == {*INPUTS, "m"} | {step.name for _, step in operations(FORWARD)}
    np.testing.assert_array_equal(values["gamma"], [1, 1])
    np.testing.assert_array_equal(values["beta"], [0, 0])
    assert (values["m"], values["eps"]) == (4, 1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.int64])
def test_everything_is_computed_in_float64(dtype):
    p = problem(4, 2, seed=0)
    x = (4 * p.x).astype(dtype)
    values = derive(x, p.gamma, p.beta, dy=p.dy.astype(np.float32))
    assert {value.dtype for value in values.values()} == {np.dtype(np.float64)}
    np.testing.assert_array_equal(values["mu"], x.astype(np.float64).mean(axis=0))


def test_nothing_that_came_in_is_modified():
    p = problem(4, 2, seed=0)
    for a in vars(p).values():
        a.setflags(write=False)
    derive(p.x, p.gamma, p.beta, dy=p.dy)


def test_error_more_axes():
    message = r"^x must have shape \(m, d\) to be stepped through; got \(4, 2, 3\)$"
    with pytest.raises(ValueError, match=message):
        derive(np.ones((4, 2, 3)))


@pytest.mark.parametrize("x", [np.ones(3), np.ones((0, 2)), np.ones((2, 0))])
def test_error_no_batch(x):
    with pytest.raises(ValueError, match=r"^x must "):
        derive(x)


@pytest.mark.parametrize("dy", [np.ones((2, 4)), np.ones(2), 1.0])
def test_error_shape_of_the_upstream_gradient(dy):
    with pytest.raises(ValueError, match=r"^dy must have the shape of x, \(4, 2\); got shape"):
        derive(problem(4, 2, seed=0).x, dy=dy)


def test_error_constant_feature_without_epsilon():
    with pytest.raises(ValueError, match=r"^eps must make var \+ eps positive"):
        derive(np.ones((4, 2)), eps=0)


# ---- magnitudes ----------------------------------------------------------------------------------


@given(
    st.integers(1, 8),
    st.integers(1, 4),
    seeds,
    st.floats(-1e3, 1e3),
    st.sampled_from([1e-5, 1e-2, 1.0]),
)
def test_a_step_rounds_by_no_more_than_its_magnitude_allows(m, d, seed, offset, eps):
    p = problem(m, d, seed, offset)
    values = derive(p.x, p.gamma, p.beta, eps=eps, dy=p.dy)
    size = magnitudes(values)
    assert size.keys() == values.keys()
    for name, value in values.items():
        assert np.shape(size[name]) == np.shape(value), name
        assert np.all(size[name] >= np.abs(value) * (1 - 1e-12)), name
    wide = {name: value.astype(np.longdouble) for name, value in values.items()}
    for step in [*(formula.whole for formula in FORMULAS), *OPERATIONS]:
        error = np.abs(step(values) - step(wide))
        assert np.all(error <= 4e-15 * size[step.name]), step.compute.__name__


@given(st.integers(2, 8), st.integers(1, 4), seeds, st.floats(-1e3, 1e3))
def test_what_is_zero_in_theory_is_below_its_magnitude(m, d, seed, offset):
    p = problem(m, d, seed, offset)
    values = derive(p.x, p.gamma, p.beta, dy=np.ones((m, d)))
    size = magnitudes(values)
    for name in ("dmu_via_var", "dinv_std", "dvar", "dx", "dgamma"):
        assert np.all(np.abs(values[name]) <= 1e-12 * size[name]), name


@given(st.integers(1, 8), st.integers(1, 4), seeds)
def test_magnitudes_do_not_see_signs(m, d, seed):
    """... of what is multiplied: terms that cancel and terms that add up have one size."""
    p, signs = problem(m, d, seed), np.random.default_rng(seed).choice([-1, 1], (m, d))
    one = magnitudes(derive(p.x, p.gamma, p.beta, dy=p.dy))
    other = magnitudes(derive(p.x, -p.gamma, -p.beta, dy=signs * p.dy))
    for name in one:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-12, err_msg=name)


def test_magnitudes_by_hand():
    size = magnitudes(derive([[1.0], [-5.0]], [2.0], [-1.0], eps=0, dy=[[1.0], [-3.0]]))
    wanted = {
        "m": 2,
        "x": [[1], [5]],
        "mu": [3],  # (1 + 5)/2, where μ is −2
        "centred": [[4], [8]],
        "squared": [[12], [24]],  # |c| times the size of c
        "var": [18],
        "std": [3],
        "x_hat": [[4 / 3], [8 / 3]],
        "y": [[11 / 3], [19 / 3]],
        "dx_hat": [[2], [6]],
        "dinv_std_parts": [[8], [48]],
        "dinv_std": [56],
        "dstd": [56 / 9],
        "dvar": [28 / 27],
        "dmu_via_x_hat": [8 / 3],
        "dmu_via_var": [4 / 9 * 2 * 6],
        "dmu": [8 / 3 + 16 / 3],
        "dx_via_x_hat": [[2 / 3], [2]],
        "dx_via_var": [[28 / 9], [32 / 9]],
        "dx_via_mu": [4],
        "dx": [[2 / 3 + 28 / 9 + 4], [2 + 32 / 9 + 4]],
        "dgamma": [28 / 3],
        "dbeta": [4],
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(size[name], value, rtol=1e-12, err_msg=name)


def test_magnitudes_without_gradients():
    values = derive(problem(4, 2, seed=0).x)
    assert magnitudes(values).keys() == values.keys()
