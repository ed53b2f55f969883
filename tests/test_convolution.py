"""Convolution and ConvTranspose against plain loops, against PyTorch, and at their borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from window_cases import Geometry, convolve, geometries

import zerokara as zk
from zerokara.errors import ArgumentError, DtypeError, OrderError, ShapeError
from zerokara.layers import correlation
from zerokara.layers.geometry import output_length

seeds = st.integers(0, 2**32 - 1)


def arrays(g: Geometry, seed: int) -> tuple[Any, ...]:
    """Draw x, W, b and an output gradient for a geometry."""
    rng = np.random.default_rng(seed)
    filters = g.groups * g.filters
    return (
        rng.standard_normal((g.batch, g.groups * g.channels, *g.image)),
        rng.standard_normal((filters, g.channels, *g.size)),
        rng.standard_normal(filters),
        rng.standard_normal((g.batch, filters, *g.out)),
    )


def layer_for(g: Geometry, W: Any, b: Any) -> zk.Convolution:
    return zk.Convolution.from_arrays(W, b, g.stride, g.pad, g.dilation, g.groups)


def outcome(layer: Any, x: Any, dout: Any) -> tuple[Any, ...]:
    y = layer.forward(x)
    return y, layer.backward(dout), layer.dW, layer.db


@settings(max_examples=150)
@given(geometries(), seeds)
def test_convolution_is_what_the_loops_say(g: Geometry, seed: int) -> None:
    x, W, b, dout = arrays(g, seed)
    found = outcome(layer_for(g, W, b), x, dout)
    for mine, wanted in zip(found, convolve(g, x, W, b, dout), strict=True):
        assert mine.shape == wanted.shape
        # At most some hundred products of numbers around 1.
        np.testing.assert_allclose(mine, wanted, rtol=1e-10, atol=1e-12)


@settings(max_examples=60)
@given(geometries(), seeds)
def test_float32_is_kept_and_close(g: Geometry, seed: int) -> None:
    x, W, b, dout = (array.astype(np.float32) for array in arrays(g, seed))
    found = outcome(layer_for(g, W, b), x, dout)
    for mine, wanted in zip(found, convolve(g, x, W, b, dout), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=2e-4)


@settings(max_examples=60)
@given(geometries(), st.integers(0, 6), st.integers(0, 6), seeds)
def test_transpose_is_the_gradient_of_a_convolution(
    g: Geometry, more: int, wider: int, seed: int
) -> None:
    output_pad = (more % g.stride[0], wider % g.stride[1])
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((g.filters, g.channels, *g.size))
    small = rng.standard_normal((g.batch, g.filters, *g.image))
    b = rng.standard_normal(g.channels)
    transpose = zk.ConvTranspose.from_arrays(W, b, g.stride, g.pad, output_pad)
    shape = tuple(
        (n - 1) * s - 2 * p + k + o
        for n, s, p, k, o in zip(g.image, g.stride, g.pad, g.size, output_pad, strict=True)
    )
    if min(shape) < 1:
        with pytest.raises(ShapeError, match="would become one of"):
            transpose.forward(small)
        return
    big = transpose.forward(small)
    assert big.shape == (g.batch, g.channels, *shape)
    convolution = zk.Convolution.from_arrays(W, np.zeros(g.filters), g.stride, g.pad)
    dout = rng.standard_normal(big.shape)
    forward = convolution.forward(dout)
    np.testing.assert_allclose(transpose.backward(dout), forward, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        big, convolution.backward(small) + b[:, None, None], rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(transpose.dW, convolution.dW, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(transpose.db, dout.sum(axis=(0, 2, 3)), rtol=1e-12, atol=1e-12)


@settings(max_examples=60)
@given(geometries(), seeds)
def test_the_same_as_pytorch(g: Geometry, seed: int) -> None:
    torch = pytest.importorskip("torch", reason="an oracle, where it is installed")
    x, W, b, dout = arrays(g, seed)
    tensors = [torch.tensor(array, requires_grad=True) for array in (x, W, b)]
    y = torch.nn.functional.conv2d(*tensors, g.stride, g.pad, g.dilation, g.groups)
    y.backward(torch.tensor(dout))
    wanted = (y.detach(), *(tensor.grad for tensor in tensors))
    found = outcome(layer_for(g, W, b), x, dout)
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-10, atol=1e-12)


@given(*(st.integers(1, n) for n in (40, 9, 12)), st.integers(0, 9), st.integers(1, 4))
def test_output_length_is_a_count(
    length: int, size: int, stride: int, pad: int, dilation: int
) -> None:
    starts = range(0, length + 2 * pad - dilation * (size - 1), stride)
    assert max(output_length(length, size, stride, pad, dilation), 0) == len(starts)


def test_by_hand() -> None:
    """The example of the book's 7.2.2 and 7.2.3, with bias and padding."""
    x = np.array([[[[1.0, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]]]])
    W = np.array([[[[2.0, 0, 1], [0, 1, 2], [1, 0, 2]]]])
    layer = zk.Convolution.from_arrays(W, np.array([3.0]))
    assert layer.forward(x).tolist() == [[[[18, 19], [9, 18]]]]
    padded = zk.Convolution.from_arrays(W, np.array([0.0]), pad=1).forward(x)
    assert padded.tolist() == [[[[7, 12, 10, 2], [4, 15, 16, 10], [10, 6, 15, 6], [8, 10, 4, 3]]]]


