"""Ties and kinks are told from errors: nobody right is accused there, and the wrong are caught."""

from __future__ import annotations

import book_layers as right
import numpy as np
import pytest

import zerokara as zk
from zerokara.check.doctor import examine

POOLS = {
    "apart": lambda: zk.MaxPool(2),
    "overlapping": lambda: zk.MaxPool(3, 1),
    "overlapping, padded": lambda: zk.MaxPool(3, 2, 1),
    "rectangles": lambda: zk.MaxPool((2, 3), 1, (1, 2)),
}

SHAPE = (1, 1, 5, 6)

INPUTS = {
    "a few whole numbers": lambda rng: rng.integers(-2, 3, SHAPE).astype(float),
    "zeros of a ReLU": lambda rng: np.maximum(rng.standard_normal(SHAPE) - 1, 0),
    "ties of three": lambda rng: np.repeat(rng.standard_normal((1, 1, 5, 2)), 3, axis=3),
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("kind", INPUTS)
def test_a_pooling_with_ties_in_its_input_is_right(pool: str, kind: str) -> None:
    kinks = 0
    for seed in range(2):
        x = INPUTS[kind](np.random.default_rng(seed))
        found = examine(lambda dtype: POOLS[pool](), (x,), seed=seed)
        assert not found.defects, found.defects
        kinks += found.report.kinks
    assert kinks > 0


class TiedTwice(zk.MaxPool):
    """Gives the gradient at a tie to the winner twice."""

    def forward(self, x, *, training=False):
        self.tied = np.sum(x[..., np.newaxis] == x.reshape(*x.shape[:2], 1, 1, -1), axis=-1) > 1
        return super().forward(x, training=training)

    def backward(self, dout):
        dx = super().backward(dout)
        return np.where(self.tied, 2 * dx, dx)


@pytest.mark.parametrize("size", [(2, 2), (3, 1)], ids=["apart", "overlapping"])
def test_a_pooling_that_is_wrong_at_ties_is_caught(size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).uniform(0.5, 1, (3, 1, 4, 6))
    found = examine(lambda dtype: TiedTwice(*size), (x,))
    assert found.causes == ["wrong at the kink only"]


def test_many_hidden_kinks_at_one_point_accuse_nobody() -> None:
    # A row of zeros and biases of 0 put every unit at its kink at once.
    kinks = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        net = zk.models.TwoLayerNet(4, 6, 3, weight_init_std=0.5, rng=seed)
        x = rng.standard_normal((4, 4))
        x[0] = 0
        report = zk.gradcheck(net, x, np.array([0, 1, 2, 1]))
        assert not any(row.wrong for row in report.rows), report
        kinks += report.kinks
    assert kinks > 0


class TwiceDead(right.Relu):
    """A second layer behind the kinks, with a gradient that is twice too large at them."""

    def forward(self, x):
        self.zero = x == 0
        return super().forward(x) @ np.arange(1.0, 10).reshape(3, 3)

    def backward(self, dout):
        dh = dout @ np.arange(1.0, 10).reshape(3, 3).T
        return np.where(self.zero, 9 * dh, super().backward(dh))


def test_a_kink_behind_another_layer_excuses_nothing_far_off() -> None:
    x = np.array([[0.0, 1, -1], [2, 0, 1]])
    report = zk.gradcheck(TwiceDead(), x)
    assert report.rows[0].wrong == 2


class Bent:
    """x for positive numbers, exp(x) - 1 for others: smooth at 0, and bent anew there."""

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def backward(self, dout):
        return dout * np.exp(np.minimum(self.x, 0))


def test_a_jump_of_the_second_derivative_is_no_kink() -> None:
    report = zk.gradcheck(Bent(), np.array([[0.0, 1.0, -1.0, 0.0]]))
    assert report.ok, report
    assert report.rows[0].right == 4
