"""Ways of writing a class that are rarer than the book's: what is looked at, and what is said."""

from __future__ import annotations

import book_layers as right
import numpy as np
from checking import look_at


class Slots:
    __slots__ = ("W", "dW", "x")

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


def test_arrays_in_slots_are_measured() -> None:
    found = look_at(Slots)
    assert found.verdict == "RIGHT"
    assert found.report is not None
    assert [row.name for row in found.report.rows] == ["x", "W"]


class Sizes:
    def __init__(self, n_in, n_out):
        self.W = np.linspace(-1, 1, n_in * n_out).reshape(n_in, n_out)
        self.kernel = np.ones(n_out)

    def forward(self, x):
        self.x = x
        return (x @ self.W) * self.kernel

    def backward(self, dout):
        self.dW = self.x.T @ (dout * self.kernel)
        return (dout * self.kernel) @ self.W.T


def test_sizes_are_guessed_and_what_was_not_measured_is_said() -> None:
    found = look_at(Sizes)
    assert found.verdict == "RIGHT"
    assert found.conditions == "input 4x3, n_in=3, n_out=3"
    assert found.notes == ["no gradient is kept for kernel, so it was not measured"]


class FreshNoise(right.Dropout):
    def forward(self, x, train_flg=True):
        if not train_flg:
            return x / 2
        self.mask = np.random.default_rng().random(x.shape) > 0.5
        return x * self.mask


def test_noise_that_cannot_be_repeated_is_no_defect() -> None:
    found = look_at(FreshNoise)
    assert found.verdict == "NOT PROVEN"
    assert "from a generator that it keeps" in found.notes[-1]


class OwnGenerator(right.Dropout):
    def __init__(self):
        self.rng = np.random.RandomState(3)

    def forward(self, x, train_flg=True):
        self.mask = self.rng.rand(*x.shape) > 0.5
        return x * self.mask


def test_a_generator_that_is_kept_is_made_to_repeat_itself() -> None:
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    assert look_at(OwnGenerator).verdict == "RIGHT"
    assert look_at(right.Dropout).verdict == "RIGHT"
    assert np.random.random() == expected


class MeanOfAll(right.SquaredError):
    def forward(self, x, t):
        super().forward(x, t)
        return np.mean(self.difference**2)

    def backward(self, dout=1):
        return 2 * super().backward(dout)


def test_a_mean_over_all_entries_is_named() -> None:
    found = look_at(MeanOfAll, target="values")
    assert found.causes == ["constant factor"]
    assert "too large by 3, the entries of a sample" in found.defects[0]


class Recurrent:
    """Two inputs, and three parameters in lists."""

    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(each) for each in self.params]

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        self.kept = x, h_prev, np.tanh(x @ Wx + h_prev @ Wh + b)
        return self.kept[-1]

    def backward(self, dh):
        Wx, Wh, _ = self.params
        x, h_prev, h = self.kept
        d = dh * (1 - h**2)
        for grad, value in zip(self.grads, (x.T @ d, h_prev.T @ d, d.sum(axis=0)), strict=True):
            grad[...] = value
        return d @ Wx.T, d @ Wh.T


def test_shapes_may_be_given_for_every_array() -> None:
    arrays = {"Wx": [3, 5], "Wh": [5, 5], "b": [5]}
    found = look_at(Recurrent, inputs=[[4, 3], [4, 5]], arrays=arrays)
    assert found.verdict == "RIGHT"
    assert found.report is not None
    names = ["x", "h_prev", "params[0]", "params[1]", "params[2]"]
    assert [row.name for row in found.report.rows] == names
