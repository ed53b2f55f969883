"""Batch normalization in programs: sums of whole columns in training, folded away in inference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_cases import ISAS, compare, compiled, eager_step, needs_core, unit, using
from image_cases import build, pick, random_images

import zerokara as zk
from zerokara.engine.inference import compile_inference

pytestmark = [needs_core, pytest.mark.native]
DTYPES = (np.float32, np.float64)


def momentum() -> Any:
    return zk.Momentum(0.02, 0.5)


def random_network(rng: np.random.Generator, dtype: Any) -> zk.Network:
    """On rows or images, behind a product, an activation, another one or the input.

    In float32 with the mean of a window: which number of it is the greatest may hang on a rounding.
    """
    pool = zk.MaxPool if dtype == np.float64 else zk.AveragePool
    on_images = rng.random() < 0.5
    shape = (3, 6, 7) if on_images else (int(rng.integers(1, 40)),)
    layers: list[Any] = []
    if rng.random() < 0.3:
        layers.append(zk.BatchNormalization(0.7, 1e-3))
    for _ in range(2):
        width = int(rng.integers(1, 40))
        layers.append(zk.Convolution(width, 3, pad=1) if on_images else zk.Affine(width))
        layers += [zk.BatchNormalization(float(rng.uniform(0, 0.95)), 1e-2), pick(rng)]
        if on_images and rng.random() < 0.5:
            layers += [pool(2, 1), zk.BatchNormalization(eps=1e-2)]
    layers += [zk.Affine(4)] if rng.random() < 0.7 else [zk.Flatten()]
    return build(rng, layers, shape, dtype)


def same_state(mine: zk.Network, truth: zk.Network, tolerance: float) -> None:
    for layer, other in zip(mine.layers.values(), truth.layers.values(), strict=True):
        for name, state in layer.state.items():
            np.testing.assert_allclose(state, other.state[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_random_networks(isa, dtype, rng):
    compared = asked = 0
    with using(isa):
        for number in range(30):
            net = random_network(rng, dtype)
            x, t = random_images(rng, net, 40)
            # A few rows may be so alike that dividing by their deviation enlarges every rounding.
            few = number % 5 + (2 if dtype == np.float64 else 9)
            batches = [rng.integers(0, 40, rows) for rows in (40, 13, few)]
            result = compare(net, momentum, x, t, batches)
            compared, asked = compared + result.compared, asked + result.asked
            truth = net.astype(np.float64)
            inference = compile_inference(net)
            assert inference is not None
            for rows in (40, 2):  # packed, and as it is stored
                want = truth.forward(x[:rows].astype(np.float64))
                error = np.abs(inference(x[:rows]) - want).max() / max(1, np.abs(want).max())
                assert error <= 10 * unit(net, 40)
    assert compared > 0.6 * asked


def test_running_values_and_a_batch_of_one_row(rng):
    """One row has no variance: the running values serve, and stay as they are."""
    layers = [zk.Affine(9), zk.BatchNormalization(0.8), zk.ReLU(), zk.Affine(3)]
    net = zk.Sequential(layers, 5, loss=zk.SoftmaxWithLoss(), dtype=np.float64)
    truth = net.copy()
    x, t = rng.normal(size=(30, 5)), rng.integers(0, 3, 30)
    step, eager = compiled(net, momentum(), x, t, 20), eager_step(truth, momentum(), x, t)
    assert "Python calls: 0" in str(step.program)
    for batch in ([*range(20)], [3], [5, 6], [7], [*range(10)]):
        assert step(batch) == pytest.approx(eager(batch), rel=1e-12)
        same_state(net, truth, 1e-12)
    np.testing.assert_allclose(net.flat_params, truth.flat_params, rtol=1e-10, atol=1e-15)


class Twice(zk.Layer):
    """A layer of the user's own, which the program calls with the whole batch."""

    def forward(self, x, *, training=False):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


@pytest.mark.parametrize("shape", [(9,), (4, 5, 6)])
def test_next_to_a_layer_in_python(shape, rng):
    """Sums of columns then have a segment of their own: none that they could end comes before."""
    width: Any = zk.Affine(8) if len(shape) == 1 else zk.Convolution(8, 3)
    layers: list[Any] = [Twice(), zk.BatchNormalization(), Twice(), width, Twice()]
    layers += [zk.BatchNormalization(), zk.ReLU(), Twice(), zk.BatchNormalization(), zk.Affine(3)]
    net = zk.Sequential(layers, shape, loss=zk.SoftmaxWithLoss(), dtype=np.float64)
    truth = net.copy()
    x, t = rng.normal(size=(40, *shape)), rng.integers(0, 3, 40)
    step, eager = compiled(net, momentum(), x, t, 40), eager_step(truth, momentum(), x, t)
    for rows in (40, 17, 2, 1):
        batch = rng.permutation(40)[:rows]
        assert step(batch) == pytest.approx(eager(batch), rel=1e-11)
        same_state(net, truth, 1e-12)
    np.testing.assert_allclose(net.flat_params, truth.flat_params, rtol=1e-9, atol=1e-12)


def test_a_bad_batch_does_not_spoil_the_running_values(rng):
    net = zk.Sequential(
        [zk.Affine(5), zk.BatchNormalization(), zk.Affine(3)], 4, loss=zk.SoftmaxWithLoss()
    )
    x, t = rng.normal(size=(6, 4)).astype(np.float32), np.zeros(6, np.int64)
    x[2, 1] = 1e30
    net.params["affine1.W"][1, 2] = 1e30  # their product is above what float32 holds
    truth = net.copy()
    with np.errstate(invalid="ignore", over="ignore"):
        assert not np.isfinite(compiled(net, momentum(), x, t, 6)(range(6)))
        eager_step(truth, momentum(), x, t)(range(6))
    same_state(net, truth, 1e-6)
    assert np.isfinite(net.layers["batchnormalization1"].state["running_mean"]).all()


def test_in_inference_nothing_is_left_of_it(rng):
    layers: list[Any] = [zk.Convolution(4, 3), zk.BatchNormalization(), zk.ReLU(), zk.MaxPool(2)]
    layers += [zk.Affine(6), zk.BatchNormalization(), zk.Tanh(), zk.Affine(2)]
    net = build(rng, layers, (1, 8, 8), np.float32)
    inference = compile_inference(net)
    assert inference is not None
    text = str(inference.program)
    assert "batchnormalization1:" not in text.split("fused:")[0]
    assert text.count("scaled and shifted") >= 2
    x = rng.normal(size=(9, 1, 8, 8)).astype(np.float32)
    before = inference(x)
    net.layers["batchnormalization1"].state["running_mean"][:] = 2
    assert not np.allclose(inference(x), before)  # read anew at each call
    np.testing.assert_allclose(inference(x), net.forward(x), atol=1e-5)
