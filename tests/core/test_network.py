from dataclasses import FrozenInstanceError, fields, replace
from itertools import pairwise

import numpy as np
import pytest

from bn_core import RunningStats, check_gradient, forward_eval, forward_train
from bn_core.activations import ACTIVATIONS
from bn_core.network import (
    Layer,
    Network,
    backward,
    forward,
    initial_network,
    pre_activations,
    upstream_gradients,
)

SIZES = (6, 5, 4, 3)
EQUAL_SIZES = (6, 5, 5, 5, 3)  # so that skips have something to connect
PLACES = [
    pytest.param({}, id="no BN"),
    pytest.param({"batch_norm": True}, id="before"),
    pytest.param({"batch_norm": True, "bn_place": "after"}, id="after"),
]
PARAMETERS = [field.name for field in fields(Layer)]


def batch(m: int = 7, d: int = SIZES[0], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((m, d))


class TestInitialNetwork:
    def test_shapes(self):
        network = initial_network(SIZES, activation="tanh", batch_norm=True)
        shapes = [(layer.weight.shape, layer.bias.shape) for layer in network.layers]
        assert shapes == [((6, 5), (5,)), ((5, 4), (4,)), ((4, 3), (3,))]
        for layer in network.layers:
            assert layer.gamma.shape == layer.beta.shape == layer.bias.shape

    def test_starting_values(self):
        network = initial_network((400, 300), activation="relu", batch_norm=True, weight_scale=1.5)
        (layer,) = network.layers
        assert layer.weight.mean() == pytest.approx(0, abs=1e-3)
        assert layer.weight.std() == pytest.approx(1.5 / 400**0.5, rel=0.01)
        assert (layer.bias == 0).all()
        assert (layer.gamma == 1).all()
        assert (layer.beta == 0).all()

    def test_without_batch_norm_there_is_no_gamma_or_beta(self):
        for layer in initial_network(SIZES, activation="tanh").layers:
            assert layer.gamma is None
            assert layer.beta is None

    def test_linear_output_has_no_batch_norm(self):
        network = initial_network(SIZES, activation="tanh", batch_norm=True, linear_output=True)
        assert [layer.gamma is None for layer in network.layers] == [False, False, True]

    def test_weight_scale_only_scales(self):
        one = initial_network(SIZES, activation="tanh", seed=4)
        for scale in 0.0, 0.3, 7.0:
            other = initial_network(SIZES, activation="tanh", seed=4, weight_scale=scale)
            for a, b in zip(one.layers, other.layers, strict=True):
                np.testing.assert_allclose(b.weight, scale * a.weight, rtol=1e-15)

    def test_first_layers_do_not_depend_on_the_depth_after_them(self):
        short = initial_network((6, 5), activation="tanh", seed=2)
        long = initial_network((6, 5, 9, 9), activation="tanh", seed=2)
        np.testing.assert_array_equal(short.layers[0].weight, long.layers[0].weight)

    def test_layers_of_one_shape_differ(self):
        first, second = initial_network((4, 4, 4), activation="tanh").layers
        assert (first.weight != second.weight).all()

    def test_batch_norm_and_activation_leave_the_weights_alone(self):
        one = initial_network(SIZES, activation="tanh", seed=3)
        other = initial_network(SIZES, activation="relu", seed=3, batch_norm=True)
        for a, b in zip(one.layers, other.layers, strict=True):
            np.testing.assert_array_equal(a.weight, b.weight)

    def test_seed_decides(self):
        weights = [
            initial_network(SIZES, activation="tanh", seed=seed).layers[0].weight
            for seed in (0, 0, 1)
        ]
        np.testing.assert_array_equal(weights[0], weights[1])
        assert (weights[0] != weights[2]).all()

    def test_float32_is_the_float64_network_rounded(self):
        wide = initial_network(SIZES, activation="tanh")
        narrow = initial_network(SIZES, activation="tanh", batch_norm=True, dtype=np.float32)
        for a, b in zip(wide.layers, narrow.layers, strict=True):
            np.testing.assert_array_equal(a.weight.astype(np.float32), b.weight)
            assert {getattr(b, name).dtype for name in PARAMETERS} == {np.dtype(np.float32)}

    def test_an_absolute_spread_is_the_same_in_every_layer(self):
        network = initial_network((400, 300, 100), activation="tanh", weight_sd=0.1, weight_scale=9)
        for layer in network.layers:
            assert layer.weight.std() == pytest.approx(0.1, rel=0.02)

    def test_the_same_weights_wherever_batch_norm_stands(self):
        plain = initial_network(SIZES, activation="tanh", seed=3)
        for options in (
            {"batch_norm": True, "bn_place": "after"},
            {"skips": True},
            {"bias": False},
        ):
            other = initial_network(SIZES, activation="tanh", seed=3, **options)
            for a, b in zip(plain.layers, other.layers, strict=True):
                np.testing.assert_array_equal(a.weight, b.weight)

    def test_without_bias(self):
        for layer in initial_network(SIZES, activation="tanh", bias=False).layers:
            assert layer.bias is None

    def test_parameters_are_frozen(self):
        network = initial_network(SIZES, activation="tanh")
        with pytest.raises(FrozenInstanceError):
            network.layers = ()
        with pytest.raises(FrozenInstanceError):
            network.layers[0].bias = np.ones(5)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"sizes": (4,)}, r"sizes must name the inputs and at least one layer, got \[4\]"),
            ({"sizes": (4, 0)}, "every entry of sizes must be at least 1, got 0"),
            ({"sizes": (4, 2.5)}, "every entry of sizes must be an integer, got 2.5"),
            ({"activation": "gelu"}, "activation must be one of sigmoid, tanh, relu; got 'gelu'"),
            ({"weight_scale": -1}, "weight_scale must be a finite number of at least 0, got -1"),
            ({"weight_scale": np.nan}, "weight_scale must be a finite number .* got nan"),
            ({"weight_sd": -1}, "weight_sd must be a finite number of at least 0, got -1"),
            ({"bn_place": "beside"}, "bn_place must be one of before, after; got 'beside'"),
            ({"seed": -1}, "seed must be at least 0, got -1"),
            ({"dtype": np.float16}, "dtype must be float32 or float64, got float16"),
        ],
    )
    def test_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=f"^{message}$"):
            initial_network(**{"sizes": (4, 3), "activation": "tanh"} | arguments)


