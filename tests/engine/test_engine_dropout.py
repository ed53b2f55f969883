"""Dropout fused with what lies around it: the same noise, and the gradients of the maths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_cases import ISAS, compiled, eager_step, needs_core, using

import zerokara as zk
from zerokara.engine.image_kernels import Dropout
from zerokara.engine.program import AffineBack, Entrywise

pytestmark = [needs_core, pytest.mark.native]

BOTH = [False, True]
AROUND: dict[str, Any] = {
    "relu": lambda drop: [zk.Affine(37), zk.ReLU(), drop],
    "tanh": lambda drop: [zk.Affine(37), zk.Tanh(), drop],
    "none": lambda drop: [zk.Affine(37), drop],
    "before": lambda drop: [zk.Affine(37), drop, zk.ReLU()],
    "norm": lambda drop: [zk.Affine(37), zk.BatchNormalization(), zk.ReLU(), drop],
    "curve": lambda drop: [zk.Affine(37), zk.GELU(), drop],
    "twice": lambda drop: [zk.Affine(37), zk.ReLU(), drop, zk.Dropout(0.2, seed=8)],
    "last": lambda drop: [zk.Affine(70), zk.ReLU(), zk.Affine(4), drop],
}


def kernels(step: Any, kind: type) -> list[Any]:
    return [kernel for kernel in step._plan.kernels if isinstance(kernel, kind)]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("book", BOTH)
@pytest.mark.parametrize("name", AROUND)
def test_gradients_are_those_of_the_maths(name: str, book: bool, isa: str, rng: Any) -> None:
    drop = zk.Dropout(0.4, scale_at_test=book, seed=2**62 + 3)
    layers = [*AROUND[name](drop), *([] if name == "last" else [zk.Affine(4)])]
    net = zk.Sequential(layers, 11, loss=zk.SoftmaxWithLoss(), dtype=np.float64)
    truth = net.copy()
    x, t = rng.normal(size=(60, 11)), rng.integers(0, 4, 60)
    with using(isa):
        step = compiled(net, zk.SGD(0.1), x, t, 29)
        true = eager_step(truth, zk.SGD(0.1), x, t)
        for rows in (29, 29, 2, 1, 17):
            batch = rng.integers(0, 60, rows)
            assert step(batch) == pytest.approx(true(batch), rel=1e-11)
    np.testing.assert_allclose(net.flat_params, truth.flat_params, rtol=1e-9, atol=1e-12)


def test_behind_relu_no_noise_is_kept(rng: Any) -> None:
    layers = [zk.Affine(8), zk.ReLU(), zk.Dropout(0.25), zk.Affine(3)]
    net = zk.Sequential(layers, 5, loss=zk.SoftmaxWithLoss())
    step = compiled(net, zk.SGD(), rng.normal(size=(9, 5)), rng.integers(0, 3, 9), 4)
    [dropout], [back] = kernels(step, Dropout), kernels(step, AffineBack)
    assert dropout.noise is None
    assert dropout.x is dropout.out is back.y
    assert back.factor == np.float32(1) / np.float32(0.75)
    assert not kernels(step, Entrywise)
    assert "W^T(3, 8) x 1.333 x relu'(dropout1)" in str(step.program)


def test_behind_another_activation_the_noise_is_part_of_the_product(rng: Any) -> None:
    layers = [zk.Affine(8), zk.Sigmoid(), zk.Dropout(0.25), zk.Affine(3)]
    net = zk.Sequential(layers, 5, loss=zk.SoftmaxWithLoss())
    step = compiled(net, zk.SGD(), rng.normal(size=(9, 5)), rng.integers(0, 3, 9), 4)
    [dropout], [back] = kernels(step, Dropout), kernels(step, AffineBack)
    assert dropout.noise is back.noise is not None
    assert back.y is dropout.x
    assert not kernels(step, Entrywise)
    assert "W^T(3, 8) x dropout1 noise x sigmoid'(sigmoid1)" in str(step.program)


def test_a_relu_that_somebody_else_reads_is_left_alone(rng: Any) -> None:
    """The sum of a ReLU's output and of what dropout left of it."""
    x = zk.Input("x", (5,))
    relu = zk.ReLU()(zk.Affine(8)(x))
    out = zk.Affine(3)(zk.Add()(zk.Dropout(0.5, seed=1)(relu), relu))
    net = zk.Network(out, loss=zk.SoftmaxWithLoss(), dtype=np.float64)
    truth = net.copy()
    data, t = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    step, true = (
        compiled(net, zk.SGD(), data, t, 16),
        eager_step(truth, zk.SGD(), data, t),
    )
    assert kernels(step, Dropout)[0].noise is not None
    for _ in range(3):
        batch = rng.integers(0, 40, 16)
        assert step(batch) == pytest.approx(true(batch), rel=1e-12)
    np.testing.assert_allclose(net.flat_params, truth.flat_params, rtol=1e-10)