def test_blocks_of_a_batch_are_no_seam(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    layer = zk.Convolution(4, 3, pad=1)
    layer.build((3, 6, 5), rng, np.float64)
    x, dout = rng.standard_normal((7, 3, 6, 5)), rng.standard_normal((7, 4, 6, 5))
    whole = [np.array(array) for array in outcome(layer, x, dout)]
    monkeypatch.setattr(correlation, "BLOCK_BYTES", 2 * 3 * 9 * 30 * 8)
    for mine, wanted in zip(outcome(layer, x, dout), whole, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-13, atol=1e-13)


def test_strided_images_are_read_right(rng: np.random.Generator) -> None:
    layer = zk.Convolution(2, 3)
    layer.build((3, 6, 5), rng, np.float64)
    x = rng.standard_normal((2, 6, 5, 3))
    dout = rng.standard_normal((2, 4, 3, 2)).transpose(0, 3, 1, 2)
    channels_last = outcome(layer, x.transpose(0, 3, 1, 2), dout)
    channels_last = [np.array(array) for array in channels_last]
    plain = outcome(
        layer, np.ascontiguousarray(x.transpose(0, 3, 1, 2)), np.ascontiguousarray(dout)
    )
    for mine, wanted in zip(channels_last, plain, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-13)


def test_initial_weights_by_fan_in() -> None:
    def spread(layer: Any, shape: tuple[int, ...]) -> float:
        layer.build(shape, np.random.default_rng(0), np.float64)
        assert not layer.b.any()
        return float(layer.W.std())

    he = np.sqrt(2 / (16 * 9))
    assert spread(zk.Convolution(64, 3, init="he"), (16, 8, 8)) == pytest.approx(he, rel=0.03)
    grouped = zk.Convolution(64, 3, groups=4, init="he")
    assert spread(grouped, (16, 8, 8)) == pytest.approx(2 * he, rel=0.06)
    # A stride of 2 spreads 16 inputs of 4 x 4 entries over 4 outputs each.
    transpose = zk.ConvTranspose(64, 4, 2, init="he")
    assert spread(transpose, (16, 8, 8)) == pytest.approx(np.sqrt(2 / 64), rel=0.03)
    net = zk.Sequential([zk.Convolution(64, 3), zk.ReLU()], (16, 8, 8))
    assert net.params["convolution1.W"].std() == pytest.approx(he, rel=0.03)


def test_multiply_adds() -> None:
    layers = [
        zk.Convolution(30, 5),
        zk.Convolution(4, (3, 1), 2, groups=2),
        zk.ConvTranspose(5, 3, 2),
    ]
    net = zk.Sequential(layers, (1, 28, 28))
    assert net.output_shape == (5, 23, 25)
    costs = [
        layer.multiply_adds(net.shapes[node.inputs[0]], net.shapes[node])
        for node in net.nodes
        if (layer := node.layer)
    ]
    assert costs == [30 * 25 * 24**2, 4 * 15 * 3 * 11 * 12, 4 * 5 * 9 * 11 * 12]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: zk.Convolution(0, 3), "Convolution: filters must be 1 or more, got 0"),
        (lambda: zk.Convolution(2, 0), "size must be 1 or more, got 0"),
        (lambda: zk.Convolution(2, (3, 3, 3)), "size must be a whole number or (height, width)"),
        (lambda: zk.Convolution(2, 2.5), "size must be a whole number or (height, width), got 2.5"),
        (lambda: zk.Convolution(2, "33"), "got '33'"),
        (lambda: zk.Convolution(2, 3, 0), "stride must be 1 or more, got 0"),
        (lambda: zk.Convolution(2, 3, pad=-1), "pad must be 0 or more, got -1"),
        (lambda: zk.Convolution(2, 3, dilation=0), "dilation must be 1 or more, got 0"),
        (lambda: zk.Convolution(4, 3, groups=3), "divide the 4 filters, got 3"),
        (lambda: zk.Convolution(2, 3, init="hee"), "initial values 'hee' are unknown"),
        (lambda: zk.ConvTranspose(2, 3, 2, output_pad=2), "must be below the stride 2, got 2"),
    ],
)
def test_arguments_are_refused(make: Any, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        make()
    assert text in str(caught.value)


def test_shapes_are_refused_by_name() -> None:
    def build(layer: Any, shape: tuple[int, ...]) -> None:
        zk.Sequential([layer], shape)

    with pytest.raises(ShapeError, match=r"Convolution\(filters=2, size=3, .*\): takes images"):
        build(zk.Convolution(2, 3), (28, 28))
    with pytest.raises(
        ShapeError, match=r"reaches over \(9, 9\) does not fit an image of \(5, 5\)"
    ):
        build(zk.Convolution(2, 3, pad=1, dilation=4), (1, 5, 5))
    with pytest.raises(ShapeError, match="have 3 channels, which 2 groups do not divide"):
        build(zk.Convolution(2, 3, groups=2), (3, 5, 5))
    with pytest.raises(ShapeError, match="would become one of"):
        build(zk.ConvTranspose(2, 1, pad=3), (1, 5, 5))
    W, b = np.ones((2, 3, 3, 3)), np.ones(2)
    with pytest.raises(ShapeError, match=r"have 1 channels; W of shape .* takes 3"):
        build(zk.Convolution.from_arrays(W, b), (1, 5, 5))
    layer = zk.Convolution.from_arrays(W, b)
    with pytest.raises(ShapeError, match="have 2 channels"):
        layer.forward(np.ones((1, 2, 5, 5)))
    with pytest.raises(ShapeError, match="does not fit an image"):
        layer.forward(np.ones((1, 3, 2, 2)))
    with pytest.raises(ShapeError, match="takes images"):
        layer.forward(np.ones((3, 5, 5)))
    with pytest.raises(DtypeError, match="takes float images, got dtype int64"):
        layer.forward(np.ones((1, 3, 5, 5), np.int64))
    with pytest.raises(OrderError, match="W does not exist before"):
        zk.Convolution(2, 3).forward(np.ones((1, 1, 5, 5)))


def test_from_arrays_refuses_what_does_not_fit() -> None:
    W = np.ones((2, 3, 3, 3))
    for kind, b in ((zk.Convolution, np.ones(3)), (zk.ConvTranspose, np.ones(2))):
        with pytest.raises(ShapeError, match="takes b of shape"):
            kind.from_arrays(W, b)
        with pytest.raises(ShapeError, match="expected W of shape"):
            kind.from_arrays(W[0], b)
    with pytest.raises(DtypeError, match="must share a float dtype"):
        zk.Convolution.from_arrays(W, np.ones(2, np.float32))
    layer = zk.Convolution.from_arrays(W, np.ones(2))
    assert layer.params["W"] is W
