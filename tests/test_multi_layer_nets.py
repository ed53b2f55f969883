"""MultiLayerNet and MultiLayerNetExtend: the book's layers, names, penalty and arguments."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import zerokara as zk
from zerokara.errors import ArgumentError, ModelFileError
from zerokara.models import MultiLayerNet, MultiLayerNetExtend

BOTH = pytest.mark.parametrize("kind", [MultiLayerNet, MultiLayerNetExtend])


def kinds(net: zk.Network) -> list[str]:
    return [type(layer).__name__ for layer in net.layers.values()]


def weights(net: zk.Network) -> list[np.ndarray]:
    return [array for name, array in net.params.items() if name.startswith("W")]


def test_the_books_order_of_layers_and_names() -> None:
    net = MultiLayerNetExtend(6, [5, 4], 3, use_dropout=True, use_batchnorm=True)
    hidden = ["Affine", "BatchNormalization", "ReLU", "Dropout"]
    assert kinds(net) == [*hidden, *hidden, "Affine"]
    assert {name: array.shape for name, array in net.params.items()} == {
        **{"W1": (6, 5), "b1": (5,), "gamma1": (5,), "beta1": (5,)},
        **{"W2": (5, 4), "b2": (4,), "gamma2": (4,), "beta2": (4,)},
        **{"W3": (4, 3), "b3": (3,)},
    }
    dropout = net.layers["dropout1"]
    assert dropout.config() == {"ratio": 0.5, "scale_at_test": True}
    plain = MultiLayerNetExtend(6, [5, 4], 3)
    assert kinds(plain) == kinds(MultiLayerNet(6, [5, 4], 3))
    assert np.array_equal(plain.flat_params, MultiLayerNet(6, [5, 4], 3).flat_params)


def test_arguments_by_position_are_the_books() -> None:
    book = (6, [5, 4], 3, "sigmoid", "xavier", 0.1, True, 0.3, True)
    net = MultiLayerNetExtend(*book)
    assert [type(layer) for layer in net.layers.values()].count(zk.Sigmoid) == 2
    assert net.arguments == dict(
        zip(list(inspect.signature(MultiLayerNetExtend).parameters)[:9], book, strict=True)
    )
    assert MultiLayerNet(*book[:6]).arguments["weight_decay_lambda"] == 0.1


@BOTH
@pytest.mark.parametrize(
    ("start", "wanted"),
    [
        *(("relu", (2 / 200) ** 0.5), ("he", (2 / 200) ** 0.5), ("He", (2 / 200) ** 0.5)),
        *(("sigmoid", 200**-0.5), ("xavier", 200**-0.5), (0.03, 0.03)),
    ],
)
def test_initial_weights(kind: Any, start: Any, wanted: float) -> None:
    net = kind(200, [300], 10, weight_init_std=start)
    assert net.params["W1"].std() == pytest.approx(wanted, rel=0.02)
    assert not net.params["b1"].any()


def test_both_spellings_of_the_ratio() -> None:
    by_book = MultiLayerNetExtend(4, [3], 2, use_dropout=True, dropout_ration=0.15)
    by_field = MultiLayerNetExtend(4, [3], 2, use_dropout=True, dropout_ratio=0.15)
    assert by_book.arguments == by_field.arguments
    assert by_book.layers["dropout1"].config()["ratio"] == 0.15


@BOTH
def test_decay_is_part_of_the_loss_and_of_the_gradients(
    kind: Any, rng: np.random.Generator
) -> None:
    x, t = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
    plain = kind(4, [5, 5], 3, "sigmoid", dtype=np.float64)
    net = kind(4, [5, 5], 3, "sigmoid", weight_decay_lambda=0.3, dtype=np.float64)
    assert np.array_equal(net.flat_params, plain.flat_params)
    penalty = 0.15 * sum(np.sum(W**2) for W in weights(net))
    assert net.loss(x, t) == pytest.approx(plain.loss(x, t) + penalty, rel=1e-13)
    without, found = plain.gradient(x, t), net.gradient(x, t)
    for name, gradient in found.items():
        extra = 0.3 * net.params[name] if name.startswith("W") else 0
        np.testing.assert_allclose(gradient, without[name] + extra, rtol=1e-12, atol=1e-15)
    measured = net.numerical_gradient(x, t)
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, measured[name], rtol=1e-6, atol=1e-9)
    assert net.accuracy(x, t) == plain.accuracy(x, t)
    np.testing.assert_allclose(net.predict(x), plain.predict_eagerly(x), rtol=1e-12)


def test_without_the_loss_there_is_no_penalty(rng: np.random.Generator) -> None:
    x, t = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
    net, plain = (MultiLayerNet(4, [5], 3, weight_decay_lambda=decay) for decay in (0.3, 0))
    dout = rng.standard_normal((6, 3))
    net.compute_gradient(x, t)
    for each in (net, plain):
        each.forward(x)
        each.backward(dout)
    np.testing.assert_allclose(net.flat_grads, plain.flat_grads, rtol=1e-6)


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_compiled_step_decays_too(kind: Any, dtype: Any, rng: np.random.Generator) -> None:
    x, t = rng.standard_normal((20, 4)), rng.integers(0, 3, 20)
    eager, compiled = (kind(4, [5], 3, weight_decay_lambda=0.2, dtype=dtype) for _ in range(2))
    optimizer = zk.SGD(lr=0.5)
    step = zk.compile_step(compiled, zk.SGD(lr=0.5), x, t, batch_size=10)
    for start in (0, 10, 5):
        rows = np.arange(start, start + 10)
        value = eager.compute_gradient(x[rows], t[rows])
        assert value.dtype == dtype
        optimizer.update(eager.flat_params, eager.flat_grads)
        assert step(rows) == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(compiled.flat_params, eager.flat_params, rtol=1e-4, atol=1e-6)


def test_decay_makes_the_weights_smaller() -> None:
    train, _ = zk.data.load_digits()
    norms = []
    for decay in (0.0, 0.1):
        net = MultiLayerNet(64, [20, 20], 10, weight_decay_lambda=decay)
        zk.fit(net, train, epochs=5, evaluate=False)
        norms.append(sum(float(np.sum(W**2)) for W in weights(net)))
    assert norms[1] < norms[0] / 2


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_with_batch_normalization(
    decay: float, training: bool, rng: np.random.Generator
) -> None:
    net = MultiLayerNetExtend(4, [6, 5], 3, weight_decay_lambda=decay, use_batchnorm=True)
    report = zk.gradcheck(
        net, rng.standard_normal((7, 4)), rng.integers(0, 3, 7), training=training
    )
    assert report.ok, report
    assert [row.name for row in report.rows][1:5] == ["W1", "b1", "gamma1", "beta1"]


def test_by_the_books_own_formulas(rng: np.random.Generator) -> None:
    """Two layers with everything on, in training without noise and in inference."""
    net = MultiLayerNetExtend(4, [5], 3, use_dropout=True, dropout_ration=0.25, use_batchnorm=True)
    net = net.astype(np.float64)
    net.params["gamma1"] = rng.uniform(0.5, 2, 5)
    net.params["beta1"] = rng.standard_normal(5)
    p, x = net.params, rng.standard_normal((8, 4))
    a = x @ p["W1"] + p["b1"]
    net.forward(x, training=True)
    mean, var = 0.1 * a.mean(axis=0), 0.9 + 0.1 * a.var(axis=0)
    normal = (a - mean) / np.sqrt(var + 10e-7)
    hidden = np.maximum(p["gamma1"] * normal + p["beta1"], 0) * (1 - 0.25)
    np.testing.assert_allclose(net.predict_eagerly(x), hidden @ p["W2"] + p["b2"], rtol=1e-12)


def test_digits_are_learned_with_everything_on() -> None:
    train, test = zk.data.load_digits()
    net = MultiLayerNetExtend(
        64,
        [50, 50],
        10,
        weight_decay_lambda=1e-4,
        use_dropout=True,
        dropout_ratio=0.1,
        use_batchnorm=True,
    )
    history = zk.fit(net, train, test=test, optimizer=zk.Adam(lr=0.01), epochs=8)
    assert history.test_accuracy[-1] > 0.93


def trained(**options: Any) -> MultiLayerNetExtend:
    net = MultiLayerNetExtend(64, [12], 10, use_batchnorm=True, **options)
    zk.fit(net, zk.data.load_digits()[0], epochs=1, evaluate=False)
    return net


@pytest.mark.parametrize("options", [{}, {"use_dropout": True, "weight_decay_lambda": 0.01}])
def test_saved_and_loaded_as_the_model_it_is(options: Any, tmp_path: Path) -> None:
    net = trained(**options)
    zk.save(net, tmp_path / "net.safetensors")
    again = zk.load(tmp_path / "net.safetensors")
    assert type(again) is MultiLayerNetExtend
    assert again.arguments == net.arguments
    assert again.summary() == net.summary()
    x = zk.data.load_digits()[1][0]
    assert np.array_equal(again.predict_eagerly(x), net.predict_eagerly(x))


def test_weights_by_name_bring_the_running_values_along(tmp_path: Path) -> None:
    net, again = trained(), MultiLayerNetExtend(64, [12], 10, use_batchnorm=True)
    net.save_params(tmp_path / "weights.safetensors")
    held = safetensors.numpy.load_file(tmp_path / "weights.safetensors")
    assert set(held) == {*net.params, "running_mean1", "running_var1"}
    again.load_params(tmp_path / "weights.safetensors")
    x = zk.data.load_digits()[1][0]
    assert np.array_equal(again.predict_eagerly(x), net.predict_eagerly(x))
    running = again.layers["batchnormalization1"].state["running_mean"].copy()
    safetensors.numpy.save_file(
        {k: np.zeros_like(net.params[k]) for k in net.params}, tmp_path / "p.safetensors"
    )
    again.load_params(tmp_path / "p.safetensors")
    assert not again.flat_params.any()
    assert np.array_equal(again.layers["batchnormalization1"].state["running_mean"], running)
    del held["running_var1"]
    safetensors.numpy.save_file(held, tmp_path / "half.safetensors")
    with pytest.raises(ModelFileError, match="lacks parameters: 'running_var1'"):
        again.load_params(tmp_path / "half.safetensors")


REFUSED = [
    ({"activation": "tanh"}, "activation must be one of relu, sigmoid, got 'tanh'"),
    ({"weight_init_std": "x"}, "weight_init_std must be one of relu, he, sigmoid, xavier"),
    ({"weight_decay_lambda": -1}, "weight_decay_lambda must be 0 or more and finite, got -1"),
    ({"weight_decay_lambda": np.nan}, "got nan"),
    ({"hidden_size_list": []}, "hidden_size_list must hold at least one size"),
    ({"hidden_size_list": [3.5]}, "hidden_size_list takes whole numbers, got 3.5"),
    ({"input_size": "6"}, "input_size takes whole numbers, got '6'"),
]


@BOTH
@pytest.mark.parametrize(("options", "text"), REFUSED)
def test_bad_arguments_are_refused(kind: Any, options: Any, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        kind(**({"input_size": 6, "hidden_size_list": [5], "output_size": 3} | options))
    assert str(caught.value).startswith(f"{kind.__name__}: ")
    assert text in str(caught.value)


def test_bad_ratios_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"ratio must be from 0 to below 1, got 1\.0"):
        MultiLayerNetExtend(4, [3], 2, dropout_ration=1)
    with pytest.raises(ArgumentError, match="two spellings of one argument"):
        MultiLayerNetExtend(4, [3], 2, dropout_ration=0.5, dropout_ratio=0.5)
