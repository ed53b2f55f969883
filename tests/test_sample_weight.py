"""Weights of samples through a network, a training step and a whole training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara.errors import ArgumentError, DtypeError, ShapeError


def network(loss: Any = None) -> zk.Sequential:
    layers = [zk.Affine(6), zk.Tanh(), zk.Affine(3)]
    return zk.Sequential(layers, 4, loss=loss or zk.SoftmaxWithLoss(), rng=1, dtype=np.float64)


def data(rng: np.random.Generator, rows: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return rng.normal(size=(rows, 4)), rng.integers(0, 3, rows), rng.integers(0, 3, rows)


@pytest.mark.parametrize(
    "loss", [zk.SoftmaxWithLoss(), zk.SoftmaxWithLoss(0.1, [1, 2, 0.5])], ids=["plain", "options"]
)
def test_a_weight_is_so_many_repeats(loss, rng):
    net = network(loss)
    x, t, weight = data(rng)
    repeated = np.repeat(np.arange(12), weight)
    want = net.gradient(x[repeated], t[repeated])
    got = net.gradient(x, t, sample_weight=weight)
    measured = net.numerical_gradient(x, t, sample_weight=weight)
    for name in want:
        np.testing.assert_allclose(got[name], want[name], atol=1e-14)
        np.testing.assert_allclose(got[name], measured[name], atol=1e-8)
    assert net.loss(x, t, sample_weight=weight) == pytest.approx(net.loss(x[repeated], t[repeated]))


def test_a_compiled_step_counts_them(rng):
    x, t, weight = data(rng)
    net, truth = network(), network()
    step = zk.compile_step(net, zk.SGD(0.5), x, t, batch_size=12, sample_weight=weight)
    repeated = np.repeat(np.arange(12), weight)
    plain = zk.compile_step(truth, zk.SGD(0.5), x, t, batch_size=40)
    for _ in range(3):
        assert step(np.arange(12)) == pytest.approx(plain(repeated), rel=1e-12)
    np.testing.assert_allclose(net.flat_params, truth.flat_params, rtol=1e-12)


@pytest.mark.parametrize("options", [{}, {"accumulate": 3}, {"augment": lambda x, *_: x}])
def test_fit_counts_them(options, rng):
    """One batch of all samples is the same step, however it is fed."""
    x, t, weight = data(rng)
    nets = network(), network()
    size = 12 // options.get("accumulate", 1)
    for net, w in zip(nets, (weight, weight * 7.5), strict=True):  # only ratios count
        zk.fit(net, (x, t), optimizer=zk.SGD(0.5), batch_size=size, epochs=4, sample_weight=w,
               **options)  # fmt: skip
    np.testing.assert_allclose(nets[0].flat_params, nets[1].flat_params, rtol=1e-10)
    truth = network()
    repeated = np.repeat(np.arange(12), weight)
    zk.fit(truth, (x[repeated], t[repeated]), optimizer=zk.SGD(0.5), batch_size=40, epochs=4)
    np.testing.assert_allclose(nets[0].flat_params, truth.flat_params, rtol=1e-9)


def test_what_is_refused(rng):
    x, t, _ = data(rng)
    for weight, error in (
        (np.ones(11), ShapeError),
        (-np.ones(12), ArgumentError),
        (np.full(12, np.nan), ArgumentError),
        (["a"] * 12, DtypeError),
    ):
        with pytest.raises(error, match="sample weights"):
            zk.fit(network(), (x, t), epochs=1, sample_weight=weight)

    class Own(zk.layers.Loss):
        def forward(self, x, t, *, training=False):
            return np.mean(x)

        def backward(self, dout=1.0):
            return np.zeros((12, 3))

    with pytest.raises(ArgumentError, match=r"Own\.forward takes no sample_weight"):
        zk.fit(network(Own()), (x, t), epochs=1, sample_weight=np.ones(12))
