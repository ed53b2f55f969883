"""Random networks on images for the engine's tests."""

from __future__ import annotations

from typing import Any

import numpy as np

import zerokara as zk
from zerokara.layers.geometry import output_length


def random_convolution(
    rng: np.random.Generator, height: int, width: int, most_filters: int = 20
) -> zk.Convolution:
    """One that fits such an image: strides past the kernel, padding past the kernel, any form."""
    while True:
        size, stride, pad, dilation = (
            tuple(int(n) for n in rng.integers(low, high, 2, endpoint=True))
            for low, high in ((1, 5), (1, 7), (0, 6), (1, 3))
        )
        if rng.random() < 0.5:
            dilation = (1, 1)
        if rng.random() < 0.5:
            stride = (1, 1)
        sizes = zip((height, width), size, stride, pad, dilation, strict=True)
        if min(output_length(*numbers) for numbers in sizes) >= 1:
            filters = int(rng.integers(1, most_filters, endpoint=True))
            return zk.Convolution(filters, size, stride, pad, dilation)


def random_pool(rng: np.random.Generator, height: int, width: int) -> zk.layers.Layer:
    """Overlapping, with gaps, on padding; or the mean of all."""
    while True:
        size = tuple(int(n) for n in rng.integers(1, 4, 2, endpoint=True))
        stride = None if rng.random() < 0.4 else tuple(int(n) for n in rng.integers(1, 6, 2))
        pad = tuple(int(rng.integers(0, n)) if rng.random() < 0.5 else 0 for n in size)
        steps = size if stride is None else stride
        sizes = zip((height, width), size, steps, pad, strict=True)
        if min(output_length(*numbers) for numbers in sizes) >= 1:
            form = rng.random()
            if form < 0.1:
                return zk.GlobalAveragePool()
            return (zk.MaxPool if form < 0.7 else zk.AveragePool)(size, stride, pad)


def one_geometry(rng: np.random.Generator, dtype: Any) -> zk.Network:
    """A 1x1 convolution, which needs its output's gradient, and a random one behind it."""
    channels, between = (int(n) for n in rng.integers(1, 20, 2))
    height, width = (int(n) for n in rng.integers(1, 41, 2))
    layers: list[Any] = [zk.Convolution(between, 1), pick(rng)]
    layers += [random_convolution(rng, height, width), pick(rng), zk.Flatten()]
    return build(rng, layers, (channels, height, width), dtype)


def one_of_many_channels(rng: np.random.Generator, dtype: Any) -> zk.Network:
    """3x3 with stride 1 and enough channels for Winograd's way, whole vectors of them or not."""
    between, filters = (int(n) for n in rng.choice([15, 16, 17, 24, 31, 32, 40, 48, 64, 65], 2))
    pad = (int(rng.integers(0, 4)), int(rng.integers(0, 3)))
    height, width = (int(n) for n in rng.integers(3, 24, 2))
    layers: list[Any] = [zk.Convolution(between, 1), pick(rng)]
    layers += [zk.Convolution(filters, 3, pad=pad), pick(rng), zk.Flatten()]
    return build(rng, layers, (2, height, width), dtype)


def one_of_five_wide(rng: np.random.Generator, dtype: Any) -> zk.Network:
    """Windows five wide with stride 1, for Winograd's way along lines, forward and back."""
    between, filters = (int(n) for n in rng.choice([1, 3, 16, 17, 20, 30], 2))
    high, dilation = int(rng.choice([1, 3, 5, 5])), int(rng.integers(1, 3))
    pad = (int(rng.integers(0, high)), int(rng.integers(0, 6)))
    height, width = (int(n) for n in rng.integers(9, 26, 2))
    five = zk.Convolution(filters, (high, 5), pad=pad, dilation=(dilation, 1))
    layers: list[Any] = [zk.Convolution(between, 1), pick(rng), five, pick(rng), zk.Flatten()]
    return build(rng, layers, (1, height, width), dtype)


def one_pooled(rng: np.random.Generator, dtype: Any) -> zk.Network:
    """One or two convolutions, of which the greatest of each 2x2 goes on."""
    layers: list[Any] = []
    channels, size = int(rng.integers(1, 9)), int(rng.integers(16, 23))
    for most in (40, 10)[: int(rng.integers(1, 3))]:
        k, pad = int(rng.choice([1, 3, 5])), int(rng.integers(0, 3))
        layers += [zk.Convolution(int(rng.integers(1, most)), k, pad=pad), pick(rng), zk.MaxPool(2)]
    return build(rng, [*layers, zk.Flatten()], (channels, size, size + 2), dtype)


def pick(rng: np.random.Generator) -> zk.layers.Layer:
    kinds = (zk.ReLU, zk.Tanh, zk.Sigmoid, zk.Identity)
    return kinds[int(rng.integers(len(kinds)))]()


def build(rng: np.random.Generator, layers: list[Any], shape: Any, dtype: Any) -> zk.Network:
    loss = zk.IdentityWithLoss()
    return zk.Sequential(layers, shape, loss=loss, dtype=dtype, rng=int(rng.integers(2**31)))


def random_images(
    rng: np.random.Generator, net: zk.Network, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images and targets that float32 holds; a few of the numbers are exactly 0."""
    shape = net.inputs[next(iter(net.inputs))].shape
    x = rng.uniform(-1, 1, (rows, *shape)) * (rng.random((rows, *shape)) > 0.2)
    t = rng.normal(size=(rows, *net.output_shape))
    return x.astype(np.float32), t.astype(np.float32)


def random_conv_net(rng: np.random.Generator, dtype: Any) -> zk.Network:
    """A graph: convolutions, pools, sums of branches, dropout, layers without a kernel."""
    channels = int(rng.integers(1, 5))
    height, width = (int(n) for n in rng.integers(5, 13, 2))
    x = zk.Input("x", (channels, height, width))
    h: Any = x
    for _ in range(int(rng.integers(1, 4))):
        same = zk.Convolution(int(rng.integers(1, 20)), 3, 1, 1)
        form = rng.random()
        if form < 0.3:
            h = pick(rng)(same(h))
        elif form < 0.5:
            left = pick(rng)(same(h))
            h = left + zk.Convolution(same.filters, 1)(h)
        elif form < 0.6:
            h = same(h)
            h = zk.Tanh()(h) + h
        elif form < 0.7:
            h = zk.Convolution(2 * same.filters, 3, 1, 1, 1, 1)(h)
            h = zk.Convolution(2 * same.filters, 3, 1, 1, 1, 2)(h)  # grouped: Python inside
        elif form < 0.85:
            h = zk.MaxPool(2, 1, 1)(pick(rng)(same(h)))
            h = zk.AveragePool(2, 1)(h)
        else:
            h = zk.Dropout(0.3, seed=int(rng.integers(99)))(zk.Tanh()(same(h)))
    form = rng.random()
    if form < 0.3:
        h = zk.GlobalAveragePool()(h)
    elif form < 0.6:
        h = zk.Flatten()(h)
    if rng.random() < 0.7:
        h = zk.Dropout(0.4, scale_at_test=rng.random() < 0.5, seed=3)(zk.Sigmoid()(zk.Affine(9)(h)))
    elif not 0 < form < 0.6:
        h = zk.Flatten()(h)
    return zk.Network(h, loss=zk.IdentityWithLoss(), dtype=dtype, rng=rng)
