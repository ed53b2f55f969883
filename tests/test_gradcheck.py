"""The checker itself: planted bugs are caught, right layers pass, reports name what is so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted_bugs import (
    PLANTED,
    BiasOfFirstRow,
    DoutIgnored,
    Linear,
    NotANumber,
    OneEntry,
    SevenAtKink,
    Sign,
    TimesN,
    Zeros,
)

import zerokara as zk
from zerokara.check import GradientError
from zerokara.errors import ArgumentError, DtypeError


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((3, 3))


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_every_planted_bug_is_caught_and_named(bug: Any, x: np.ndarray) -> None:
    report = zk.gradcheck(bug(), x)
    assert not report.ok
    assert PLANTED[bug] in str(report)
    assert "WRONG" in str(report)
    with pytest.raises(GradientError, match="WRONG"):
        report.raise_if_wrong()


def test_the_layer_without_a_bug_passes(x: np.ndarray) -> None:
    report = zk.gradcheck(Linear(), x)
    assert report.ok, report
    assert report.problems == ()
    report.raise_if_wrong()
    assert [row.name for row in report.rows] == ["x", "W", "b"]
    assert report.worst is not None
    assert report.worst.error < 1e-9
    np.testing.assert_allclose(report.rows[0].numeric, report.rows[0].analytic, rtol=1e-9)


class MeanLoss(zk.Loss):
    factor = 1.0

    def forward(self, x, t, *, training=False):
        self._keep((x, t))
        return np.square(x - t).sum() / len(x)

    def backward(self, dout=1.0):
        x, t = self._kept()
        return 2 * (x - t) * dout * x.dtype.type(self.factor / len(x))


class WithoutOneOverN(MeanLoss):
    factor = 3.0


class LossIgnoresDout(MeanLoss):
    def backward(self, dout=1.0):
        return super().backward(1.0)


def test_losses_with_planted_bugs(x: np.ndarray) -> None:
    t = np.ones_like(x)
    assert zk.gradcheck(MeanLoss(), x, t).ok
    assert not zk.gradcheck(WithoutOneOverN(), x, t).ok
    assert not zk.gradcheck(LossIgnoresDout(), x, t).ok


@pytest.mark.parametrize("bug", [Sign, OneEntry, Zeros, NotANumber, TimesN])
def test_bugs_inside_a_network_are_caught(bug: Any, rng: np.random.Generator) -> None:
    layers = [zk.Affine(3), zk.Tanh(), bug()]
    net = zk.Sequential(layers, 4, loss=zk.SoftmaxWithLoss())
    report = zk.gradcheck(net, rng.standard_normal((5, 4)), rng.integers(0, 3, 5))
    assert not report.ok
    assert report.worst is not None


@pytest.mark.parametrize("bug", [Sign, TimesN, BiasOfFirstRow, DoutIgnored, NotANumber])
def test_bugs_in_large_arrays_are_caught_along_directions(
    bug: Any, rng: np.random.Generator
) -> None:
    x = rng.standard_normal((6, 800))
    right = zk.gradcheck(Linear(), x)
    assert right.ok, right
    assert right.rows[1].measured.startswith("8 directions, ")
    assert "of 2,400 entries" in right.rows[1].measured
    assert right.rows[2].measured == "every entry"
    assert not zk.gradcheck(bug(), x).ok


def test_one_large_entry_wrong_in_a_large_array_is_seen(rng: np.random.Generator) -> None:
    class GreatestWrong(Linear):
        def backward(self, dout):
            dx = super().backward(dout)
            W = self.grads["W"]
            W[np.unravel_index(np.abs(W).argmax(), W.shape)] *= 1.001
            return dx

    report = zk.gradcheck(GreatestWrong(), rng.standard_normal((6, 800)))
    assert not report.ok
    assert any(row.name == "W" and row.wrong for row in report.rows)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_the_floor_scales_with_the_outputs(scale: float, x: np.ndarray) -> None:
    class Scaled(zk.Layer):
        error = 1.0

        def forward(self, x, *, training=False):
            self._keep(x)
            return np.sin(x) * x.dtype.type(scale)

        def backward(self, dout):
            return dout * np.cos(self._kept()) * dout.dtype.type(scale * self.error)

    class Off(Scaled):
        error = 1.0 + 1e-6

    assert zk.gradcheck(Scaled(), x).ok
    assert not zk.gradcheck(Off(), x).ok


def test_tiny_gradients_beside_large_ones_do_not_pass_for_free(x: np.ndarray) -> None:
    class Uneven(zk.Layer):
        error = 1.0

        def forward(self, x, *, training=False):
            self._keep(x)
            return np.concatenate([np.sin(x[:, :1]) * 1e-9, np.sin(x[:, 1:])], axis=1)

        def backward(self, dout):
            dx = dout * np.cos(self._kept())
            dx[:, :1] *= 1e-9 * self.error
            return dx

    class Off(Uneven):
        error = 1.1

    assert zk.gradcheck(Uneven(), x).ok
    report = zk.gradcheck(Off(), x)
    assert report.rows[0].wrong == 3
    assert report.worst is not None
    assert report.worst.index in {(0, 0), (1, 0), (2, 0)}


def test_a_kink_is_neither_right_nor_wrong() -> None:
    report = zk.gradcheck(zk.ReLU(), np.array([[0.0, 1.0, -1.0, 2e-3]]))
    assert report.ok
    assert (report.rows[0].right, report.rows[0].kinks, report.kinks) == (3, 1, 1)
    assert "1 slopes lie at a kink" in str(report)


def test_only_kinks_prove_nothing() -> None:
    report = zk.gradcheck(zk.ReLU(), np.zeros((2, 2)))
    assert not report.ok
    assert report.worst is None
    assert report.problems == ()
    assert "NOT PROVEN" in str(report)
    assert "every slope of x lies at a kink" in str(report)


def test_a_gradient_outside_both_sides_of_a_kink_is_wrong() -> None:
    report = zk.gradcheck(SevenAtKink(), np.array([[0.0, 1.0, 2.0]]))
    assert (report.rows[0].wrong, report.rows[0].right) == (1, 2)
    assert not report.ok


def test_a_saturated_unit_is_no_false_alarm() -> None:
    W, b = np.array([[1.0]]), np.array([3.0])
    layers = [zk.Affine.from_arrays(W, b), zk.Sigmoid(), zk.Affine.from_arrays(W * 4, b)]
    net = zk.Sequential(layers, 1)
    report = zk.gradcheck(net, np.array([[30.0]]))  # slope 2e-14, below the output's rounding
    assert report.ok, report


def test_gradients_of_zero_are_noted(x: np.ndarray) -> None:
    report = zk.gradcheck(zk.Tanh(), x + 1e4)
    assert report.ok
    assert "all gradients of x are 0" in str(report)


def test_the_original_is_left_as_it_was(rng: np.random.Generator) -> None:
    net = zk.models.TwoLayerNet(4, 5, 3)
    x, t = rng.standard_normal((6, 4)).astype(np.float32), rng.integers(0, 3, 6)
    params, grads = net.flat_params.tobytes(), net.flat_grads.tobytes()
    given = x.tobytes(), t.tobytes()
    x.flags.writeable = t.flags.writeable = False
    report = zk.gradcheck(net, x, t)
    assert report.ok, report
    assert (net.flat_params.tobytes(), net.flat_grads.tobytes()) == (params, grads)
    assert (x.tobytes(), t.tobytes()) == given
    assert net.dtype == np.float32
    layer = zk.Affine(2)
    assert zk.gradcheck(layer, x).ok
    assert not layer.params


def test_a_layer_of_a_network_keeps_its_own_parameters(rng: np.random.Generator) -> None:
    net = zk.models.TwoLayerNet(4, 5, 3)
    report = zk.gradcheck(net.layers["affine1"], rng.standard_normal((2, 4)))
    assert report.ok, report


@pytest.mark.parametrize("form", ["keywords", "mapping"])
def test_a_graph_by_its_inputs_names(form: str) -> None:
    apple, n, tax = zk.Input("apple"), zk.Input("n"), zk.Input("tax")
    shop = zk.Network(apple * n * tax)
    values = {"apple": 100, "n": 2, "tax": 1.1}
    report = zk.gradcheck(shop, **values) if form == "keywords" else zk.gradcheck(shop, values)
    assert report.ok, report
    assert {row.name for row in report.rows} == {"apple", "n", "tax"}


def test_a_network_without_targets_and_one_sample(rng: np.random.Generator) -> None:
    net = zk.Sequential([zk.Affine(3), zk.Sigmoid()], 4, loss=zk.SigmoidWithLoss())
    x = rng.standard_normal(4)
    assert zk.gradcheck(net, x).ok
    assert zk.gradcheck(net, x, t=np.array([0.0, 1.0, 0.5])).ok
    assert zk.gradcheck(net, x[np.newaxis], np.array([[0.0, 1.0, 0.5]])).ok


def test_the_same_seed_gives_the_same_report(x: np.ndarray) -> None:
    assert str(zk.gradcheck(Linear(), x, seed=3)) == str(zk.gradcheck(Linear(), x, seed=3))


class ForgetsInit(zk.Layer):
    def __init__(self) -> None:
        pass


class NoTraining(zk.Identity):
    def forward(self, x):
        return x


AFFINE = zk.Sequential([zk.Affine(2)], 3)
ONE = np.ones((1, 3))


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((42, ONE), {}, "expected a layer, a loss or a network, got int"),
        ((zk.ReLU, ONE), {}, "got ReLU (a class: make a layer of it first)"),
        ((zk.ReLU(),), {}, "needs at least one input"),
        ((zk.ReLU(), ONE), {"t": [1]}, "is no loss and takes no targets"),
        ((zk.SoftmaxWithLoss(), ONE), {}, "takes scores and targets: give x and t"),
        ((zk.ReLU(), np.ones((0, 3))), {}, "is empty, shape (0, 3)"),
        ((zk.ReLU(), np.array([[np.nan]])), {}, "holds NaN or infinity"),
        ((zk.ReLU(), ONE), {"tolerance": 0}, "tolerance must be between 0 and 1, got 0"),
        ((zk.ReLU(), ONE), {"tolerance": np.nan}, "tolerance must be between 0 and 1, got nan"),
        ((zk.ReLU(), ONE), {"directions": 0}, "directions must be 1 or more"),
        ((zk.ReLU(), ONE), {"max_entries": 1}, "max_entries must be 16 or more"),
        ((zk.ReLU(), ONE), {"apple": 1}, "takes its inputs by position"),
        ((AFFINE, ONE, [1]), {}, "has no loss for the targets t"),
        ((AFFINE,), {}, "takes the inputs x, got none"),
        ((AFFINE,), {"y": ONE}, "takes the inputs x, got y"),
        ((AFFINE, ONE, ONE, ONE), {}, "takes x and t"),
        ((ForgetsInit(), ONE), {}, "must call super().__init__()"),
        ((NoTraining(), ONE), {}, "forward must take the keyword training"),
    ],
)
def test_bad_usage_is_refused(arguments: Any, options: Any, text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        zk.gradcheck(*arguments, **options)
    assert text in str(caught.value)


def test_words_are_no_numbers() -> None:
    with pytest.raises(DtypeError, match="x must hold real numbers"):
        zk.gradcheck(zk.ReLU(), np.array([["a"]]))
