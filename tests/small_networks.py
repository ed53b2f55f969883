"""Networks that several tests use."""

from __future__ import annotations

from typing import Any

import numpy as np

import zerokara as zk

PURCHASE = {"apple": 100.0, "apples": 2.0, "orange": 150.0, "oranges": 3.0, "tax": 1.1}


def shop() -> zk.Network:
    apple, apples = zk.Input("apple"), zk.Input("apples")
    orange, oranges, tax = zk.Input("orange"), zk.Input("oranges"), zk.Input("tax")
    return zk.Network((apple * apples + orange * oranges) * tax, dtype=np.float64)


def small(**options: Any) -> zk.Sequential:
    layers = [zk.Affine(5), zk.Tanh(), zk.Affine(3)]
    return zk.Sequential(layers, 4, **({"loss": zk.SoftmaxWithLoss()} | options))


def residual(dtype: Any = np.float64) -> zk.Network:
    x = zk.Input("x", (4,))
    hidden = zk.Affine(4)(zk.Tanh()(zk.Affine(6)(x))) + x
    out = zk.Affine(3)(zk.ReLU()(hidden) * hidden + hidden)
    return zk.Network(out, loss=zk.SoftmaxWithLoss(), dtype=dtype)