class TestForward:
    def test_one_layer_by_hand(self):
        layer = Layer(weight=np.array([[1.0], [2.0]]), bias=np.array([0.5]))
        (record,) = forward(Network((layer,), "relu"), [[1, 1], [-3, 1]])
        np.testing.assert_array_equal(record.pre_activation, [[3.5], [-0.5]])
        np.testing.assert_array_equal(record.output, [[3.5], [0.0]])

    def test_records_are_chained(self):
        network = initial_network(SIZES, activation="sigmoid", batch_norm=True)
        records = forward(network, batch())
        np.testing.assert_array_equal(records[0].input, batch())
        for before, after in pairwise(records):
            assert after.input is before.output
        for record, layer in zip(records, network.layers, strict=True):
            expected = record.input @ layer.weight + layer.bias
            np.testing.assert_array_equal(record.pre_activation, expected)
            np.testing.assert_array_equal(
                record.output, ACTIVATIONS["sigmoid"](record.activation_input)
            )

    def test_batch_norm_stands_between_linear_and_activation(self):
        network = initial_network(SIZES, activation="tanh", batch_norm=True, weight_scale=5)
        for record in forward(network, batch(50)):
            assert record.activation_input is record.batch_norm.y
            np.testing.assert_array_equal(record.batch_norm.x, record.pre_activation)
            np.testing.assert_allclose(record.activation_input.mean(axis=0), 0, atol=1e-14)
            np.testing.assert_allclose(record.activation_input.var(axis=0), 1, rtol=1e-3)

    def test_without_batch_norm_the_activation_sees_z(self):
        for record in forward(initial_network(SIZES, activation="tanh"), batch()):
            assert record.batch_norm is None
            assert record.activation_input is record.pre_activation

    def test_batch_norm_after_the_activation(self):
        network = shaken(
            initial_network(SIZES, activation="relu", batch_norm=True, bn_place="after"), seed=1
        )
        for layer, record in zip(network.layers, forward(network, batch(50)), strict=True):
            assert record.activation_input is record.pre_activation
            f_of_z = np.maximum(record.pre_activation, 0)
            expected = forward_train(f_of_z, layer.gamma, layer.beta).y
            np.testing.assert_array_equal(record.output, expected)

    @pytest.mark.parametrize("options", PLACES)
    def test_skips_add_the_input_of_hidden_layers_from_the_second_on(self, options):
        network = initial_network(
            (5, 5, 5, 5, 4, 4), activation="tanh", linear_output=True, **options
        )
        skipping = replace(network, skips=True)
        x = batch(9, 5)
        added = []
        for number, record in enumerate(forward(skipping, x)):
            one = replace(
                network,
                layers=network.layers[number : number + 1],
                linear_output=number == len(network.layers) - 1,
            )
            without = forward(one, record.input)[-1].output
            added.append(bool((record.output != without).any()))
            if added[-1]:
                np.testing.assert_array_equal(record.output, without + record.input)
        assert added == [False, True, True, False, False]

    def test_a_skip_keeps_the_signal_where_the_layers_are_silent(self):
        network = initial_network((5, 5, 5), activation="tanh", weight_scale=0, skips=True)
        layers = (initial_network((5, 5), activation="tanh").layers[0], network.layers[1])
        first, second = forward(replace(network, layers=layers), batch(9, 5))
        np.testing.assert_array_equal(second.output, first.output)

    @pytest.mark.parametrize("place", ["before", "after"])
    def test_given_statistics_take_the_place_of_the_batchs(self, place):
        start = initial_network(SIZES, activation="tanh", batch_norm=True, bn_place=place)
        network, running = shaken(start, seed=1), some_statistics(start)
        whole = forward(network, batch(), running)
        for layer, stats, record in zip(network.layers, running, whole, strict=True):
            z = record.pre_activation
            x = z if place == "before" else np.tanh(z)
            y = forward_eval(x, stats, layer.gamma, layer.beta)
            np.testing.assert_array_equal(record.output, np.tanh(y) if place == "before" else y)
        alone = forward(network, batch()[2:3], running)  # nobody depends on their batch-mates
        np.testing.assert_allclose(alone[-1].output, whole[-1].output[2:3], rtol=1e-12)

    @pytest.mark.parametrize("running", [[], [None] * 3, [RunningStats.initial(5)] * 3])
    def test_statistics_must_be_there_for_just_the_layers_with_batch_norm(self, running):
        network = initial_network(SIZES, activation="tanh", batch_norm=True, linear_output=True)
        with pytest.raises(ValueError, match=r"^running must have one entry a layer, 3, and be "):
            forward(network, batch(), running)

    def test_linear_output_has_no_activation(self):
        network = initial_network(SIZES, activation="tanh", linear_output=True)
        records = forward(network, batch())
        np.testing.assert_array_equal(records[-1].output, records[-1].pre_activation)
        assert (records[0].output != records[0].pre_activation).all()

    def test_dtype_is_the_networks(self):
        network = initial_network(SIZES, activation="relu", batch_norm=True, dtype=np.float32)
        for record in forward(network, batch()):
            assert record.pre_activation.dtype == record.output.dtype == np.float32

    def test_input_is_not_changed(self):
        x = batch()
        forward(initial_network(SIZES, activation="relu", batch_norm=True), x)
        np.testing.assert_array_equal(x, batch())

    @pytest.mark.parametrize("batch_norm", [False, True])
    def test_a_batch_of_one_is_allowed(self, batch_norm):
        network = initial_network(SIZES, activation="tanh", batch_norm=batch_norm)
        assert np.isfinite(forward(network, batch(1))[-1].output).all()

    @pytest.mark.parametrize("shape", [(0, 6), (6,), (3, 5), (3, 6, 1), ()])
    def test_bad_shape(self, shape):
        network = initial_network(SIZES, activation="tanh")
        with pytest.raises(ValueError, match=r"^x must have shape \(m ≥ 1, 6\), got \("):
            forward(network, np.zeros(shape))


