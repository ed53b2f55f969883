"""Networks refuse what makes no sense: one clear error that says where and what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_networks import PURCHASE, shop, small

import zerokara as zk
from zerokara.errors import ArgumentError, DtypeError, OrderError, ShapeError


def test_a_layer_stands_at_one_place_only() -> None:
    shared = zk.Affine(3)
    x = zk.Input("x", (3,))
    with pytest.raises(ArgumentError, match=r"Affine\(outputs=3\) stands at two places"):
        zk.Network(shared(shared(x)))
    with pytest.raises(ArgumentError, match="stands at two places"):
        zk.Sequential([shared, zk.ReLU(), shared], 3)
    zk.Sequential([shared], 3)
    with pytest.raises(ArgumentError, match="already belongs to a network"):
        zk.Sequential([shared], 3)


def test_networks_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ArgumentError, match="2 different inputs are called 'x'"):
        zk.Network(zk.Input("x") + zk.Input("x"))
    with pytest.raises(ArgumentError, match="the graph has no Input"):
        zk.Network(zk.Constant(1.0) * zk.Constant(2.0))
    with pytest.raises(ArgumentError, match="needs at least one layer"):
        zk.Sequential([], 3)
    with pytest.raises(ArgumentError, match=r"sizes above 0, got \(0,\)"):
        zk.Sequential([zk.ReLU()], 0)
    with pytest.raises(DtypeError, match="must be float32 or float64, got float16"):
        small(dtype=np.float16)
    with pytest.raises(ArgumentError, match="must be a Python identifier, got 'a b'"):
        zk.Input("a b")
    with pytest.raises(ArgumentError, match="expected a finite number, got nan"):
        zk.Input("x") * float("nan")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([zk.Affine(3), zk.ReLU], r"layers\[1\] is the class ReLU: write ReLU\(\.\.\.\)"),
        ([zk.Affine(3), "relu"], r"layers\[1\] is 'relu', which is no layer"),
        ([np.tanh], "is no layer; your own is a subclass of zk.Layer"),
        (zk.Affine(3), r"takes a list of layers, got Affine\(outputs=3\) alone"),
        ([zk.Affine(3), zk.SoftmaxWithLoss()], r"is a loss: write loss=SoftmaxWithLoss\(\)"),
    ],
)
def test_what_is_no_layer_is_refused(layers: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        zk.Sequential(layers, 4)


def test_inputs_that_do_not_fit_are_refused() -> None:
    net = small()
    with pytest.raises(ShapeError, match=r"expected shape \(N, 4\) or \(4,\), got \(2, 3\)"):
        net.forward(np.ones((2, 3)))
    with pytest.raises(DtypeError, match="input 'x': expected numbers, got dtype"):
        net.forward(np.array([["a"] * 4]))
    with pytest.raises(ArgumentError, match="takes the inputs x, got none"):
        net.forward()
    bill = shop()
    with pytest.raises(ArgumentError, match=r"takes the inputs apple, .* got apple, pear"):
        bill.forward(apple=1.0, pear=2.0)
    with pytest.raises(ArgumentError, match="give them by name"):
        bill.forward(1.0)
    with pytest.raises(ShapeError, match="inputs must share one batch size"):
        bill.forward(PURCHASE | {"tax": np.ones(2)})
    with pytest.raises(ShapeError, match="inputs must share one batch size"):
        bill.forward({name: np.ones(2 + (name == "tax")) for name in PURCHASE})


def test_backward_that_does_not_fit_is_refused(rng: np.random.Generator) -> None:
    net = small()
    with pytest.raises(OrderError, match="backward was called before forward"):
        net.backward(np.ones((2, 3)))
    net.forward(rng.standard_normal((2, 4)))
    for wrong in (np.ones((2, 4)), np.ones(3), 1.0, np.ones((5, 3))):
        with pytest.raises(ShapeError, match="dout must have the output's shape"):
            net.backward(wrong)
    net.forward(np.ones(4))
    with pytest.raises(ShapeError, match="dout must have the output's shape"):
        net.backward(np.ones((2, 3)))


def test_a_network_without_a_loss_says_so() -> None:
    net = small(loss=None)
    for ask in (net.loss, net.gradient, net.accuracy):
        with pytest.raises(ArgumentError, match=r"has no loss; give one when it is made"):
            ask(np.ones((1, 4)), [0])


def test_targets_that_do_not_fit_are_refused() -> None:
    net = small()
    with pytest.raises(ValueError, match="label 3 at position 0 is out of range for 3 classes"):
        net.loss(np.ones((1, 4)), [3])
    with pytest.raises(ValueError, match="2 targets for 1 samples"):
        net.gradient(np.ones((1, 4)), [0, 1])
    with pytest.raises(ArgumentError, match="needs at least one sample, got 0"):
        net.accuracy(np.ones((0, 4)), np.zeros(0, int))
