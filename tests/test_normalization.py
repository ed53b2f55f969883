"""BatchNormalization and LayerNormalization: formulas, running values, single rows, refusals."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError, DtypeError, OrderError, ShapeError
from zerokara.layers import BatchNormalization, LayerNormalization


def alone(count: int, rng: np.random.Generator, **options: Any) -> BatchNormalization:
    """A layer with a gamma and a beta that are not 1 and 0."""
    gamma, beta = rng.uniform(0.5, 2, count), rng.standard_normal(count)
    return BatchNormalization.from_arrays(gamma, beta, **options)


def network(dtype: Any = np.float64, momentum: float = 0.9) -> zk.Sequential:
    layers = [
        *(zk.Convolution(3, 3), zk.BatchNormalization(momentum), zk.ReLU()),
        *(zk.Affine(5), zk.BatchNormalization(momentum), zk.ReLU(), zk.Affine(2)),
    ]
    return zk.Sequential(layers, (1, 4, 4), loss=zk.SoftmaxWithLoss(), rng=2, dtype=dtype)


def digits_like(rng: np.random.Generator, rows: int = 40) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((rows, 1, 4, 4))
    return x, (x[:, 0, 0, 0] > 0).astype(np.int64)


def test_training_by_the_papers_formula(rng: np.random.Generator) -> None:
    layer = alone(3, rng, eps=1e-3)
    x = rng.normal(5, 3, (20, 3))
    y = layer.forward(x, training=True)
    for d in range(3):
        column = x[:, d]
        mean = sum(column) / 20
        var = sum((v - mean) ** 2 for v in column) / 20
        expected = (column - mean) / np.sqrt(var + 1e-3) * layer.gamma[d] + layer.beta[d]
        np.testing.assert_allclose(y[:, d], expected, rtol=1e-12, atol=1e-14)


def test_images_have_one_mean_a_channel(rng: np.random.Generator) -> None:
    layer, flat = BatchNormalization(), BatchNormalization()
    layer.build((3, 4, 5), rng, np.float64)
    flat.build((3,), rng, np.float64)
    x, dout = rng.normal(2, 3, (6, 3, 4, 5)), rng.standard_normal((6, 3, 4, 5))
    y = layer.forward(x, training=True)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, rtol=1e-5)

    def rows(images: np.ndarray) -> np.ndarray:
        return images.transpose(0, 2, 3, 1).reshape(-1, 3)

    np.testing.assert_allclose(flat.forward(rows(x), training=True), rows(y), rtol=1e-12)
    np.testing.assert_allclose(flat.backward(rows(dout)), rows(layer.backward(dout)), atol=1e-13)
    for key in ("gamma", "beta"):
        np.testing.assert_allclose(layer.grads[key], flat.grads[key], rtol=1e-12)
    for key in ("running_mean", "running_var"):
        np.testing.assert_allclose(layer.state[key], flat.state[key], rtol=1e-12)


def test_running_values_follow_by_momentum(rng: np.random.Generator) -> None:
    layer = alone(2, rng, momentum=0.75)
    mean, var = np.zeros(2), np.ones(2)
    for _ in range(5):
        x = rng.normal(3, 2, (9, 2))
        layer.forward(x, training=True)
        mean, var = 0.75 * mean + 0.25 * x.mean(axis=0), 0.75 * var + 0.25 * x.var(axis=0)
    np.testing.assert_allclose(layer.state["running_mean"], mean, rtol=1e-13)
    np.testing.assert_allclose(layer.state["running_var"], var, rtol=1e-13)
    held = copy.deepcopy(layer.state)
    x = rng.normal(3, 2, (4, 2))
    expected = (x - mean) / np.sqrt(var + 1e-6) * layer.gamma + layer.beta
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-12)
    assert all(np.array_equal(layer.state[key], held[key]) for key in held)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 2)])
def test_before_the_first_training_step_inference_leaves_x(
    shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    layer = BatchNormalization()
    layer.build(shape[1:], rng, np.float64)
    x = rng.normal(4, 5, shape)
    np.testing.assert_allclose(layer.forward(x), x, rtol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_one_row_is_normalized_by_the_running_values(
    training: bool, rng: np.random.Generator
) -> None:
    layer = alone(3, rng)
    layer.forward(rng.normal(2, 3, (50, 3)), training=True)
    held = copy.deepcopy(layer.state)
    x = rng.normal(2, 3, (1, 3))
    mean, var = layer.state["running_mean"], layer.state["running_var"]
    expected = (x - mean) / np.sqrt(var + 1e-6) * layer.gamma + layer.beta
    np.testing.assert_allclose(layer.forward(x, training=training), expected, rtol=1e-12)
    dx = layer.backward(np.ones((1, 3)))
    np.testing.assert_allclose(dx[0], layer.gamma / np.sqrt(var + 1e-6), rtol=1e-12)
    assert all(np.array_equal(layer.state[key], held[key]) for key in held)


def test_one_image_has_enough_numbers_of_its_own(rng: np.random.Generator) -> None:
    layer = BatchNormalization()
    layer.build((2, 3, 3), rng, np.float64)
    y = layer.forward(rng.normal(7, 2, (1, 2, 3, 3)), training=True)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-13)
    assert layer.state["running_mean"].all()


@pytest.mark.parametrize(("rows", "batch_size"), [(401, 50), (100, 1)])
def test_batches_of_one_row_are_learned_from(rows: int, batch_size: int) -> None:
    (x, t), _ = zk.data.load_digits()
    layers = [zk.Affine(30), zk.BatchNormalization(), zk.ReLU(), zk.Affine(10)]
    net = zk.Sequential(layers, 64, loss=zk.SoftmaxWithLoss())
    few = x[:rows], t[:rows]
    history = zk.fit(net, few, optimizer=zk.Adam(lr=0.005), epochs=10, batch_size=batch_size)
    assert len(history.loss) == 10 * -(-rows // batch_size)
    assert history.train_accuracy[-1] > 0.95


def test_a_constant_feature_is_finite(rng: np.random.Generator) -> None:
    layer = alone(2, rng)
    x = np.full((6, 2), 1e3)
    np.testing.assert_allclose(layer.forward(x, training=True), np.tile(layer.beta, (6, 1)))
    assert np.all(np.isfinite(layer.backward(rng.standard_normal((6, 2)))))


def test_nan_goes_out_and_not_into_the_running_values(rng: np.random.Generator) -> None:
    layer = alone(2, rng)
    x = rng.standard_normal((5, 2))
    x[3, 1] = np.nan
    y = layer.forward(x, training=True)
    assert np.isnan(y[:, 1]).all()
    assert np.isfinite(y[:, 0]).all()
    assert np.isnan(layer.backward(np.ones((5, 2)))[:, 1]).all()
    assert np.isfinite(layer.state["running_mean"]).all()
    assert layer.state["running_mean"][0] != 0


@pytest.mark.parametrize("training", [True, False])
def test_a_whole_networks_gradients_are_proven(training: bool, rng: np.random.Generator) -> None:
    net = network()
    x, t = digits_like(rng, 6)
    net.compute_gradient(x, t)  # running values that are not 0 and 1
    report = zk.gradcheck(net, x, t, training=training)
    assert report.ok, report
    measured = net.numerical_gradient(x, t)
    for name, gradient in net.gradient(x, t).items():
        np.testing.assert_allclose(gradient, measured[name], rtol=1e-5, atol=1e-8)


def test_asking_for_a_gradient_leaves_the_running_values(rng: np.random.Generator) -> None:
    net = network()
    x, t = digits_like(rng, 6)
    before = net.layers["batchnormalization2"].state["running_mean"].copy()
    net.gradient(x, t)
    assert np.array_equal(net.layers["batchnormalization2"].state["running_mean"], before)
    net.compute_gradient(x, t)
    assert not np.array_equal(net.layers["batchnormalization2"].state["running_mean"], before)


def test_running_values_are_in_the_model_file(tmp_path: Path, rng: np.random.Generator) -> None:
    net = network(np.float32, momentum=0.5)
    x, t = digits_like(rng)
    zk.fit(net, (x, t), epochs=2, batch_size=10, evaluate=False)
    wanted = net.predict_eagerly(x)
    zk.save(net, tmp_path / "net.safetensors")
    again = zk.load(tmp_path / "net.safetensors")
    assert again.summary() == net.summary()
    assert "kept, not learned: 16 (running_mean, running_var)" in net.summary()
    assert again.layers["batchnormalization1"].state["running_var"].dtype == np.float32
    assert np.array_equal(again.predict_eagerly(x), wanted)
    assert np.array_equal(net.copy().predict_eagerly(x), wanted)
    np.testing.assert_allclose(again.predict(x), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_compiled_step_trains_it_alike(dtype: Any, rng: np.random.Generator) -> None:
    eager, compiled = network(dtype), network(dtype)
    x, t = digits_like(rng, 30)
    optimizer = zk.Momentum(lr=0.05)
    step = zk.compile_step(compiled, zk.Momentum(lr=0.05), x, t, batch_size=10)
    for rows in (np.arange(10), np.arange(10, 20), np.arange(5, 12), np.arange(3, 4)):
        value = eager.compute_gradient(x[rows], t[rows])
        optimizer.update(eager.flat_params, eager.flat_grads)
        assert step(rows) == pytest.approx(value, rel=1e-4)
    np.testing.assert_allclose(compiled.flat_params, eager.flat_params, rtol=2e-3, atol=1e-5)
    for name in ("batchnormalization1", "batchnormalization2"):
        for key, array in eager.layers[name].state.items():
            found = compiled.layers[name].state[key]
            np.testing.assert_allclose(found, array, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(compiled.predict(x), eager.predict(x), rtol=1e-3, atol=1e-4)


def test_the_scale_of_the_weights_before_it_does_not_matter(rng: np.random.Generator) -> None:
    x = rng.standard_normal((30, 4))
    outputs = []
    for scale in (1.0, 64.0):
        affine = zk.Affine.from_arrays(np.eye(4)[:, :3] * scale, np.full(3, 7.0))
        layer = BatchNormalization(eps=1e-12)
        layer.build((3,), rng, np.float64)
        outputs.append(layer.forward(affine.forward(x), training=True))
    np.testing.assert_allclose(*outputs, rtol=1e-9)


@pytest.mark.parametrize(
    ("shape", "axis"), [((7, 5), -1), ((4, 3, 5), -1), ((4, 3, 5), 2), ((4, 2, 3, 2), 1)]
)
def test_layer_normalization_by_its_formula(
    shape: tuple[int, ...], axis: int, rng: np.random.Generator
) -> None:
    layer = LayerNormalization(axis, eps=1e-4)
    layer.build(shape[1:], rng, np.float64)
    first = axis % len(shape)
    assert layer.gamma.shape == shape[first:]
    layer.params["gamma"] = rng.uniform(0.5, 2, shape[first:])
    layer.params["beta"] = rng.standard_normal(shape[first:])
    x = rng.normal(3, 2, shape)
    y = layer.forward(x, training=True)
    for place in np.ndindex(shape[:first]):
        part = x[place]
        expected = (part - part.mean()) / np.sqrt(part.var() + 1e-4) * layer.gamma + layer.beta
        np.testing.assert_allclose(y[place], expected, rtol=1e-12, atol=1e-14)
    assert np.array_equal(layer.forward(x), y)


def test_a_layer_around_given_arrays_keeps_them(rng: np.random.Generator) -> None:
    gamma, beta = rng.uniform(1, 2, 3), rng.standard_normal(3)
    layer = BatchNormalization.from_arrays(gamma, beta, [1, 2, 3], [4, 5, 6], eps=1e-9)
    assert layer.gamma is gamma
    x = rng.standard_normal((4, 3))
    expected = (x - [1, 2, 3]) / np.sqrt([4, 5, 6]) * gamma + beta
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-8)
    net = zk.Sequential([layer], 3, dtype=np.float64)
    np.testing.assert_allclose(net.predict(x), expected, rtol=1e-8)
    rows = LayerNormalization.from_arrays(gamma, beta)
    assert rows.forward(x).shape == (4, 3)
    assert zk.Sequential([rows], (2, 3), dtype=np.float64).params["layernormalization1.beta"].any()


def built(layer: zk.Layer, shape: tuple[int, ...]) -> Any:
    layer.build(shape, np.random.default_rng(0), np.float64)
    return layer


ONES = np.ones(3)
REFUSED = [
    (lambda: BatchNormalization(1.0), ArgumentError, "momentum must be from 0 to below 1, got 1.0"),
    (lambda: BatchNormalization(eps=0), ArgumentError, "eps must be above 0 and finite, got 0"),
    (lambda: LayerNormalization(eps=np.nan), ArgumentError, "eps must be above 0"),
    (lambda: LayerNormalization(0), ArgumentError, "other than 0, the batch axis, got 0"),
    (lambda: built(BatchNormalization(), (2, 3)), ShapeError, "(D,) or images (C, H, W), got (2,"),
    (lambda: built(LayerNormalization(3), (2,)), ShapeError, "axis 3 is none of (N, ...)"),
    (lambda: built(LayerNormalization(-2), (2,)), ShapeError, "samples of shape (2,)"),
    (lambda: BatchNormalization().forward(np.ones((2, 2))), OrderError, "gamma does not exist"),
    (
        lambda: BatchNormalization.from_arrays(ONES, ONES).forward(np.ones((2, 4))),
        ShapeError,
        "x of shape (2, 4) does not fit gamma of shape (3,)",
    ),
    (
        lambda: LayerNormalization.from_arrays(ONES, ONES).forward(np.ones((3,))),
        ShapeError,
        "expected (N, ...) that ends in (3,)",
    ),
    (lambda: BatchNormalization.from_arrays(ONES, np.ones(2)), ShapeError, "one shape, got (3,)"),
    (lambda: BatchNormalization.from_arrays(ONES, ONES.astype(int)), DtypeError, "and int64"),
    (
        lambda: BatchNormalization.from_arrays(ONES, ONES, None, -ONES),
        ArgumentError,
        "a running variance is 0 or more, got -1",
    ),
    (
        lambda: zk.Sequential([BatchNormalization.from_arrays(ONES, ONES)], 4),
        ShapeError,
        "gamma has shape (3,); the input needs (4,)",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
    assert "Normalization" in str(caught.value)