class TestPreActivations:
    @pytest.mark.parametrize("batch_norm", [False, True])
    @pytest.mark.parametrize("layer", [1, 2, 3])
    def test_agrees_with_the_full_pass(self, layer, batch_norm):
        network = initial_network(SIZES, activation="tanh", batch_norm=batch_norm)
        expected = forward(network, batch())[layer - 1].pre_activation
        np.testing.assert_array_equal(pre_activations(network, batch(), layer), expected)

    def test_layers_after_it_are_not_computed(self):
        network = initial_network(SIZES, activation="tanh")
        broken = replace(network, layers=(*network.layers[:2], None))
        assert pre_activations(broken, batch(), 2).shape == (7, 4)

    @pytest.mark.parametrize(
        ("layer", "message"),
        [
            (0, "layer must be at least 1, got 0"),
            (4, "layer must be at most the network's 3, got 4"),
            (1.0, "layer must be an integer, got 1.0"),
        ],
    )
    def test_no_such_layer(self, layer, message):
        with pytest.raises(ValueError, match=f"^{message}$"):
            pre_activations(initial_network(SIZES, activation="tanh"), batch(), layer)

    def test_bad_input(self):
        with pytest.raises(ValueError, match="x must have shape"):
            pre_activations(initial_network(SIZES, activation="tanh"), np.zeros((2, 3)), 1)


