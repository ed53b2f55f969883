"""Programs of random networks against the maths of their layers, on every instruction set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_cases import (
    ISAS,
    LOSSES,
    OPTIMIZERS,
    ROWS,
    compare,
    compiled,
    eager_step,
    loss_layer,
    needs_core,
    random_data,
    random_network,
    unit,
    using,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import zerokara as zk

pytestmark = [needs_core, pytest.mark.native]
DTYPES = (np.float32, np.float64)


def draw_batches(rng: np.random.Generator, samples: int, rows: int) -> list[Any]:
    """Three batches of so many rows, then a smaller last one."""
    return [rng.integers(0, samples, rows) for _ in range(3)] + [np.arange(max(1, rows // 2))]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_random_networks(isa, dtype, rng):
    compared = asked = 0
    for number in range(42):  # every optimizer with every depth, losses and rows by turns
        name = list(OPTIMIZERS)[number % 7]
        loss, rows = LOSSES[number % 5], ROWS[number % 10]
        options = {} if number % 3 else {"weight_decay": 0.02}
        options |= {"clip_norm": 0.3} if number % 4 == 0 else {}
        net = random_network(rng, number // 7 + number % 2, loss, dtype)
        samples = max(rows, 30)
        x, t = random_data(rng, net, loss, samples)
        with using(isa):
            result = compare(
                net,
                lambda name=name, options=options: OPTIMIZERS[name](**options),
                x,
                t,
                draw_batches(rng, samples, rows),
            )
        compared, asked = compared + result.compared, asked + result.asked
    assert compared > 0.7 * asked  # the others end at a kink of a ReLU


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_wide_layers(isa, dtype, rng):
    """Layers that threads share by columns, one of them cut in its depth amid a panel."""
    layers = [zk.Affine(470), zk.Tanh(), zk.Affine(530), zk.Tanh(), zk.Affine(400), zk.Sigmoid()]
    net = zk.Sequential([*layers, zk.Affine(7)], 30, loss=zk.SoftmaxWithLoss(), dtype=dtype, rng=3)
    x, t = random_data(rng, net, "labels", 90)
    batches = [rng.integers(0, 90, rows) for rows in (80, 80, 30)]
    with using(isa):
        result = compare(net, OPTIMIZERS["Adam"], x, t, batches)
    assert result.compared == 3


@given(
    seed=st.integers(0, 2**32),
    depth=st.integers(0, 6),
    loss=st.sampled_from(LOSSES),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    rows=st.integers(1, 40),
    widths=st.lists(st.integers(1, 70), min_size=1, max_size=4),
    clip_norm=st.sampled_from([None, 0.01, 1.0]),
    isa=st.sampled_from(ISAS or ["none"]),
)
@settings(max_examples=30)
def test_any_network(seed, depth, loss, optimizer, rows, widths, clip_norm, isa):
    rng = np.random.default_rng(seed)
    net = random_network(rng, depth, loss, np.float64, tuple(widths))
    x, t = random_data(rng, net, loss, 40)
    with using(isa):
        compare(
            net,
            lambda: OPTIMIZERS[optimizer](clip_norm=clip_norm),
            x,
            t,
            draw_batches(rng, 40, rows),
        )


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("clip_norm", [None, 1e-3, 1e6])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("isa", ISAS)
def test_every_optimizer_with_decay_and_clipping(isa, name, clip_norm, decay, rng):
    net = zk.Sequential(
        [zk.Affine(17), zk.Tanh(), zk.Affine(5)], 11, loss=zk.SoftmaxWithLoss(), dtype=np.float64
    )
    x, t = random_data(rng, net, "labels", 20)
    with using(isa):
        result = compare(
            net,
            lambda: OPTIMIZERS[name](weight_decay=decay, clip_norm=clip_norm),
            x,
            t,
            [np.arange(20)] * 5,
        )
    assert result.compared == 5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_compiled_and_eager_steps_share_one_state(name, dtype, rng):
    def steps() -> tuple[zk.Network, Any, list[Any]]:
        net = zk.Sequential(
            [zk.Affine(9), zk.Sigmoid(), zk.Affine(4)], 6, loss=zk.IdentityWithLoss(), dtype=dtype
        )
        optimizer = OPTIMIZERS[name](weight_decay=0.01)
        return net, optimizer, [eager_step(net, optimizer, x, t)]

    x, t = rng.normal(size=(30, 6)).astype(np.float32), rng.normal(size=(30, 4)).astype(np.float32)
    mixed, mixed_optimizer, ways = steps()
    ways.append(compiled(mixed, mixed_optimizer, x, t, 8))
    alone, alone_optimizer, (only,) = steps()
    for number in range(8):
        batch = rng.integers(0, 30, 8)
        assert ways[(number // 2) % 2](batch) == pytest.approx(only(batch), rel=unit(mixed, 8) * 8)
    assert mixed_optimizer.steps == alone_optimizer.steps == 8
    assert np.abs(mixed.flat_params - alone.flat_params).max() < 8 * unit(mixed, 8)


def test_optimizer_numbers_changed_between_steps_are_used(rng):
    net = zk.Sequential([zk.Affine(3)], 4, loss=zk.IdentityWithLoss(), dtype=np.float64)
    twin = net.copy()
    x, t = rng.normal(size=(10, 4)), rng.normal(size=(10, 3))
    fast, slow = zk.Momentum(0.1), zk.Momentum(0.1)
    ways = [compiled(net, fast, x, t, 10), eager_step(twin, slow, x, t)]
    for lr, momentum, decay, clip in [(0.1, 0.9, 0, None), (0.01, 0.5, 0.1, 0.1), (0.0, 0.0, 0, 9)]:
        for optimizer, way in zip((fast, slow), ways, strict=True):
            optimizer.lr, optimizer.momentum = lr, momentum
            optimizer.weight_decay, optimizer.clip_norm = decay, clip
            way(np.arange(10))
        np.testing.assert_allclose(net.flat_params, twin.flat_params, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["sigmoid", "identity"])
@pytest.mark.parametrize("shape", [(12,), (12, 1)])
def test_one_score_a_sample_takes_either_shape_of_targets(kind, shape, rng):
    net = zk.Sequential([zk.Affine(1)], 3, loss=loss_layer(kind), dtype=np.float64)
    result = compare(net, zk.SGD, rng.normal(size=(12, 3)), rng.random(shape), [np.arange(12)] * 2)
    assert result.compared == 2


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_image_inputs_and_activations_in_front(name, rng):
    net = zk.Sequential(
        [zk.Sigmoid(), zk.Affine(7), zk.Tanh(), zk.Identity(), zk.Affine(3), zk.Softmax()],
        (2, 3, 5),
        loss=zk.IdentityWithLoss(),
        dtype=np.float64,
    )
    x, t = rng.normal(size=(9, 2, 3, 5)), rng.random((9, 3))
    assert compare(net, OPTIMIZERS[name], x, t, [np.arange(9)] * 3).compared == 3


def test_a_network_without_parameters_has_its_loss(rng):
    net = zk.Sequential([zk.Tanh()], 3, loss=zk.SoftmaxWithLoss(), dtype=np.float64)
    x, t = rng.normal(size=(5, 3)), np.arange(5) % 3
    step = compiled(net, zk.SGD(), x, t, 5)
    assert step(np.arange(5)) == pytest.approx(float(net.loss(x, t)), rel=1e-14)
