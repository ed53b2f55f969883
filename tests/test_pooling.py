"""Pooling against plain loops and PyTorch: ties, NaN, minus infinity, padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from window_cases import Geometry, geometries, pool

import zerokara as zk
from zerokara.errors import ArgumentError, DtypeError, ShapeError

seeds = st.integers(0, 2**32 - 1)
nan, inf = np.nan, np.inf


def arrays(g: Geometry, rng: np.random.Generator) -> tuple[Any, Any]:
    x = rng.standard_normal((g.batch, g.channels, *g.image))
    return x, rng.standard_normal((g.batch, g.channels, *g.out))


@settings(max_examples=150)
@given(geometries(pooling=True), seeds, st.sampled_from([np.float32, np.float64]))
def test_max_pool_is_what_the_loops_say(g: Geometry, seed: int, dtype: type) -> None:
    """Bit for bit, among many ties, with NaN and infinities of both signs."""
    rng = np.random.default_rng(seed)
    _, dout = arrays(g, rng)
    values = np.array([-inf, -inf, -1, 0, 0, 2, 2, nan, inf], dtype)
    x, dout = rng.choice(values, (g.batch, g.channels, *g.image)), dout.astype(dtype)
    layer = zk.MaxPool(g.size, g.stride, g.pad)
    y, dx = pool(g, x, dout, greatest=True)
    assert np.array_equal(layer.forward(x), y, equal_nan=True)
    found = layer.backward(dout)
    assert found.dtype == dtype
    # Sums of overlapping windows may be taken in another order.
    np.testing.assert_allclose(found, dx, rtol=1e-5, atol=1e-6)
    assert np.array_equal(found != 0, dx != 0) or dtype == np.float32


@settings(max_examples=100)
@given(geometries(pooling=True), seeds)
def test_average_pool_is_what_the_loops_say(g: Geometry, seed: int) -> None:
    x, dout = arrays(g, np.random.default_rng(seed))
    layer = zk.AveragePool(g.size, g.stride, g.pad)
    y, dx = pool(g, x, dout, greatest=False)
    np.testing.assert_allclose(layer.forward(x), y, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(layer.backward(dout), dx, rtol=1e-12, atol=1e-14)


@settings(max_examples=60)
@given(geometries(pooling=True), seeds)
def test_the_same_as_pytorch(g: Geometry, seed: int) -> None:
    torch = pytest.importorskip("torch", reason="an oracle, where it is installed")
    if any(2 * p > k for p, k in zip(g.pad, g.size, strict=True)):
        return  # which PyTorch refuses
    x, dout = arrays(g, np.random.default_rng(seed))
    for layer, theirs in (
        (zk.MaxPool, torch.nn.functional.max_pool2d),
        (zk.AveragePool, torch.nn.functional.avg_pool2d),
    ):
        mine, tensor = layer(g.size, g.stride, g.pad), torch.tensor(x, requires_grad=True)
        y = theirs(tensor, g.size, g.stride, g.pad)
        y.backward(torch.tensor(dout))
        np.testing.assert_allclose(mine.forward(x), y.detach().numpy(), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(mine.backward(dout), tensor.grad.numpy(), atol=1e-12)


@settings(max_examples=60)
@given(geometries(pooling=True), seeds)
def test_average_pool_is_a_convolution_with_equal_weights(g: Geometry, seed: int) -> None:
    x, dout = arrays(g, np.random.default_rng(seed))
    W = np.full((g.channels, 1, *g.size), 1 / np.prod(g.size))
    b = np.zeros(g.channels)
    convolution = zk.Convolution.from_arrays(W, b, g.stride, g.pad, groups=g.channels)
    pooling = zk.AveragePool(g.size, g.stride, g.pad)
    np.testing.assert_allclose(pooling.forward(x), convolution.forward(x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        pooling.backward(dout), convolution.backward(dout), rtol=1e-12, atol=1e-13
    )


def test_by_hand() -> None:
    """The example of the book's 7.3.1."""
    x = np.array([[[[1.0, 2, 1, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 4, 0, 1]]]])
    assert zk.MaxPool(2).forward(x).tolist() == [[[[2, 3], [4, 2]]]]
    assert zk.AveragePool(2).forward(x).tolist() == [[[[1, 1.5], [2.25, 1]]]]
    assert zk.GlobalAveragePool().forward(x).tolist() == [[23 / 16]]


def test_a_tie_goes_to_the_first() -> None:
    layer = zk.MaxPool((2, 3))
    layer.forward(np.array([[[[0.0, 5, 5], [5, 5, 1]]]]))
    assert layer.backward(np.array([[[[7.0]]]])).tolist() == [[[[0, 7, 0], [0, 0, 0]]]]


def test_padding_never_wins() -> None:
    layer = zk.MaxPool(3, 2, 1)
    y = layer.forward(np.full((1, 1, 3, 3), -inf))
    assert np.all(y == -inf)
    dx = layer.backward(np.array([[[[1.0, 2], [3, 4]]]]))
    # Each window's first entry inside the image.
    assert dx.tolist() == [[[[1, 2, 0], [3, 4, 0], [0, 0, 0]]]]
    assert np.all(zk.MaxPool(2, 1, 1).forward(np.full((1, 1, 2, 2), -5.0)) == -5)


def test_nan_wins_and_takes_the_gradient() -> None:
    layer = zk.MaxPool(2)
    y = layer.forward(np.array([[[[9.0, nan], [nan, inf]]]]))
    assert np.isnan(y)
    assert layer.backward(np.ones((1, 1, 1, 1))).tolist() == [[[[0, 1], [0, 0]]]]


@pytest.mark.parametrize("kind", [zk.MaxPool, zk.AveragePool])
def test_what_does_not_fit_is_refused(kind: Any) -> None:
    name = kind.__name__
    with pytest.raises(ArgumentError, match=f"{name}: pad must be below the size 2, got 2"):
        kind(2, pad=2)
    with pytest.raises(ArgumentError, match=f"{name}: size must be 1 or more, got 0"):
        kind(0)
    with pytest.raises(ArgumentError, match=f"{name}: stride must be 1 or more"):
        kind(2, 0)
    with pytest.raises(ShapeError, match=rf"{name}\(size=3\): a window that reaches over \(3, 3\)"):
        zk.Sequential([kind(3)], (1, 2, 8))
    with pytest.raises(ShapeError, match="takes images"):
        zk.Sequential([kind(2)], (8, 8))
    with pytest.raises(ShapeError, match="takes images"):
        kind(2).forward(np.ones((4, 4)))
    with pytest.raises(DtypeError, match="takes float images"):
        kind(2).forward(np.ones((1, 1, 4, 4), np.uint8))
    with pytest.raises(ShapeError, match="takes images"):
        zk.Sequential([zk.GlobalAveragePool()], (8,))


def test_the_default_stride_is_the_size() -> None:
    assert zk.Sequential([zk.MaxPool((2, 3))], (4, 9, 9)).output_shape == (4, 4, 3)
    assert zk.MaxPool((2, 3)).config() == {"size": [2, 3]}
    assert zk.AveragePool(3, 2, 1).config() == {"size": 3, "stride": 2, "pad": 1}
