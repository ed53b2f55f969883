"""Networks that pictures are drawn of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import zerokara as zk


def shop(gradients: bool = True) -> zk.Network:
    """Two apples with tax."""
    apple, n, tax = zk.Input("apple"), zk.Input("n"), zk.Input("tax")
    net = zk.Network(apple * n * tax)
    net.forward(apple=100.0, n=2.0, tax=1.1)
    if gradients:
        net.backward(1.0)
    return net


def two_fruits() -> zk.Network:
    """Two apples and three oranges with tax."""
    names = ("apple", "n", "orange", "m", "tax")
    apple, n, orange, m, tax = map(zk.Input, names)
    net = zk.Network((apple * n + orange * m) * tax)
    net.forward(apple=100.0, n=2.0, orange=150.0, m=3.0, tax=1.1)
    net.backward(1.0)
    return net


def trained(net: zk.Network) -> zk.Network:
    """The network after one gradient of random samples."""
    rng = np.random.default_rng(0)
    [node] = net.inputs.values()
    net.gradient(rng.random((3, *node.shape)), rng.integers(0, net.output_shape[0], 3))
    return net


def residual(blocks: int = 2) -> zk.Network:
    """Blocks whose input is added to their output."""
    x: zk.Node = zk.Input("x", (4,))
    for _ in range(blocks):
        x = zk.ReLU()(x + zk.Affine(4)(zk.ReLU()(zk.Affine(4)(x))))
    return trained(zk.Network(zk.Affine(3)(x), loss=zk.SoftmaxWithLoss()))


def dense() -> zk.Network:
    """Every node reads several before it."""
    a, b = zk.Input("a", (2,)), zk.Input("b", (2,))
    nodes: list[zk.Node] = [a, b]
    for i in range(6):
        nodes.append(nodes[-1] * nodes[i // 2] + nodes[i])
    return zk.Network(nodes[-1] + 3.5)


NETS: dict[str, Callable[[], zk.Network]] = {
    "shop": shop,
    "two-fruits": two_fruits,
    "two-layer": lambda: trained(zk.models.TwoLayerNet(784, 50, 10)),
    "untouched": lambda: zk.models.TwoLayerNet(784, 50, 10),
    "multi-layer": lambda: trained(zk.models.MultiLayerNet(20, [7] * 30, 4)),
    "simple-conv": lambda: trained(zk.models.SimpleConvNet()),
    "deep-conv": lambda: trained(zk.models.DeepConvNet()),
    "residual": residual,
    "dense": dense,
}
