"""NaN and infinity go where NumPy has them, and a loss that is neither number ends a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_cases import BAD, ISAS, assert_same_kinds, compiled, eager_step, needs_core, using

import zerokara as zk

pytestmark = [needs_core, pytest.mark.native]
DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "activation", [zk.Identity, zk.ReLU, zk.Sigmoid, zk.Tanh, zk.Softmax], ids=lambda a: a.__name__
)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_bad_inputs_and_weights_come_through_predict(isa, activation, dtype, rng):
    for rows in (1, 2, 3, 4, 19):
        for bad in BAD:
            inputs, outputs = (int(n) for n in rng.integers(1, 40, 2))
            net = zk.Sequential([zk.Affine(outputs), activation()], inputs, dtype=dtype)
            x = rng.normal(size=(rows, inputs)).astype(dtype)
            x[rng.random(x.shape) < 0.3] = 0  # 0 * inf is NaN: a zero hides nothing
            dirty = int(rng.integers(rows))
            with using(isa):
                clean = net.predict(x)
                x[dirty, int(rng.integers(inputs))] = bad
                got = net.predict(x)
                assert_same_kinds(got, net.predict_eagerly(x))
                others = np.arange(rows) != dirty
                np.testing.assert_array_equal(got[others], clean[others])
                weights = net.params["affine1.W"]
                weights[int(rng.integers(inputs)), int(rng.integers(outputs))] = bad
                assert_same_kinds(net.predict(x), net.predict_eagerly(x))


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_bad_bias_reaches_its_column_alone(isa, bad):
    net = zk.Sequential([zk.Affine(9)], 5)
    net.params["affine1.b"][8] = bad
    for rows in (1, 3, 20):
        with using(isa):
            out = net.predict(np.ones((rows, 5), np.float32))
        assert np.isfinite(out[:, :8]).all()
        np.testing.assert_array_equal(out[:, 8], np.float32(bad))


def networks(dtype: Any) -> list[zk.Network]:
    return [
        zk.Sequential([zk.Affine(6), zk.Tanh(), zk.Affine(3)], 5, loss=loss, dtype=dtype)
        for loss in (zk.SoftmaxWithLoss(), zk.SigmoidWithLoss(), zk.IdentityWithLoss())
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_data_that_turns_bad_ends_the_run_without_that_update(isa, dtype, rng):
    for net in networks(dtype):
        x, t = rng.normal(size=(20, 5)).astype(dtype), np.eye(3)[rng.integers(0, 3, 20)]
        good, optimizer = zk.Adam(), zk.Adam()
        twin = net.copy()
        with using(isa):
            step = compiled(net, optimizer, x, t, 4)
            expected = compiled(twin, good, x.copy(), t, 4).run(np.arange(8), [0, 4, 8])
        x[9, 2] = np.nan  # in the third batch; the program reads the user's own array
        losses = step.run(np.arange(20), [0, 4, 8, 12, 16, 20])
        np.testing.assert_array_equal(losses[:2], expected)
        assert len(losses) == 3
        assert np.isnan(losses[2])
        assert optimizer.steps == good.steps == 2
        np.testing.assert_array_equal(net.flat_params, twin.flat_params)
        for slot in optimizer.slots:
            np.testing.assert_array_equal(optimizer.state[""][slot], good.state[""][slot])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("loss", [0, 1, 2], ids=["softmax", "sigmoid", "identity"])
def test_a_learning_rate_that_is_too_large_ends_where_the_maths_ends(isa, dtype, loss, rng):
    losses_of = (zk.SoftmaxWithLoss, zk.SigmoidWithLoss, zk.IdentityWithLoss)
    layers = [zk.Affine(6), zk.Affine(3)]  # nothing between them that could saturate
    net = zk.Sequential(layers, 5, loss=losses_of[loss](), dtype=dtype)
    twin = net.copy()
    x, t = rng.normal(size=(12, 5)), np.eye(3)[rng.integers(0, 3, 12)]
    # The square of this overflows, with no sum anywhere near the largest number.
    lr = {np.float32: 1e20, np.float64: 1e160}[dtype]
    fast, slow = zk.SGD(lr), zk.SGD(lr)
    indices, bounds = np.tile(np.arange(12), 8), np.arange(0, 97, 4)
    with using(isa):
        losses = compiled(net, fast, x, t, 4).run(indices, bounds)
    want = eager_step(twin, slow, x, t).run(indices, bounds)
    assert not np.isfinite(want[-1])
    assert len(losses) == len(want)
    assert not np.isfinite(losses[-1])
    assert fast.steps == slow.steps == len(want) - 1
    assert_same_kinds(net.flat_params, twin.flat_params)


@pytest.mark.parametrize("isa", ISAS)
def test_scores_that_overflow_exp_keep_a_finite_loss(isa):
    """Softmax and sigmoid losses of huge scores are large, not infinite."""
    x = np.array([[1e4], [-1e4]])
    for loss, t in ((zk.SoftmaxWithLoss(), [1, 0]), (zk.SigmoidWithLoss(), [[0, 1], [1, 0]])):
        net = zk.Sequential(
            [zk.Affine.from_arrays(np.array([[1.0, -1.0]]), np.zeros(2))], 1, loss=loss
        )
        twin = net.copy()
        with using(isa):
            got = compiled(net, zk.SGD(1e-6), x, np.array(t), 2)(np.arange(2))
        want = eager_step(twin, zk.SGD(1e-6), x, np.array(t))(np.arange(2))
        assert got == pytest.approx(want, rel=1e-6)
        assert got == pytest.approx(2e4, rel=1e-6)
        np.testing.assert_allclose(net.flat_params, twin.flat_params, rtol=1e-6)


def test_clipping_with_a_gradient_that_overflows_does_as_the_maths_does(rng):
    nets = [zk.Sequential([zk.Affine(2)], 2, loss=zk.IdentityWithLoss()) for _ in range(2)]
    x, t = np.full((2, 2), 1e25, np.float32), np.full((2, 2), 1e15, np.float32)
    for net in nets:
        net.flat_params[...] = 0
    compiled(nets[0], zk.SGD(1.0, clip_norm=1.0), x, t, 2)(np.arange(2))
    eager_step(nets[1], zk.SGD(1.0, clip_norm=1.0), x, t)(np.arange(2))
    assert_same_kinds(nets[0].flat_params, nets[1].flat_params)


@pytest.mark.parametrize("isa", ISAS)
def test_a_loss_that_float32_cannot_hold_ends_the_run_as_in_the_maths(isa):
    """Scores of 1e25 are finite in float32, half their square is not."""
    nets = [
        zk.Sequential(
            [zk.Affine.from_arrays(np.ones((1, 1)), np.zeros(1))], 1, loss=zk.IdentityWithLoss()
        )
        for _ in range(2)
    ]
    x, t = np.full((1, 1), 1e25, np.float32), np.zeros((1, 1), np.float32)
    optimizer = zk.SGD(1.0)
    with using(isa):
        loss = compiled(nets[0], optimizer, x, t, 1)(np.arange(1))
    assert eager_step(nets[1], zk.SGD(1.0), x, t)(np.arange(1)) == np.inf
    assert loss == np.inf
    assert optimizer.steps == 0
    np.testing.assert_array_equal(nets[0].flat_params, [1, 0])
