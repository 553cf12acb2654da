"""Answers by another path, slips that can be told apart, neighbours with other numbers."""

from itertools import combinations, pairwise, permutations

import numpy as np
import pytest

from bn_core import (
    RunningStats,
    backward_train,
    check_gradient,
    forward_eval,
    forward_train,
    numerical_gradient,
)
from bn_core.exercises import (
    BACKWARD_LINES,
    BACKWARD_SLIPS,
    CHECK_LINES,
    CHECK_SLIPS,
    EXERCISES,
    FORWARD_LINES,
    FORWARD_SLIPS,
    IDENTITY_LINES,
    IDENTITY_SLIPS,
    INFERENCE_LINES,
    INFERENCE_SLIPS,
    MOST_SEED,
    WHITENING_LINES,
    WHITENING_SLIPS,
    Lines,
    Number,
    Order,
    exercise,
)
from bn_core.mistakes import is_right, nearest_slip
from bn_core.network import initial_network
from bn_core.norms import group_norm, shared_cells
from bn_core.whitening import spectrum, white_cloud, whiten

SEEDS = (*range(150), MOST_SEED)
KINDS = {name: type(exercise(name, 0)) for name in EXERCISES}
NUMBERS = [name for name, kind in KINDS.items() if kind is Number]
ORDERS = [name for name, kind in KINDS.items() if kind is Order]
LINES = [name for name, kind in KINDS.items() if kind is Lines]


def column(numbers):
    return np.asarray(numbers, float)[:, None]


# ---- the answer, otherwise ---------------------------------------------------------------------


def largest(given):
    """One sample far away, all others equal: the batch in which |x̂| is largest."""
    x = np.zeros((given["m"], 1))
    x[0] = 1e3
    return np.abs(forward_train(x, eps=0.0).x_hat).max()


def eps_floor(given):
    sd = np.sqrt(given["var"])
    return forward_train([[3 - sd], [3 + sd]], eps=given["eps"]).x_hat.std()


def noise(given):
    """The exact distribution of the mean of m values that are ±a, a chosen to give ``sd``."""

    def scatter(m):
        counts = np.array([1.0])
        for _ in range(m):
            counts = np.convolve(counts, [0.5, 0.5])
        means = np.linspace(-1, 1, m + 1)
        return np.sqrt((counts * means**2).sum())

    return given["sd"] * scatter(given["more"]) / scatter(given["m"])


def identity_gamma(given):
    """How far BN with γ = 1 shrinks a spread, undone."""
    sd = np.sqrt(given["var"])
    x_hat = forward_train([[3 - sd], [3 + sd]], eps=given["eps"]).x_hat
    return 2 * sd / np.ptp(x_hat)


def scaled_sample(given):
    """With the statistics given, as at inference."""
    running = RunningStats([given["mean"]], [given["var"]])
    y = forward_eval([[given["x"]]], running, [given["gamma"]], [given["beta"]], eps=0.0)
    return y[0, 0]


def stream_sd(given):
    """Orthogonal columns, one for the start and one for each block: uncorrelated exactly."""
    n = given["blocks"] + 1
    columns = np.linalg.qr(np.random.default_rng(0).normal(size=(2 * n, n)))[0]
    added = np.array([1.0] + [given["gamma"]] * given["blocks"])
    return np.linalg.norm(columns @ added)


def variance(given):
    return forward_train(column(given["x"])).var[0]


def passed(given):
    """A batch with the x̂ and σ that are given, far from where the exercise has it."""
    x = 70 + given["std"] * column(given["x_hat"])
    return forward_train(x, [given["gamma"]], eps=0.0), column(given["dy"])


def dgamma(given):
    fwd, dy = passed(given)
    return numerical_gradient(lambda g: (dy * forward_train(fwd.x, g, eps=0.0).y).sum(), fwd.gamma)[
        0
    ]


def dx(given):
    fwd, dy = passed(given)
    loss = lambda x: (dy * forward_train(x, fwd.gamma, eps=0.0).y).sum()  # noqa: E731
    return numerical_gradient(loss, fwd.x, h=1e-4)[given["i"] - 1, 0]


