"""Zeros of the data are left out of the first layer's products, and no bit tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bits_script import digest
from engine_cases import BAD, ISAS, assert_same_kinds, compiled, eager_step, needs_core, using

import zerokara as zk
from zerokara.engine import compile_inference

pytestmark = [needs_core, pytest.mark.native]
DTYPES = (np.float32, np.float64)
SAID = "zeros of the data, as last looked at: left out of"


def pictures(rng: np.random.Generator, rows: int, side: int, dtype: Any = np.uint8) -> np.ndarray:
    """Squares whose margin is 0, and two thirds of what is within."""
    x = rng.integers(1, 256, (rows, side, side))
    x[rng.random(x.shape) < 2 / 3] = 0
    x[:, : side // 4] = x[:, -side // 4 :] = x[:, :, : side // 4] = 0
    return x.reshape(rows, -1).astype(dtype)


def network(inputs: int, widths: tuple[int, ...], dtype: Any = np.float32) -> zk.Network:
    layers = [layer for width in widths for layer in (zk.Affine(width), zk.ReLU())]
    return zk.Sequential([*layers, zk.Affine(10)], inputs, loss=zk.SoftmaxWithLoss(), dtype=dtype)


def words(program: Any) -> str | None:
    found = [line for line in str(program).splitlines() if line.startswith(SAID)]
    return found[0].removeprefix(SAID).strip() if found else None


def test_the_program_says_what_is_left_out(rng):
    sparse, t = pictures(rng, 60, 28), rng.integers(0, 10, 60)
    dense = rng.integers(1, 256, sparse.shape).astype(np.uint8)
    # Every second pixel, anywhere: four neighbours are seldom zero together.
    holes = np.where(rng.random(sparse.shape) < 0.5, dense, 0)
    # Rows that share nothing are sparse one by one, and not tile by tile.
    apart = np.zeros_like(dense)
    for i, row in enumerate(apart):
        row[i // 10 * 130 : i // 10 * 130 + 130] = 9
    for x, width, expected in (
        (sparse, 50, "x W and dW"),
        (sparse, 47, None),
        (dense, 50, None),
        (holes, 50, None),
        (apart, 50, "dW"),
    ):
        step = compiled(network(784, (width,)), zk.SGD(0.1), zk.data.Pixels(x), t, 60)
        assert words(step.program) is None, "nothing has been looked at yet"
        step(np.arange(60))
        assert words(step.program) == expected
    infer = compile_inference(network(784, (50,)))
    infer(sparse)
    assert words(infer.program) == "x W"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    ("side", "widths", "batch"),
    [(28, (50,), 100), (20, (70, 20), 37), (16, (512, 33), 64), (23, (49,), 300), (28, (130,), 5)],
)
def test_training_has_the_bits_of_products_that_leave_nothing_out(
    isa, side, widths, batch, dtype, rng
):
    """Data is looked at in the first call and in the 17th: one call of 22 steps keeps to what its
    first batch was like, which is full of numbers, and 22 calls of one step do not."""
    limits = pytest.importorskip("threadpoolctl").threadpool_limits
    x = pictures(rng, 22 * batch, side)
    x[:batch] = rng.integers(1, 256, x[:batch].shape)
    t, bounds = rng.integers(0, 10, len(x)), np.arange(0, len(x) + 1, batch)
    seen = {}
    for clip in (None, 0.5):
        start = network(side * side, widths, dtype)
        for threads in (1, 2, 3):
            for alone in (False, True):
                net, optimizer = start.copy(), zk.Adam(clip_norm=clip)
                with using(isa), limits(threads):
                    step = compiled(net, optimizer, zk.data.Pixels(x), t, batch)
                    order = np.arange(len(x))
                    if alone:
                        losses = [step(order[a : a + batch]) for a in bounds[:-1]]
                    else:
                        losses = step.run(order, bounds).tolist()
                assert words(step.program) == ("x W and dW" if alone else None)
                seen[clip, threads, alone] = digest(net, optimizer), losses
        assert all(each == seen[clip, 1, False] for (c, *_), each in seen.items() if c == clip)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", ISAS)
def test_predictions_have_the_bits_of_products_that_leave_nothing_out(isa, dtype, rng):
    for side, widths, rows in ((28, (50,), 1000), (28, (512, 40), 130), (9, (65,), 50)):
        net = network(side * side, widths, dtype)
        x = pictures(rng, rows, side, dtype)
        with using(isa):
            listed, full = compile_inference(net), compile_inference(net)
        full(rng.normal(size=x.shape).astype(dtype))  # this is what it looks at
        np.testing.assert_array_equal(listed(x), full(x))
        assert words(listed.program) == "x W"
        assert words(full.program) is None


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_weight_that_is_no_number_comes_through_zeros(isa, bad, rng):
    """0 * NaN and 0 * infinity are NaN, in every row."""
    net = network(784, (96,))
    x = pictures(rng, 100, 28, np.float32)
    assert not x[:, 0].any()
    net.params["affine1.W"][0, 40] = bad
    with using(isa):
        infer = compile_inference(net)
    got = infer(x)
    assert words(infer.program) == "x W"
    assert np.isnan(got).all()
    np.testing.assert_array_equal(np.isnan(got), np.isnan(net.predict_eagerly(x)))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid:RuntimeWarning")
def test_a_gradient_that_overflows_comes_through_zeros(isa, rng):
    """Scores of some 1e18 have a finite loss; times weights of 1e22, their gradient overflows."""
    layers = [
        zk.Affine.from_arrays(np.full((64, 50), 1e-6), np.zeros(50)),
        zk.Affine.from_arrays(np.full((50, 1), 1e22), np.zeros(1)),
    ]
    net = zk.Sequential(layers, 64, loss=zk.IdentityWithLoss())
    twin = net.copy()
    x, t = np.zeros((8, 64), np.float32), np.zeros((8, 1), np.float32)
    x[:, 30] = 1
    with using(isa):
        step = compiled(net, zk.SGD(1.0), x, t, 8)
    assert np.isfinite(step(np.arange(8)))
    assert words(step.program) == "x W and dW"
    eager_step(twin, zk.SGD(1.0), x, t)(np.arange(8))
    assert np.isnan(twin.params["affine1.W"][0]).all()
    assert_same_kinds(net.flat_params, twin.flat_params)
