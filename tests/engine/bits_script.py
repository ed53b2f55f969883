"""Train a few networks and print a digest of the parameters of each; run by test_engine_bits.py."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

import zerokara as zk

SHAPES: dict[str, tuple[int, list[int], int, Any]] = {
    # inputs, hidden widths, batch, optimizer
    "book": (784, [50], 100, lambda: zk.SGD(0.1)),
    "deep inputs": (1300, [70, 20], 90, lambda: zk.Adam(clip_norm=1.0)),
    "normalized inputs": (752, [40], 64, zk.Adam),
    "deep": (64, [33, 33, 33, 33, 33], 128, zk.Adam),
    "clipped": (100, [65, 31], 37, lambda: zk.Momentum(0.1, clip_norm=0.01, weight_decay=1e-3)),
    "wide": (256, [470, 512], 40, zk.Adam),  # 470 is cut in two amid a panel
    "wide, few rows": (512, [512], 5, lambda: zk.AdaGrad(0.01)),
    "wide, one row": (512, [2100], 1, lambda: zk.SGD(0.01)),
    "images": (144, [], 30, zk.Adam),
    "images, few": (144, [], 2, lambda: zk.SGD(0.01, clip_norm=0.1)),
    "images, five wide": (144, [], 30, zk.Adam),
    "normalized": (60, [40, 70], 50, lambda: zk.SGD(0.05)),
    "wide, clipped": (128, [512, 256], 64, lambda: zk.SGD(0.1, clip_norm=0.1)),
}
STEPS = 100


def make(name: str, dtype: Any = np.float32) -> tuple[zk.Network, Any, Any, np.ndarray, np.ndarray]:
    """The network, a step of its program, its optimizer, and the indices and bounds of a run."""
    inputs, widths, batch, optimizer = SHAPES[name]
    layers: list[Any] = []
    for width in widths:
        layers += [zk.Affine(width), zk.ReLU()]
        if name.startswith("normalized"):
            layers.insert(-1, zk.BatchNormalization())
    shape: Any = (inputs,)
    if name.startswith("images"):
        shape = (1, 12, 12)
        layers = [zk.Convolution(17, 3, pad=1), zk.ReLU(), zk.Convolution(30, 3), zk.MaxPool(2)]
        if name == "images, five wide":
            layers[0] = zk.Convolution(17, 5, pad=2)
        layers += [zk.Dropout(0.2), zk.Affine(40), zk.ReLU()]
    net = zk.Sequential([*layers, zk.Affine(10)], shape, loss=zk.SoftmaxWithLoss(), dtype=dtype)
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(300, *shape)).astype(np.float32), rng.integers(0, 10, 300)
    made = optimizer()
    step = zk.compile_step(net, made, x, t, batch_size=batch)
    indices = rng.integers(0, 300, STEPS * batch)
    return net, step, made, indices, np.arange(0, STEPS * batch + 1, batch)


def digest(net: zk.Network, optimizer: Any) -> str:
    whole = [net.flat_params, *(optimizer.state[""][slot] for slot in optimizer.slots)]
    return hashlib.sha256(b"".join(array.tobytes() for array in whole)).hexdigest()


def trained(name: str) -> str:
    net, step, optimizer, indices, bounds = make(name)
    losses = step.run(indices, bounds)
    assert len(losses) == STEPS, losses
    assert np.isfinite(losses).all()
    return digest(net, optimizer) + hashlib.sha256(losses.tobytes()).hexdigest()


if __name__ == "__main__":
    for name in SHAPES:
        print(f"{name}: {trained(name)}")