def central(given):
    """The parabola through the three values, differentiated by the referee of the chapter."""
    h = given["h"]
    parabola = np.polyfit([-h, 0, h], [given["minus"], given["here"], given["plus"]], 2)
    return numerical_gradient(lambda x: np.polyval(parabola, x[0]), [0.0], h)[0]


def gradient_growth(given):
    """Through one linear unit a layer: the gradient of the first weight over that of the last."""
    weights, outputs = [given["factor"]] * given["depth"], np.ones(given["depth"] + 1)

    def output(scale_of):
        """All layers give out 1, but for what a change of one layer's output does further on."""
        change = 0.0
        for layer, weight in enumerate(weights):
            change = (weight * change if layer else 0.0) + (scale_of == layer)
        return outputs[-1] + change

    first, last = (output(layer) - 1 for layer in (0, given["depth"] - 1))
    return first / last


def bn_parameters(given):
    """Count the entries of a network with BN and of the same one without."""
    sizes = (3, *[given["width"]] * given["depth"], 2)

    def entries(batch_norm):
        network = initial_network(
            sizes, activation="relu", batch_norm=batch_norm, linear_output=True
        )
        arrays = [array for layer in network.layers for array in vars(layer).values()]
        return sum(array.size for array in arrays if array is not None)

    return entries(True) - entries(False)


def after(batch, old, alpha):
    """Running mean after a batch of two samples with this mean, by the layer itself."""
    fwd = forward_train([[batch - 1.0], [batch + 1.0]])
    return RunningStats([old], [1.0]).updated(fwd, momentum=alpha).mean[0]


def momentum(given):
    return after(given["batch"], given["old"], 1 - given["keras"])


def initial_weight(given):
    """From 1, towards batches of mean 0: what is left is the weight of the 1."""
    left = 1.0
    for _ in range(given["steps"]):
        left = after(0.0, left, given["alpha"])
    return left


def fold_weight(given):
    """The slope of the unit with its BN, as a function of the input."""
    running = RunningStats([given["mean"]], [given["var"]])
    z = given["weight"] * np.array([[0.0], [1.0]])
    y = forward_eval(z, running, [given["gamma"]], eps=0.0)
    return y[1, 0] - y[0, 0]


def condition(given):
    """Of a batch that has this correlation, after BN."""
    u = white_cloud(40, 0)
    x = np.stack([u[:, 0], given["rho"] * u[:, 0] + np.sqrt(1 - given["rho"] ** 2) * u[:, 1]])
    return np.linalg.cond(np.cov(forward_train(7 * x.T, eps=0.0).x_hat.T))


def rank(given):
    x = np.random.default_rng(0).normal(size=(given["m"], given["d"]))
    return np.linalg.matrix_rank(x - x.mean(axis=0))


def empty_direction(given):
    """A sample beside a batch that lies on a line."""
    whitened = whiten([[-1.0, 0.0], [1.0, 0.0]], "zca", eps=given["eps"])
    return abs(whitened.apply([[0.0, given["reach"]]])[0, 1])


def shape_of(given):
    return tuple(given[name] for name in "nchw")


def values_per_mean(given):
    """Count the cells that are averaged with the first one."""
    return shared_cells("batch", shape_of(given), (0, 0, 0, 0)).sum()


def group_values(given):
    """Cells divided by the means that the norm itself computes of them."""
    cells = np.arange(float(np.prod(shape_of(given)))).reshape(shape_of(given))
    return cells.size / group_norm(cells, given["groups"]).mu.size


def by_features(given):
    """BN of the batch that is turned over: one feature, as many samples as there were features."""
    return forward_train(column(given["x"]), eps=0.0).x_hat[0, 0]


