"""zerokara.functions: exact values, identities and refusals."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from zerokara import functions as F
from zerokara.errors import ArgumentError, DtypeError, LabelError, ShapeError

BOOK_Y = [0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0]  # book 4.2: the answer is 2
BOOK_T = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
FLOATS = (np.float16, np.float32, np.float64, np.longdouble)
SHAPED = (F.step, F.sigmoid, F.tanh, F.relu, F.identity)


def test_step_is_one_above_zero_only() -> None:
    answer = F.step([-1.0, -0.0, 0.0, 1e-300, 2.0, np.nan])
    assert answer.tolist() == [0, 0, 0, 1, 1, 0]
    assert answer.dtype == np.int64


@pytest.mark.parametrize("x", [-40.0, -2.5, -1.0, 0.0, 0.1, 1.0, 7.0, 36.0])
def test_sigmoid_against_scalar_python(x: float) -> None:
    assert F.sigmoid(x) == pytest.approx(1 / (1 + math.exp(-x)), rel=4e-16)


def test_sigmoid_is_exact_where_it_can_be() -> None:
    assert F.sigmoid(0.0) == 0.5
    assert F.sigmoid(1e4) == 1.0
    assert F.sigmoid(-1e4) == 0.0
    assert F.sigmoid(np.inf) == 1.0
    assert F.sigmoid(-np.inf) == 0.0
    assert np.isnan(F.sigmoid(np.nan))
    np.testing.assert_allclose(F.sigmoid(-700.0), math.exp(-700), rtol=1e-15)


@pytest.mark.parametrize("dtype", FLOATS[1:])
def test_sigmoid_is_symmetric_and_rises(dtype: type) -> None:
    x = np.linspace(-30, 30, 601).astype(dtype)
    y = F.sigmoid(x)
    np.testing.assert_allclose(y + F.sigmoid(-x), 1, rtol=0, atol=2 * np.finfo(dtype).eps)
    assert np.all(np.diff(y) >= 0)
    assert y.dtype == dtype


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("function", [F.sigmoid, F.softmax, F.log_softmax, F.tanh, F.relu])
def test_no_warnings_at_large_numbers(function: Any, dtype: type) -> None:
    x = np.array([-1e4, -100, -1, 0, 1, 100, 1e4], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = function(x)
    assert y.dtype == dtype
    assert np.all(np.isfinite(y))


def test_relu_tanh_identity() -> None:
    assert F.relu([-2.0, -0.0, 0.0, 3.0]).tolist() == [0, 0, 0, 3]
    assert np.isnan(F.relu(np.nan))
    assert F.tanh(0.5) == math.tanh(0.5)
    x = np.array([1.5, -2.0])
    assert np.array_equal(F.identity(x), x)


@pytest.mark.parametrize("function", SHAPED)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)])
def test_shapes_are_kept_and_inputs_unchanged(function: Any, shape: tuple[int, ...]) -> None:
    x = np.full(shape, -1.5)
    x.flags.writeable = False
    assert function(x).shape == shape
    assert np.all(x == -1.5)


@pytest.mark.parametrize("function", [F.sigmoid, F.tanh, F.relu, F.identity, F.softmax])
def test_integers_become_float64_and_words_are_refused(function: Any) -> None:
    assert function([1, 2]).dtype == np.float64
    for wrong in (["a"], [1j], [None]):
        with pytest.raises(DtypeError, match="expected real numbers, got dtype"):
            function(wrong)


def test_softmax_of_the_book() -> None:
    y = F.softmax([0.3, 2.9, 4.0])  # book 3.5.2
    np.testing.assert_allclose(y, [0.01821127, 0.24519181, 0.73659691], atol=5e-9)
    assert F.softmax([1010.0, 1000.0, 990.0])[0] == pytest.approx(9.99954600e-01, rel=1e-8)


@pytest.mark.parametrize("shape", [(1,), (5,), (4, 1), (4, 5), (2, 3, 4)])
def test_softmax_sums_to_one_row_by_row(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x = rng.normal(0, 5, shape)
    y = F.softmax(x)
    assert y.shape == shape
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-15 * 8)
    np.testing.assert_allclose(np.log(y), F.log_softmax(x), atol=1e-12)
    for index in np.ndindex(shape[:-1]):
        e = [math.exp(v) for v in x[index]]
        np.testing.assert_allclose(y[index], np.array(e) / sum(e), rtol=1e-13)


@pytest.mark.parametrize("shift", [1.0, -64.0, 1e4, 2.0**40])
def test_softmax_ignores_a_common_shift(shift: float) -> None:
    x = np.array([[2.0, -1.0, 5.0], [0.0, 0.0, 0.0]])  # integers: the shift is exact
    assert np.array_equal(F.softmax(x + shift), F.softmax(x))


def test_softmax_at_scores_of_ten_thousand() -> None:
    assert F.softmax([1e4, 0.0, -1e4]).tolist() == [1, 0, 0]
    assert F.softmax([-1e4, -1e4]).tolist() == [0.5, 0.5]
    assert np.all(np.isnan(F.softmax([np.nan, 1.0])))


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
@pytest.mark.parametrize("x", [1.0, [], np.ones((2, 0))])
def test_softmax_needs_scores(function: Any, x: Any) -> None:
    with pytest.raises(ShapeError, match="expected scores along the last axis, got shape"):
        function(x)


def test_the_books_losses() -> None:
    assert F.sum_squared_error(BOOK_Y, BOOK_T) == pytest.approx(0.0975, abs=1e-15)
    assert F.cross_entropy_error(BOOK_Y, BOOK_T) == pytest.approx(-math.log(0.6), rel=1e-15)
    assert F.cross_entropy_error(BOOK_Y, BOOK_T) == pytest.approx(0.510825457099, abs=2e-7)
    worse = [0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0]
    assert F.sum_squared_error(worse, BOOK_T) == pytest.approx(0.5975, abs=1e-15)
    assert F.cross_entropy_error(worse, BOOK_T) == pytest.approx(-math.log(0.1), rel=1e-15)


@pytest.mark.parametrize("loss", [F.sum_squared_error, F.cross_entropy_error])
@pytest.mark.parametrize("classes", range(1, 21))
def test_labels_and_one_hot_rows_are_the_same(
    loss: Any, classes: int, rng: np.random.Generator
) -> None:
    y = rng.uniform(0.1, 1, (6, classes))
    y /= y.sum(axis=1, keepdims=True)
    labels = rng.integers(0, classes, 6)
    rows = np.eye(classes)[labels]
    value = loss(y, labels)
    assert loss(y, rows) == value
    assert loss(y, rows.astype(np.int8)) == value
    singles = [loss(y[i], labels[i]) for i in range(6)]
    assert value == pytest.approx(sum(singles) / 6, rel=1e-14, abs=1e-15)
    assert loss(y[0], rows[0]) == singles[0]
    by_hand = -math.log(y[0][labels[0]])
    if loss is F.sum_squared_error:
        by_hand = 0.5 * sum((y[0][k] - rows[0][k]) ** 2 for k in range(classes))
    assert singles[0] == pytest.approx(by_hand, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_probability_of_zero_costs_much_and_is_finite(dtype: type) -> None:
    loss = F.cross_entropy_error(np.array([[1, 0], [0, 1]], dtype), [1, 0])
    assert loss.dtype == dtype
    assert np.isfinite(loss)
    assert loss > 9
    assert loss == pytest.approx(float(-np.log(np.finfo(dtype).tiny)), rel=1e-3)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("loss", [F.sum_squared_error, F.cross_entropy_error])
@pytest.mark.parametrize("batch", [True, False])
def test_a_perfect_answer_costs_exactly_nothing(loss: Any, dtype: type, batch: bool) -> None:
    y = np.eye(3, dtype=dtype)
    value = loss(y, [0, 1, 2]) if batch else loss(y[1], 1)
    assert value == 0
    assert not np.signbit(value)
    assert value.dtype == dtype


@pytest.mark.parametrize("loss", [F.sum_squared_error, F.cross_entropy_error])
def test_an_empty_batch_costs_nothing(loss: Any) -> None:
    value = loss(np.ones((0, 3)), np.ones(0, int))
    assert value == 0
    assert not np.signbit(value)


def test_a_little_over_one_by_rounding_is_no_gain() -> None:
    value = F.cross_entropy_error([1 + 1e-9, 0.0], 0)
    assert value == 0


def test_squared_error_of_regression_takes_any_target() -> None:
    assert F.sum_squared_error([1.0, 2.0], [0.0, 4.0]) == 2.5
    assert F.sum_squared_error([[1.0, 2.0], [0.0, 0.0]], [[0.0, 4.0], [0.0, 0.0]]) == 1.25


def test_losses_do_not_write_into_their_arguments() -> None:
    y, t = np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([1, 0])
    y.flags.writeable = t.flags.writeable = False
    assert F.cross_entropy_error(y, t) == pytest.approx(math.log(2) / 2)
    assert F.sum_squared_error(y, t) == 0.125


Y = np.full((3, 4), 0.25)
REFUSED = [
    ([[0], [1], [2]], LabelError, "a column of labels becomes labels by t.ravel()"),
    ([0, 1, 4], LabelError, "label 4 at position 2 is out of range for 4 classes (0 to 3)"),
    ([0, -1, 2], LabelError, "label -1 at position 1 is out of range for 4 classes (0 to 3)"),
    ([0, 1], LabelError, "2 targets for 3 samples"),
    (np.eye(4), LabelError, "4 targets for 3 samples"),
    (np.eye(3), LabelError, "3 columns for 4 classes"),
    ([0.0, 1.0, 2.0], DtypeError, "labels must be integers, got dtype float64"),
    (1, LabelError, "expected labels of shape (3,) or one-hot rows of shape (3, 4)"),
]


@pytest.mark.parametrize(("t", "error", "text"), REFUSED)
@pytest.mark.parametrize("loss", [F.sum_squared_error, F.cross_entropy_error])
def test_targets_that_do_not_fit_are_refused(loss: Any, t: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        loss(Y, t)
    assert text in str(caught.value)
    assert loss.__name__ in str(caught.value)


def test_rows_that_are_no_distribution_are_refused() -> None:
    with pytest.raises(LabelError, match=r"row 1 of the one-hot targets is \[1, 1\]"):
        F.cross_entropy_error(np.full((2, 2), 0.5), [[1, 0], [1, 1]])
    with pytest.raises(LabelError, match=r"row 0 of the one-hot targets is \[2, -1\]"):
        F.cross_entropy_error([0.5, 0.5], [2, -1])
    with pytest.raises(LabelError, match="expected entries of 0 or more that sum to 1"):
        F.cross_entropy_error([0.5, 0.5], [np.nan, 1.0])


def test_scores_are_no_probabilities() -> None:
    with pytest.raises(ArgumentError, match="scores become probabilities by softmax"):
        F.cross_entropy_error([[2.0, -1.0]], [0])


def test_nan_probabilities_give_nan_and_not_a_number() -> None:
    assert np.isnan(F.cross_entropy_error([[np.nan, 0.5]], [0]))
    assert np.isnan(F.sum_squared_error([np.nan, 0.5], [0.0, 1.0]))