def shaken(network: Network, seed: int) -> Network:
    """The network with every parameter away from its starting value, where mistakes would hide."""
    rng = np.random.default_rng(seed)

    def shake(array):
        return None if array is None else array + 0.3 * rng.standard_normal(array.shape)

    layers = (
        Layer(**{name: shake(getattr(layer, name)) for name in PARAMETERS})
        for layer in network.layers
    )
    return replace(network, layers=tuple(layers))


def some_statistics(network: Network) -> list[RunningStats | None]:
    rng = np.random.default_rng(7)
    return [
        None
        if layer.gamma is None
        else RunningStats(
            rng.normal(0, 0.2, layer.gamma.size), rng.uniform(0.1, 1, layer.gamma.size)
        )
        for layer in network.layers
    ]


def numeric_gradient(network: Network, x, d_output, number: int, name: str, running, step=1e-6):
    """Central differences of Σ d_output ∘ output, one parameter entry at a time."""

    def loss(array):
        layers = list(network.layers)
        layers[number] = replace(layers[number], **{name: array})
        changed = replace(network, layers=tuple(layers))
        return np.vdot(d_output, forward(changed, x, running)[-1].output)

    parameter = getattr(network.layers[number], name)
    gradient = np.empty_like(parameter)
    for index in np.ndindex(parameter.shape):
        nudge = np.zeros_like(parameter)
        nudge[index] = step
        gradient[index] = (loss(parameter + nudge) - loss(parameter - nudge)) / (2 * step)
    return gradient


class TestBackward:
    @pytest.mark.parametrize("given", [False, True], ids=["batch statistics", "given statistics"])
    @pytest.mark.parametrize("linear_output", [False, True])
    @pytest.mark.parametrize("skips", [False, True])
    @pytest.mark.parametrize("options", PLACES)
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_gradients_agree_with_central_differences(
        self, activation, options, skips, linear_output, given
    ):
        start = initial_network(
            EQUAL_SIZES,
            activation=activation,
            weight_scale=2,
            skips=skips,
            linear_output=linear_output,
            **options,
        )
        network = shaken(start, seed=1)
        running = some_statistics(network) if given else None
        x = batch(12)
        d_output = np.random.default_rng(2).standard_normal((12, 3))
        gradients = backward(network, forward(network, x, running), d_output)
        for number, layer in enumerate(gradients.layers):
            for name in PARAMETERS:
                analytic = getattr(layer, name)
                if getattr(network.layers[number], name) is None:
                    assert analytic is None
                    continue
                numeric = numeric_gradient(network, x, d_output, number, name, running)
                np.testing.assert_allclose(
                    analytic, numeric, rtol=1e-6, atol=1e-8, err_msg=f"layer {number + 1}: {name}"
                )
                if name != "bias" or layer.gamma is None or given or network.bn_place == "after":
                    assert np.abs(numeric).max() > 1e-4  # the comparison was not of zeros

    @pytest.mark.parametrize("place", ["before", "after"])
    @pytest.mark.parametrize("norm", ["layer", "group", "rms"])
    def test_gradients_through_other_norms(self, norm, place):
        form = {"batch_norm": True, "bn_place": place, "linear_output": True, "skips": True}
        start = initial_network((6, 4, 4, 3), activation="tanh", norm=norm, groups=2, **form)
        network = shaken(start, seed=1)
        x, d_output = batch(5), np.random.default_rng(2).standard_normal((5, 3))
        gradients = backward(network, forward(network, x), d_output)
        for number, layer in enumerate(gradients.layers):
            for name in PARAMETERS:
                if getattr(network.layers[number], name) is not None:
                    numeric = numeric_gradient(network, x, d_output, number, name, None)
                    analytic = getattr(layer, name)
                    np.testing.assert_allclose(analytic, numeric, rtol=1e-6, atol=1e-8)
                    assert np.abs(numeric).max() > 1e-4

    @pytest.mark.parametrize("norm", ["layer", "group", "rms"])
    def test_other_norms_take_each_sample_by_itself(self, norm):
        network = initial_network(
            (6, 4, 3), activation="relu", norm=norm, groups=2, batch_norm=True, linear_output=True
        )
        x = batch(5)
        together = forward(network, x, [None, None])[-1].output
        alone = np.concatenate([forward(network, row[np.newaxis])[-1].output for row in x])
        np.testing.assert_allclose(together, alone, rtol=1e-12)

    def test_batch_norm_cancels_the_bias(self):
        network = shaken(initial_network(SIZES, activation="tanh", batch_norm=True), seed=1)
        d_output = np.random.default_rng(2).standard_normal((7, 3))
        for layer in backward(network, forward(network, batch()), d_output).layers:
            np.testing.assert_allclose(layer.bias, 0, atol=1e-14)

    @pytest.mark.parametrize("batch_norm", [False, True])
    @pytest.mark.parametrize("bias", [False, True])
    def test_same_tree_as_the_parameters(self, batch_norm, bias):
        network = initial_network(
            SIZES,
            activation="relu",
            batch_norm=batch_norm,
            bias=bias,
            skips=True,
            linear_output=True,
            dtype=np.float32,
        )
        records = forward(network, batch())
        gradients = backward(network, records, np.ones((7, 3)))
        assert vars(gradients) | {"layers": ()} == vars(network) | {"layers": ()}
        for parameter, gradient in zip(network.layers, gradients.layers, strict=True):
            for name in PARAMETERS:
                a, b = getattr(parameter, name), getattr(gradient, name)
                assert (a is None) == (b is None)
                if a is not None:
                    assert (a.shape, a.dtype) == (b.shape, b.dtype)

    def test_one_step_downhill_lowers_the_loss(self):
        network = initial_network(SIZES, activation="tanh", batch_norm=True)
        target = np.random.default_rng(5).standard_normal((7, 3))

        def residual(of: Network):
            return forward(of, batch())[-1].output - target

        gradients = backward(network, forward(network, batch()), residual(network))
        layers = (
            Layer(**{name: getattr(p, name) - 0.01 * getattr(g, name) for name in PARAMETERS})
            for p, g in zip(network.layers, gradients.layers, strict=True)
        )
        stepped = replace(network, layers=tuple(layers))
        assert (residual(stepped) ** 2).sum() < (residual(network) ** 2).sum()

    def test_bad_arguments(self):
        network = initial_network(SIZES, activation="tanh")
        records = forward(network, batch())
        with pytest.raises(ValueError, match=r"^records must be 3, one a layer, got 2$"):
            backward(network, records[:2], np.ones((7, 3)))
        with pytest.raises(ValueError, match=r"^d_output must have shape \(7, 3\), got \(7, 2\)$"):
            backward(network, records, np.ones((7, 2)))