def in_front_of_bn(length):
    """Weights of this length, and the length of the gradient there of some loss behind BN."""
    rng = np.random.default_rng(0)
    x, weight, dy = rng.normal(size=(6, 3)), rng.normal(size=(3, 1)), rng.normal(size=(6, 1))
    weight *= length / np.linalg.norm(weight)
    gradient = x.T @ backward_train(dy, forward_train(x @ weight, eps=0.0)).dx
    return weight, gradient


def scaled_gradient(given):
    lengths = [np.linalg.norm(in_front_of_bn(length)[1]) for length in (1.0, given["a"])]
    return given["norm"] * lengths[1] / lengths[0]


def longer_weights(given):
    weight, gradient = in_front_of_bn(given["norm"])
    return np.linalg.norm(weight - given["step"] * gradient / np.linalg.norm(gradient))


def effective_rate(given):
    """By how much further one step of a small η turns the shorter weights."""

    def turned(length):
        weight, gradient = in_front_of_bn(length)
        return np.linalg.norm(gradient) / np.linalg.norm(weight)

    return turned(given["after"]) / turned(given["before"])


def bias_removed(given):
    """The batch with its bias, through the layer itself."""
    x = column(given["x"]) + given["b"]
    return forward_train(x, [given["gamma"]], [given["beta"]], eps=0.0).y[0, 0]


OTHERWISE = {
    "bias_removed": bias_removed,
    "largest": largest,
    "eps_floor": eps_floor,
    "noise": noise,
    "identity_gamma": identity_gamma,
    "scaled_sample": scaled_sample,
    "stream_sd": stream_sd,
    "variance": variance,
    "dgamma": dgamma,
    "dx": dx,
    "central": central,
    "gradient_growth": gradient_growth,
    "bn_parameters": bn_parameters,
    "momentum": momentum,
    "initial_weight": initial_weight,
    "fold_weight": fold_weight,
    "condition": condition,
    "rank": rank,
    "empty_direction": empty_direction,
    "values_per_mean": values_per_mean,
    "group_values": group_values,
    "layer_norm": by_features,
    "scaled_gradient": scaled_gradient,
    "longer_weights": longer_weights,
    "effective_rate": effective_rate,
}


def test_every_number_is_computed_twice():
    assert set(OTHERWISE) == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_answer_by_another_path(name):
    """... from nothing but what the question states."""
    for seed in SEEDS:
        made = exercise(name, seed)
        assert made.answer == pytest.approx(OTHERWISE[name](made.given), rel=1e-6), seed


@pytest.mark.parametrize("name", NUMBERS)
def test_answer_and_slips_can_be_told_apart(name):
    for seed in SEEDS:
        made = exercise(name, seed)
        assert len(made.slips) >= 2
        for a, b in combinations([made.answer, *made.slips.values()], 2):
            assert not is_right(a, b), seed
        for slip, wrong in made.slips.items():
            for digits in (3, 4, 12):
                typed = float(f"{wrong:.{digits}g}")
                assert nearest_slip(typed, made.answer, made.slips) == slip, seed
            assert not is_right(wrong, made.answer, last_digit=1.0), seed


def test_an_answer_that_is_no_slip_is_recognised_as_none():
    made = exercise("variance", 0)
    assert nearest_slip(made.answer, made.answer, made.slips) is None
    assert nearest_slip(12345.0, made.answer, made.slips) is None
    assert nearest_slip(1.0, 2.0, {"overflow": np.inf, "same": 2.0}) is None


def test_by_hand():
    assert largest({"m": 17}) == pytest.approx(4)
    assert eps_floor({"var": 0.03, "eps": 0.01}) == pytest.approx(np.sqrt(0.75))
    assert noise({"m": 4, "more": 16, "sd": 3.0}) == pytest.approx(1.5)
    assert variance({"x": [1, 5, 1, 5]}) == 4


# ---- seeds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXERCISES)
def test_a_seed_gives_the_same_again(name):
    for seed in (0, 7, MOST_SEED):
        assert repr(exercise(name, seed)) == repr(exercise(name, seed))


