"""Draw the computational graphs that docs/pictures.md shows: python tools/make_graphs.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import zerokara as zk

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "img"


def apple() -> zk.Network:
    apple, n, tax = zk.Input("apple"), zk.Input("n"), zk.Input("tax")
    shop = zk.Network(apple * n * tax)
    shop.forward(apple=100.0, n=2.0, tax=1.1)
    shop.backward(1.0)
    return shop


def fruits() -> zk.Network:
    names = ("apple", "n", "orange", "m", "tax")
    apple, n, orange, m, tax = map(zk.Input, names)
    shop = zk.Network((apple * n + orange * m) * tax)
    shop.forward(apple=100.0, n=2.0, orange=150.0, m=3.0, tax=1.1)
    shop.backward(1.0)
    return shop


def two_layer() -> zk.Network:
    return _after_a_gradient(zk.models.TwoLayerNet(784, 50, 10, dtype=np.float64))


def deep_conv() -> zk.Network:
    return _after_a_gradient(zk.models.DeepConvNet(dtype=np.float64))


def residual() -> zk.Network:
    x: zk.Node = zk.Input("x", (16,))
    for _ in range(2):
        x = zk.ReLU()(x + zk.Affine(16)(zk.ReLU()(zk.Affine(16)(x))))
    net = zk.Network(zk.Affine(3)(x), loss=zk.SoftmaxWithLoss(), dtype=np.float64)
    return _after_a_gradient(net)


def _after_a_gradient(net: zk.Network) -> zk.Network:
    rng = np.random.default_rng(0)
    shape = net.inputs["x"].shape
    net.compute_gradient(rng.random((8, *shape)), rng.integers(0, net.output_shape[0], 8))
    return net


PICTURES: dict[str, Callable[[], zk.Network]] = {
    "graph-apple.svg": apple,
    "graph-fruits.svg": fruits,
    "graph-two-layer.svg": two_layer,
    "graph-deep-conv.svg": deep_conv,
    "graph-residual.svg": residual,
}


if __name__ == "__main__":
    for name, make in PICTURES.items():
        zk.draw(make(), IMAGES / name)
        print(IMAGES / name)
