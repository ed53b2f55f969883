"""Right cases without end: random layers, shapes, values and styles."""

from __future__ import annotations

import book_layers as right
import numpy as np

import zerokara as zk
from zerokara.check.doctor import Examination, examine


def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Values of a random size and kind, some with zeros and ties among them."""
    scale = 10.0 ** rng.uniform(-1.5, 1)
    kind = rng.integers(0, 4)
    if kind == 0:
        return rng.integers(-2, 3, shape).astype(np.float64)
    if kind == 1:
        return rng.standard_normal(shape).astype(np.float32).astype(np.float64) * scale
    return rng.standard_normal(shape) * scale


def case(seed: int) -> tuple[str, Examination]:
    """A right case of that number, and what the doctor says of it."""
    rng = np.random.default_rng(seed)
    n, d, h = (int(size) for size in rng.integers(1, 6, 3))
    x = draw(rng, (n, d))
    t = None
    inputs: tuple[np.ndarray, ...] = (x,)
    image = draw(
        rng, (int(rng.integers(1, 4)), 2, int(rng.integers(2, 5)), int(rng.integers(2, 5)))
    )
    W, b = draw(rng, (d, h)), draw(rng, (h,))
    filters, bias = draw(rng, (2, 2, 2, 2)), draw(rng, (2,))
    gamma, beta = draw(rng, (d,)), draw(rng, (d,))
    labels = rng.integers(0, d, n)

    def given(kind, *arrays):
        return lambda dtype: kind(*(array.astype(dtype) for array in arrays))

    plain = [right.Relu, right.Sigmoid, right.Tanh, right.Softmax, right.Dropout]
    ours = [zk.ReLU, zk.Sigmoid, zk.Tanh, zk.Softmax, zk.Identity, zk.Flatten]
    ours += [zk.LeakyReLU, zk.ELU, zk.GELU, zk.SiLU, zk.Softplus]
    makers = {kind.__name__: given(kind) for kind in plain}
    makers |= {f"zk.{kind.__name__}": given(kind) for kind in ours}
    weighted = [right.Affine, right.DictAffine, right.ListAffine]
    makers |= {kind.__name__: given(kind, W, b) for kind in weighted}
    makers["Scale"] = given(right.Scale, gamma, beta)
    makers["BatchNorm"] = given(right.BatchNorm, gamma, beta)
    makers["Mul"] = given(right.Mul)
    makers["Convolution"] = given(right.Convolution, filters, bias)
    makers["zk.Convolution"] = lambda dtype: zk.Convolution(2, 2)
    makers["zk.MaxPool"] = lambda dtype: zk.MaxPool(2)
    makers["zk.MaxPool, overlapping"] = lambda dtype: zk.MaxPool(2, 1, 1)
    makers["zk.AveragePool"] = lambda dtype: zk.AveragePool(2)
    makers["zk.Affine"] = lambda dtype: zk.Affine(h)
    losses = {kind.__name__: given(kind) for kind in (right.SoftmaxWithLoss, right.SquaredError)}
    losses["zk.SoftmaxWithLoss"] = given(zk.SoftmaxWithLoss)
    losses["zk.SigmoidWithLoss"] = given(zk.SigmoidWithLoss)
    losses["zk.IdentityWithLoss"] = given(zk.IdentityWithLoss)
    losses["zk.MeanAbsoluteError"] = given(zk.MeanAbsoluteError)
    losses["zk.Huber"] = given(zk.Huber)
    makers |= losses
    name = str(rng.choice(sorted(makers)))
    if "Conv" in name or "Pool" in name:
        inputs = (image,)
    elif name == "Mul":
        inputs = (x, draw(rng, (n, d)))
    elif name == "BatchNorm":
        # A column of equal values has no variance, and eps alone bends its slope.
        inputs = (rng.standard_normal((n + 2, d)) * 10 ** rng.uniform(-1, 1),)
    if name in losses:
        t = labels if "Softmax" in name else rng.uniform(0, 1, (n, d))
        if "Softmax" in name and rng.integers(0, 2):
            t = np.eye(d)[labels]
    at = f"case {seed}: {name} at {[array.shape for array in inputs]}"
    return at, examine(makers[name], inputs, t, seed=seed)


def false_alarms(seeds: range) -> list[str]:
    """Of these cases those that the doctor calls wrong, in words."""
    found = []
    for seed in seeds:
        at, examined = case(seed)
        if examined.defects:
            found.append(f"{at}: {examined.defects}")
    return found