@pytest.mark.parametrize("name", NUMBERS)
def test_neighbours_get_other_numbers(name):
    """In a class of thirty, no two desks side by side and hardly any two in the room."""
    answers = [exercise(name, seed).answer for seed in range(30)]
    assert len({round(answer, 9) for answer in answers}) >= 10
    given = [repr(exercise(name, seed).given) for seed in range(200)]
    same = sum(a == b for a, b in pairwise(given))
    assert same <= 0.1 * len(given)


@pytest.mark.parametrize("name", [*ORDERS, *LINES])
def test_neighbours_see_other_puzzles(name):
    assert len({repr(exercise(name, seed)) for seed in range(30)}) >= 4


def test_exercises_of_one_seed_are_independent():
    """dgamma and dx draw the same kind of batch, but not the same one."""
    same = [exercise("dx", s).given["dy"] == exercise("dgamma", s).given["dy"] for s in range(50)]
    assert not any(same)


def test_what_is_refused():
    with pytest.raises(KeyError):
        exercise("nothing", 0)
    with pytest.raises(ValueError, match="got -1"):
        exercise("variance", -1)


# ---- order the steps -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORDERS)
def test_exactly_one_order_is_right(name):
    made = exercise(name, 3)
    right = [order for order in permutations(made.answer) if made.too_early(order) is None]
    assert right == [made.answer]


@pytest.mark.parametrize("name", ORDERS)
def test_the_offered_order_is_never_the_right_one(name):
    for seed in SEEDS:
        made = exercise(name, seed)
        assert sorted(made.offered) == sorted(made.answer)
        assert made.offered != made.answer


@pytest.mark.parametrize("name", ORDERS)
def test_a_step_that_is_too_early_is_named(name):
    made = exercise(name, 0)
    assert made.too_early(made.answer[:-1]) is None
    assert made.too_early(()) is None
    for at in range(1, len(made.answer)):
        step = made.answer[at]
        assert made.too_early((step, *(s for s in made.answer if s != step))) == step


# ---- the wrong line ------------------------------------------------------------------------------


def correct_values():
    """Everything the lines of all exercises take, from the fast path."""
    rng = np.random.default_rng(5)
    x, dy = rng.normal(2, 3, (5, 2)), rng.normal(size=(5, 2))
    fwd = forward_train(x, [1.5, -2.0], [0.5, 1.0], eps=0.3)
    grads = backward_train(dy, fwd)
    e = np.zeros_like(x)
    e[2, 1] = 1
    values = {name: getattr(fwd, name) for name in ("x", "mu", "var", "x_hat", "y", "gamma")}
    values |= {name: getattr(grads, name) for name in BACKWARD_LINES}
    return values | {"beta": fwd.beta, "eps": fwd.eps, "dy": dy, "h": 1e-5, "e": e}


def run(lines, values):
    """What each line computes, given right values of all that stands before it."""
    results = {}
    for name, line in lines.items():
        # A line that updates a quantity starts from what that was.
        stepped = values.get(name)
        before = {name: stepped.before} if isinstance(stepped, Stepped) else {}
        names = (
            values
            | before
            | {"np": np, "forward_train": forward_train, "rng": np.random.default_rng(9)}
        )
        exec(line, names)
        results[name] = names[name]
    return results


def checking(values, off=0.0):
    """The values of the gradient check's own lines, one after the other.

    ``off`` is how far the gradient that is checked lies from the right one.
    """
    values = values | {"dy": np.random.default_rng(9).normal(size=values["x"].shape)}
    fwd = forward_train(values["x"])
    values["analytic"] = backward_train(values["dy"], fwd).dx[2, 1] + off
    for name in list(CHECK_LINES)[1:]:
        values |= {name: run({name: CHECK_LINES[name]}, values)[name]}
    return values


