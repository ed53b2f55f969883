"""The book's models: TwoLayerNet's gradients and the perceptron's truth tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError, ShapeError
from zerokara.models import AND, NAND, OR, XOR, Perceptron, TwoLayerNet

ACTIVATIONS = ("relu", "sigmoid")


def far_from_kinks(net: TwoLayerNet, rng: np.random.Generator) -> np.ndarray:
    """Inputs at which no hidden unit of a ReLU network is nearer to 0 than 0.01."""
    while True:
        x = rng.standard_normal((6, 4))
        if np.abs(x @ net.params["W1"] + net.params["b1"]).min() > 0.01:
            return x


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("classes", [1, 2, 3, 10])
def test_gradient_against_numerical_gradient(
    activation: str, classes: int, rng: np.random.Generator
) -> None:
    net = TwoLayerNet(4, 5, classes, 0.5, rng=1, activation=activation, dtype=np.float64)
    x, t = far_from_kinks(net, rng), rng.integers(0, classes, 6)
    measured = net.numerical_gradient(x, t)
    assert list(measured) == ["W1", "b1", "W2", "b2"]
    for targets in (t, np.eye(classes)[t]):
        for name, gradient in net.gradient(x, targets).items():
            scale = np.abs(measured[name]).max() or 1.0
            assert np.abs(gradient - measured[name]).max() / scale < 1e-7, name


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradcheck_of_the_whole_network(activation: str, rng: np.random.Generator) -> None:
    net = TwoLayerNet(4, 5, 3, 0.5, activation=activation)
    report = zk.gradcheck(net, rng.standard_normal((6, 4)), rng.integers(0, 3, 6))
    assert report.ok, report
    assert [row.name for row in report.rows] == ["x", "W1", "b1", "W2", "b2"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_float32_networks_numerical_gradient_is_right(
    activation: str, rng: np.random.Generator
) -> None:
    net = TwoLayerNet(4, 5, 3, 0.5, activation=activation)
    wide = net.astype(np.float64)
    x, t = far_from_kinks(net, rng), rng.integers(0, 3, 6)
    before = net.flat_params.copy()
    measured, exact = net.numerical_gradient(x, t), wide.gradient(x.astype(np.float32), t)
    for name, gradient in measured.items():
        assert gradient.dtype == np.float64
        # float64's answer to the network's own parameters: x alone is rounded to float32.
        np.testing.assert_allclose(gradient, exact[name], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(net.gradient(x, t)[name], gradient, rtol=1e-3, atol=1e-6)
    assert np.array_equal(net.flat_params, before)


def test_the_loss_at_the_start_is_that_of_a_guess(rng: np.random.Generator) -> None:
    net = TwoLayerNet(20, 10, 10)
    assert net.loss(rng.random((50, 20)), rng.integers(0, 10, 50)) == pytest.approx(
        np.log(10), rel=1e-3
    )


def test_forward_by_the_books_formula(rng: np.random.Generator) -> None:
    for activation, function in (("relu", zk.functions.relu), ("sigmoid", zk.functions.sigmoid)):
        net = TwoLayerNet(4, 5, 3, 0.5, activation=activation, dtype=np.float64)
        x = rng.standard_normal((6, 4))
        p = net.params
        a2 = function(x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
        np.testing.assert_allclose(net.predict(x), a2, rtol=1e-13)
        np.testing.assert_allclose(net.probabilities(x), zk.functions.softmax(a2), rtol=1e-13)


def test_steps_downhill_in_the_books_own_loop(rng: np.random.Generator) -> None:
    net = TwoLayerNet(2, 8, 2, 0.5, dtype=np.float64)
    x = rng.standard_normal((60, 2))
    t = (x[:, 0] * x[:, 1] > 0).astype(int)
    first = net.loss(x, t)
    for _ in range(300):
        grads = net.gradient(x, t)
        for key in ("W1", "b1", "W2", "b2"):
            net.params[key] -= 0.5 * grads[key]
    assert net.loss(x, t) < first / 2
    assert net.accuracy(x, t) > 0.9


def test_sizes_deviation_and_seed() -> None:
    net = TwoLayerNet(300, 200, 10)
    shapes = {name: array.shape for name, array in net.params.items()}
    assert shapes == {"W1": (300, 200), "b1": (200,), "W2": (200, 10), "b2": (10,)}
    assert net.dtype == np.float32
    assert net.params["W1"].std() == pytest.approx(0.01, rel=0.02)
    assert not net.params["b1"].any()
    assert np.array_equal(net.flat_params, TwoLayerNet(300, 200, 10, rng=0).flat_params)
    assert not np.array_equal(net.flat_params, TwoLayerNet(300, 200, 10, rng=1).flat_params)
    again = TwoLayerNet(**net.arguments)
    assert np.array_equal(again.flat_params, net.flat_params)


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((2, 3, 4), {"activation": "tanh"}, "activation must be one of relu, sigmoid, got 'tanh'"),
        ((2, 0, 4), {}, "outputs must be 1 or more, got 0"),
        ((2, 3, 0), {}, "outputs must be 1 or more, got 0"),
        ((0, 3, 4), {}, "input_shape must hold sizes above 0"),
        ((2, 3, 4, -0.1), {}, "a standard deviation is 0 or more, got -0.1"),
        ((2, 3, 4, np.nan), {}, "a standard deviation is 0 or more, got nan"),
    ],
)
def test_bad_arguments_are_refused(arguments: Any, options: Any, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        TwoLayerNet(*arguments, **options)
    assert text in str(caught.value)


TABLES = {"AND": [0, 0, 0, 1], "NAND": [1, 1, 1, 0], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]}
PAIRS = [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize("name", TABLES)
def test_truth_tables(name: str) -> None:
    gate = {"AND": AND, "NAND": NAND, "OR": OR, "XOR": XOR}[name]
    assert [gate(*pair) for pair in PAIRS] == TABLES[name]
    assert all(type(gate(*pair)) is int for pair in PAIRS)


def test_a_perceptron_answers_one_sample_or_many() -> None:
    assert AND.predict(PAIRS).tolist() == TABLES["AND"]
    assert AND.predict([1, 1]) == 1
    assert Perceptron([1.0, -1.0, 2.0], 0.0)(0, 0, 0) == 0  # at 0 it is not above 0


def test_a_perceptron_does_not_share_its_weights() -> None:
    w = np.array([1.0, 1.0])
    gate = Perceptron(w, -1.5)
    w[...] = 0
    assert gate(1, 1) == 1


def test_a_perceptron_refuses_other_shapes() -> None:
    with pytest.raises(ShapeError, match=r"w must be a vector, got shape \(2, 1\)"):
        Perceptron([[1.0], [2.0]], 0)
    with pytest.raises(ShapeError, match=r"with D = 2, got \(3,\)"):
        AND(1, 0, 1)
    with pytest.raises(ShapeError, match=r"with D = 2, got \(\)"):
        AND.predict(1.0)
