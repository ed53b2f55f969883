"""The loss layers: values by hand, identities, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara import functions as F
from zerokara.errors import DtypeError, LabelError, ShapeError

LOSSES = (zk.SoftmaxWithLoss, zk.SigmoidWithLoss, zk.IdentityWithLoss)
DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("classes", range(1, 21))
def test_softmax_with_loss_is_cross_entropy_of_softmax(
    classes: int, rng: np.random.Generator
) -> None:
    x, t = rng.normal(0, 3, (6, classes)), rng.integers(0, classes, 6)
    loss = zk.SoftmaxWithLoss()
    value = loss.forward(x, t)
    expected = F.cross_entropy_error(F.softmax(x), t)
    assert value == pytest.approx(expected, rel=1e-12, abs=1e-15)
    dx = loss.backward(1.0)
    np.testing.assert_allclose(dx, (F.softmax(x) - np.eye(classes)[t]) / 6, atol=1e-15)
    assert zk.SoftmaxWithLoss().forward(x, np.eye(classes)[t]) == value


@pytest.mark.parametrize("shift", [1.0, 1e4, 1e8])
def test_softmax_loss_ignores_a_common_shift(shift: float) -> None:
    x, t = np.array([[2.0, -1.0, 5.0]]), np.array([1])  # integers: the shift is exact
    loss = zk.SoftmaxWithLoss()
    assert loss.forward(x + shift, t) == zk.SoftmaxWithLoss().forward(x, t)


@pytest.mark.parametrize("classes", [1, 2, 10, 1000])
@pytest.mark.parametrize("score", [0.0, 1e20, -1e20])
def test_equal_scores_cost_the_log_of_their_number(classes: int, score: float) -> None:
    value = zk.SoftmaxWithLoss().forward(np.full((3, classes), score), np.zeros(3, int))
    assert value == pytest.approx(math.log(classes), rel=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_certain_wrong_answer_costs_its_score(dtype: Any) -> None:
    loss = zk.SoftmaxWithLoss()
    value = loss.forward(np.array([[1e4, 0, -1e4]], dtype), np.array([2]))
    assert value == 2e4
    assert loss.backward(1.0).tolist() == [[1, 0, -1]]
    assert zk.SigmoidWithLoss().forward(np.array([-1e4, 1e4], dtype), np.array([1, 0])) == 1e4


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_perfect_answer_costs_exactly_nothing(dtype: Any) -> None:
    x = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    rows = np.eye(2, dtype=dtype)
    values = [
        zk.SoftmaxWithLoss().forward(x, np.array([0, 1])),
        zk.SoftmaxWithLoss().forward(x, rows),
        zk.SoftmaxWithLoss().forward(x[:, :1], np.array([0, 0])),
        zk.SigmoidWithLoss().forward(x, rows),
        zk.IdentityWithLoss().forward(x, x),
    ]
    for value in values:
        assert value == 0
        assert not np.signbit(value)
        assert value.dtype == dtype


def test_sigmoid_with_loss_by_hand(rng: np.random.Generator) -> None:
    x, t = rng.normal(0, 3, (4, 3)), rng.random((4, 3))
    total = 0.0
    for score, target in zip(x.ravel(), t.ravel(), strict=True):
        y = 1 / (1 + math.exp(-score))
        total -= target * math.log(y) + (1 - target) * math.log(1 - y)
    loss = zk.SigmoidWithLoss()
    assert loss.forward(x, t) == pytest.approx(total / 4, rel=1e-12)
    np.testing.assert_allclose(loss.backward(1.0), (F.sigmoid(x) - t) / 4, rtol=1e-13)


def test_identity_with_loss_by_hand() -> None:
    loss = zk.IdentityWithLoss()
    x, t = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[0.0, 4.0], [0.0, 1.0]])
    assert loss.forward(x, t) == 0.5 * (1 + 4 + 0 + 4) / 2
    assert loss.backward(1.0).tolist() == [[0.5, -1.0], [0.0, -1.0]]
    assert loss.forward(x, t) == F.sum_squared_error(x, t)


@pytest.mark.parametrize("kind", [zk.SigmoidWithLoss, zk.IdentityWithLoss])
def test_a_column_of_scores_takes_a_vector_of_targets(kind: Any) -> None:
    x, t = np.array([[0.5], [-1.0], [2.0]]), np.array([1.0, 0.0, 1.0])
    column, vector = kind(), kind()
    assert column.forward(x, t) == vector.forward(x, t[:, np.newaxis])
    assert np.array_equal(column.backward(1.0), vector.backward(1.0))
    assert column.backward(1.0).shape == (3, 1)


@pytest.mark.parametrize("kind", LOSSES)
def test_the_loss_is_the_mean_of_single_losses(kind: Any, rng: np.random.Generator) -> None:
    x, t = rng.standard_normal((5, 3)), np.eye(3)[rng.integers(0, 3, 5)]
    singles = [kind().forward(x[i : i + 1], t[i : i + 1]) for i in range(5)]
    assert kind().forward(x, t) == pytest.approx(np.mean(singles), rel=1e-14)


@pytest.mark.parametrize("kind", LOSSES)
def test_dout_scales_the_gradient(kind: Any, rng: np.random.Generator) -> None:
    x, t = rng.standard_normal((5, 3)), np.eye(3)[rng.integers(0, 3, 5)]
    loss = kind()
    loss.forward(x, t)
    once = loss.backward(1.0)
    np.testing.assert_allclose(loss.backward(-2.5), -2.5 * once, rtol=1e-15)
    assert np.array_equal(loss.backward(), once)
    assert np.array_equal(loss.backward(np.float64(0)), 0 * once)


@pytest.mark.parametrize("kind", [zk.SoftmaxWithLoss, zk.IdentityWithLoss])
def test_one_sample_without_a_batch_axis(kind: Any) -> None:
    x, t = np.array([0.5, -1.0, 2.0]), np.array([0.0, 0.0, 1.0])
    one, batch = kind(), kind()
    assert one.forward(x, t) == batch.forward(x[np.newaxis], t[np.newaxis])
    assert np.array_equal(one.backward(1.0), batch.backward(1.0)[0])


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("t_dtype", [np.int8, np.int64, np.uint8, np.float32, np.float64])
def test_targets_do_not_change_the_dtype(kind: Any, t_dtype: Any) -> None:
    x, t = np.ones((2, 3), np.float32), np.eye(3)[:2].astype(t_dtype)
    loss = kind()
    assert loss.forward(x, t).dtype == np.float32
    assert loss.backward(1.0).dtype == np.float32


X = np.zeros((3, 4))
REFUSED = [
    (zk.SoftmaxWithLoss, [[0], [1], [2]], LabelError, "labels by t.ravel()"),
    (zk.SoftmaxWithLoss, [0, 1, 4], LabelError, "label 4 at position 2 is out of range"),
    (zk.SoftmaxWithLoss, [-1, 1, 0], LabelError, "label -1 at position 0 is out of range"),
    (zk.SoftmaxWithLoss, [0, 1], LabelError, "2 targets for 3 samples"),
    (zk.SoftmaxWithLoss, [0.0, 1.0, 2.0], DtypeError, "labels must be integers"),
    (zk.SoftmaxWithLoss, np.ones((3, 4)), LabelError, "entries of 0 or more that sum to 1"),
    (zk.SigmoidWithLoss, np.full((3, 4), 1.5), LabelError, "must lie in 0..1, got 1.5 to 1.5"),
    (zk.SigmoidWithLoss, np.zeros(3), ShapeError, "(3,) do not fit scores of shape (3, 4)"),
    (zk.SigmoidWithLoss, np.full((3, 4), "a"), DtypeError, "targets must be numbers"),
    (zk.SigmoidWithLoss, np.full((3, 4), np.nan), LabelError, "must lie in 0..1"),
    (zk.IdentityWithLoss, np.zeros((4, 3)), ShapeError, "(4, 3) do not fit scores of shape"),
    (zk.IdentityWithLoss, np.full((3, 4), None), DtypeError, "targets must be numbers"),
]


@pytest.mark.parametrize(("kind", "t", "error", "text"), REFUSED)
def test_targets_that_do_not_fit_are_refused(kind: Any, t: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        kind().forward(X, np.asarray(t))
    assert text in str(caught.value)
    assert kind.__name__ in str(caught.value)


def test_activation_and_right_answers() -> None:
    x = np.array([[2.0, -1.0], [-3.0, 1.0], [1.0, 0.5]])
    softmax, sigmoid, identity = (kind() for kind in LOSSES)
    assert np.array_equal(softmax.activate(x), F.softmax(x))
    assert np.array_equal(sigmoid.activate(x), F.sigmoid(x))
    assert np.array_equal(identity.activate(x), x)
    assert softmax.correct(x, np.array([0, 1, 1])).tolist() == [True, True, False]
    assert softmax.correct(x, np.eye(2)[[0, 1, 1]]).tolist() == [True, True, False]
    wanted = np.array([[1, 0], [0, 1], [1, 0]])
    assert sigmoid.correct(x, wanted).tolist() == [True, True, False]
    assert sigmoid.correct(x[:, :1], np.array([1, 0, 0])).tolist() == [True, True, False]