def in_use(values):
    """What the layer makes of the batch in its running statistics, and of other samples then."""
    fwd = forward_train(values["x"], values["gamma"], values["beta"], eps=values["eps"])
    before = RunningStats([0.3, -1.0], [2.0, 0.7])
    now = before.updated(fwd, momentum=0.2)
    x_new = np.array([[1.0, 4.0], [-2.0, 0.5]])
    return values | {
        "alpha": 0.2,
        "x_new": x_new,
        "unbiased": fwd.x.var(axis=0, ddof=1),
        "running_mean": Stepped(before.mean, now.mean),
        "running_var": Stepped(before.var, now.var),
        "y": forward_eval(x_new, now, fwd.gamma, fwd.beta, eps=fwd.eps),
    }


def whitening(values):
    """PCA whitening of the batch, by the core."""
    x = values["x"]
    found = spectrum(x)
    pca = whiten(x, "pca", eps=values["eps"])
    return values | {
        "centred": found.centred,
        "cov": np.cov(x.T, ddof=0),
        "values": found.values,
        "vectors": found.vectors,
        "w": pca.matrix,
        "z": pca.z,
    }


def given_back(values):
    """γ and β chosen so that y = x."""
    gamma = np.sqrt(values["var"] + values["eps"])
    return values | {"gamma": gamma, "beta": values["mu"], "y": values["x"]}


class Stepped(np.ndarray):
    """Running statistics after a step, which know what they were before it."""

    def __new__(cls, before, after):
        made = np.asarray(after).view(cls)
        made.before = before
        return made


CASES = {
    "lines_forward": (FORWARD_LINES, FORWARD_SLIPS),
    "lines_backward": (BACKWARD_LINES, BACKWARD_SLIPS),
    "lines_check": (CHECK_LINES, CHECK_SLIPS),
    "lines_inference": (INFERENCE_LINES, INFERENCE_SLIPS),
    "lines_whitening": (WHITENING_LINES, WHITENING_SLIPS),
    "lines_identity": (IDENTITY_LINES, IDENTITY_SLIPS),
}


def test_every_exercise_with_lines_is_run():
    assert set(CASES) == set(LINES)


@pytest.mark.parametrize("name", LINES)
def test_exactly_one_line_is_wrong(name):
    right, slips = CASES[name]
    values = correct_values()
    if name == "lines_inference":
        values = in_use(values)
    if name == "lines_whitening":
        values = whitening(values)
    if name == "lines_identity":
        values = given_back(values)
    if name == "lines_check":
        values = checking(values, off=-0.5)  # a mistake that the check is to find
    for line, result in run(right, values).items():
        np.testing.assert_allclose(result, values[line], rtol=1e-9, err_msg=line)
    seen = set()
    for seed in range(60):
        made = exercise(name, seed)
        seen.add(made.slip)
        assert made.right == right[made.answer]
        for line, result in run(made.lines, values).items():
            same = np.shape(result) == np.shape(values[line]) and np.allclose(
                result, values[line], rtol=1e-9, atol=1e-12
            )
            assert same == (line != made.answer), (made.slip, line)
    assert seen == set(slips), "a slip that no seed shows"


def test_the_lines_of_the_check_check():
    values = checking(correct_values())
    assert values["error"] < 1e-7
    assert values["numeric"] == pytest.approx(values["analytic"], rel=1e-6)
    wrong = run({"numeric": CHECK_SLIPS["not_halved"][1]}, values)["numeric"]
    assert abs(wrong - values["analytic"]) / (1 + abs(wrong)) > 1e-3


def test_the_referee_agrees_on_dx():
    """The analytic ∂x of an exercise passes the chapter's own gradient check."""
    fwd, dy = passed(exercise("dx", 11).given)
    loss = lambda x: (dy * forward_train(x, fwd.gamma, eps=0.0).y).sum()  # noqa: E731
    assert check_gradient(loss, fwd.x, backward_train(dy, fwd).dx).relative_error < 1e-6


def test_the_variance_is_what_training_uses_and_not_what_inference_stores():
    made = exercise("variance", 4)
    fwd = forward_train(column(made.given["x"]))
    stored = RunningStats.initial(1).updated(fwd, momentum=1.0)
    assert stored.var[0] == pytest.approx(made.slips["var_unbiased"])
    assert forward_eval(column(made.given["x"]), stored).shape == (4, 1)