class TestUpstreamGradients:
    def after(self, network: Network, number: int, y: np.ndarray) -> np.ndarray:
        """Output of the network, from what the activation of one layer sees."""
        last = number == len(network.layers) - 1
        a = y if last and network.linear_output else ACTIVATIONS[network.activation](y)
        return (
            a
            if last
            else forward(replace(network, layers=network.layers[number + 1 :]), a)[-1].output
        )

    @pytest.mark.parametrize("linear_output", [False, True])
    @pytest.mark.parametrize("batch_norm", [False, True])
    def test_are_the_slopes_of_the_loss(self, batch_norm, linear_output):
        start = initial_network(
            SIZES, activation="tanh", batch_norm=batch_norm, linear_output=linear_output
        )
        network = shaken(start, seed=1)
        records = forward(network, batch())
        d_output = np.random.default_rng(2).standard_normal((7, 3))
        found = upstream_gradients(network, records, d_output)
        assert len(found) == len(records)
        for number, (record, upstream) in enumerate(zip(records, found, strict=True)):
            check = check_gradient(
                lambda y, n=number: np.vdot(d_output, self.after(network, n, y)),
                record.activation_input,
                upstream,
            )
            assert check.relative_error < 1e-8, number
            assert np.abs(upstream).max() > 1e-3

    def test_are_what_backward_goes_on_from(self):
        network = shaken(initial_network(SIZES, activation="tanh", batch_norm=True), seed=1)
        records = forward(network, batch())
        d_output = np.random.default_rng(2).standard_normal((7, 3))
        found = upstream_gradients(network, records, d_output)
        for layer, dy in zip(backward(network, records, d_output).layers, found, strict=True):
            np.testing.assert_allclose(layer.beta, dy.sum(axis=0), rtol=1e-12)

    def test_bad_arguments(self):
        network = initial_network(SIZES, activation="tanh")
        with pytest.raises(ValueError, match=r"^d_output must have shape \(7, 3\), got \(7, 2\)$"):
            upstream_gradients(network, forward(network, batch()), np.ones((7, 2)))
