"""Graphs of nodes: the shop, operators, fan-out, residual networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_networks import PURCHASE, residual, shop

import zerokara as zk


def test_the_apple_purchase() -> None:
    apple, n, tax = zk.Input("apple"), zk.Input("n"), zk.Input("tax")
    bill = zk.Network(apple * n * tax, dtype=np.float64)
    assert bill.forward(apple=100.0, n=2.0, tax=1.1) == pytest.approx(220, rel=1e-15)
    slopes = bill.backward(1.0)
    assert slopes == pytest.approx({"apple": 2.2, "n": 110.0, "tax": 200.0}, rel=1e-15)


def test_the_apple_and_orange_purchase() -> None:
    bill = shop()
    assert bill.forward(**PURCHASE) == pytest.approx(715, rel=1e-15)
    wanted = {"apple": 2.2, "apples": 110, "orange": 3.3, "oranges": 165, "tax": 650}
    assert bill.backward(1.0) == pytest.approx(wanted, rel=1e-15)
    assert bill.backward() == pytest.approx(wanted, rel=1e-15)
    assert bill.backward(2.0) == pytest.approx({k: 2 * v for k, v in wanted.items()}, rel=1e-15)


def test_a_batch_of_purchases() -> None:
    bill = shop()
    many = {name: np.array([value, 2 * value]) for name, value in PURCHASE.items()}
    np.testing.assert_allclose(bill.forward(many), [715, 8 * 715], rtol=1e-15)
    np.testing.assert_allclose(bill.backward(np.ones(2))["tax"], [650, 4 * 650], rtol=1e-15)


@pytest.mark.parametrize(
    ("build", "value", "slope"),
    [
        (lambda x: x * x, 9.0, 6.0),
        (lambda x: x + x, 6.0, 2.0),
        (lambda x: x * x * x, 27.0, 27.0),
        (lambda x: x * x + x, 12.0, 7.0),
        (lambda x: (x * x) * (x + x), 54.0, 54.0),
        (lambda x: 2 * x + 1, 7.0, 2.0),
        (lambda x: 1 - x, -2.0, -1.0),
        (lambda x: x - 1.5, 1.5, 1.0),
        (lambda x: -x, -3.0, -1.0),
        (lambda x: x - x, 0.0, 0.0),
        (lambda x: x * 0.5 - x * x, -7.5, -5.5),
    ],
)
def test_operators_and_fan_out(build: Any, value: float, slope: float) -> None:
    net = zk.Network(build(zk.Input("x")), dtype=np.float64)
    assert net.forward(3.0) == value
    assert net.backward(1.0) == {"x": slope}
    assert zk.gradcheck(net, 3.0).ok


def test_a_residual_network_is_proven(rng: np.random.Generator) -> None:
    report = zk.gradcheck(residual(), rng.standard_normal((5, 4)), rng.integers(0, 3, 5))
    assert report.ok, report
    assert len(report.rows) == 7


def test_numbers_beside_arrays_are_broadcast(rng: np.random.Generator) -> None:
    x = zk.Input("x", (2, 3))
    net = zk.Network(2 * zk.Tanh()(x) + 1, dtype=np.float64)
    given = rng.standard_normal((4, 2, 3))
    np.testing.assert_allclose(net.forward(given), 2 * np.tanh(given) + 1, rtol=1e-15)
    assert zk.gradcheck(net, given).ok


def test_an_input_that_is_the_output() -> None:
    net = zk.Network(zk.Input("x", (2,)))
    assert net.forward(np.ones((3, 2))).shape == (3, 2)
    assert net.backward(np.full((3, 2), 2.0))["x"].sum() == 12
