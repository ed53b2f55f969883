"""The doctor on our own layers and models, and on objects handed to zk.gradcheck."""

from __future__ import annotations

import zlib

import book_layers as right
import numpy as np
import pytest
from layer_cases import CASES, Case

import zerokara as zk
from zerokara.check.doctor import examine
from zerokara.errors import ArgumentError
from zerokara.models import MultiLayerNet, TwoLayerNet


@pytest.mark.parametrize("case", CASES, ids=str)
def test_our_own_layers_pass(case: Case) -> None:
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    inputs = case.inputs(rng, 3)
    t = None
    if case.is_loss:
        inputs, t = inputs[:1], inputs[1]
    found = examine(lambda dtype: case.make(), inputs, t)
    assert found.verdict == "RIGHT", found.defects


MODELS = {
    "two layers": lambda: TwoLayerNet(5, 4, 3, weight_init_std=0.5),
    "multi-layer": lambda: MultiLayerNet(5, [4, 4], 3, activation="sigmoid"),
}


@pytest.mark.parametrize("name", MODELS)
def test_our_own_models_pass(name: str, rng: np.random.Generator) -> None:
    assert zk.gradcheck(MODELS[name](), rng.standard_normal((3, 5)), rng.integers(0, 3, 3))


def test_gradcheck_takes_an_object_of_the_book(rng: np.random.Generator) -> None:
    W, b, x = rng.standard_normal((3, 5)), rng.standard_normal(5), rng.standard_normal((4, 3))
    layer = right.Affine(W, b)
    report = zk.gradcheck(layer, x)
    assert report.ok, report
    assert [row.name for row in report.rows] == ["x", "W", "b"]
    assert layer.W is W
    assert layer.x is None
    assert zk.gradcheck(right.SoftmaxWithLoss(), x, np.array([0, 2, 1, 1]))


def test_gradcheck_names_the_cause(rng: np.random.Generator) -> None:
    class Wrong(right.Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.dW = -self.dW
            return dx

    layer = Wrong(rng.standard_normal((3, 5)), rng.standard_normal(5))
    report = zk.gradcheck(layer, rng.standard_normal((4, 3)))
    assert not report.ok
    assert [cause.cause for cause in report.causes] == ["sign flipped"]
    assert "likely cause: W: the sign is flipped" in str(report)
    with pytest.raises(ArgumentError, match="inputs by position"):
        zk.gradcheck(layer, x=np.ones((4, 3)))


def test_the_order_of_the_remainder_is_2_beside_right_and_1_beside_wrong() -> None:
    class Wrong(right.Tanh):
        def backward(self, dout):
            return 1.5 * super().backward(dout)

    x = np.linspace(-1, 1, 12).reshape(4, 3)
    assert zk.gradcheck(right.Tanh(), x).rows[0].order == pytest.approx(2, abs=0.1)
    assert zk.gradcheck(Wrong(), x).rows[0].order == pytest.approx(1, abs=0.1)
    assert zk.gradcheck(right.Mul(), x, x).rows[0].order is None
