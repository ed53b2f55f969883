"""Losses of regression, label smoothing, class weights and sample weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara import functions as F
from zerokara.errors import ArgumentError, DtypeError, LabelError, ShapeError

DTYPES = (np.float32, np.float64)
WEIGHTS = [0.5, 2.0, 1.25]


def numbers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(0, 2, (7, 3)), rng.normal(0, 2, (7, 3))


def labels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(0, 2, (7, 3)), rng.integers(0, 3, 7)


def shares(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(0, 2, (7, 3)), rng.random((7, 3))


def single(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(0, 2, 7), rng.random(7)


# name -> the loss, and what draws scores and targets for it
KINDS: dict[str, tuple[Callable[[], zk.Loss], Any]] = {
    "softmax": (zk.SoftmaxWithLoss, labels),
    "softmax-smooth": (lambda: zk.SoftmaxWithLoss(0.2), labels),
    "softmax-class-weight": (lambda: zk.SoftmaxWithLoss(class_weight=WEIGHTS), labels),
    "softmax-both": (lambda: zk.SoftmaxWithLoss(0.1, WEIGHTS), labels),
    "sigmoid": (zk.SigmoidWithLoss, shares),
    "sigmoid-vector": (zk.SigmoidWithLoss, single),
    "identity": (zk.IdentityWithLoss, numbers),
    "squared": (zk.MeanSquaredError, numbers),
    "absolute": (zk.MeanAbsoluteError, numbers),
    "huber": (lambda: zk.Huber(0.7), numbers),
}
each = pytest.mark.parametrize("name", KINDS)
REGRESSION = (zk.MeanSquaredError, zk.MeanAbsoluteError, zk.Huber)


# -- regression ----------------------------------------------------------------------------------


def test_regression_losses_by_hand() -> None:
    x, t = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[0.0, 4.0], [0.0, 2.0]])
    squared, absolute, huber = zk.MeanSquaredError(), zk.MeanAbsoluteError(), zk.Huber(1.5)
    assert squared.forward(x, t) == (1 + 4 + 0 + 9) / 4
    assert squared.backward().tolist() == [[0.5, -1.0], [0.0, -1.5]]
    assert absolute.forward(x, t) == (1 + 2 + 0 + 3) / 4
    assert absolute.backward(2.0).tolist() == [[0.5, -0.5], [0.0, -0.5]]
    assert huber.forward(x, t) == (0.5 + 1.5 * (2 - 0.75) + 0 + 1.5 * (3 - 0.75)) / 4
    assert huber.backward().tolist() == [[0.25, -0.375], [0.0, -0.375]]


def test_huber_lies_between_the_other_two(rng: np.random.Generator) -> None:
    x, t = numbers(rng)
    wide, narrow = zk.Huber(1e6).forward(x, t), zk.Huber(1e-6).forward(x, t)
    assert wide == pytest.approx(zk.MeanSquaredError().forward(x, t) / 2, rel=1e-14)
    assert narrow == pytest.approx(1e-6 * zk.MeanAbsoluteError().forward(x, t), rel=1e-5)


@pytest.mark.parametrize("kind", REGRESSION)
def test_one_sample_and_columns(kind: Any) -> None:
    x, t = np.array([0.5, -1.0, 2.0]), np.array([0.0, 0.0, 1.0])
    one, batch, column = kind(), kind(), kind()
    assert one.forward(x, t) == batch.forward(x[np.newaxis], t[np.newaxis])
    assert np.array_equal(one.backward(), batch.backward()[0])
    assert column.forward(x[:, np.newaxis], t) == one.forward(x, t)
    assert column.backward().shape == (3, 1)


@pytest.mark.parametrize("kind", REGRESSION)
@pytest.mark.parametrize("dtype", DTYPES)
def test_perfect_and_wild_answers(kind: Any, dtype: Any) -> None:
    x = np.array([[1e15, -1e15]], dtype)
    value = kind().forward(x, x)
    assert (value, value.dtype, np.signbit(value)) == (0, dtype, False)
    loss = kind()
    assert np.isfinite(loss.forward(x, -x))
    assert np.isfinite(loss.backward()).all()


@pytest.mark.parametrize("kind", REGRESSION)
def test_regression_trains(kind: Any) -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (300, 2))
    t = x[:, 0] - 2 * x[:, 1] + 0.5
    net = zk.Sequential([zk.Affine(1)], 2, loss=kind(), rng=0)
    zk.fit(net, (x, t), optimizer=zk.Adam(lr=0.05), epochs=30, batch_size=30)
    np.testing.assert_allclose(net.params["affine1.W"].ravel(), [1, -2], atol=0.05)
    np.testing.assert_allclose(net.params["affine1.b"], [0.5], atol=0.05)


def test_binary_cross_entropy_with_logits_is_the_sigmoid_loss() -> None:
    assert zk.BinaryCrossEntropyWithLogits is zk.SigmoidWithLoss
    value = zk.BinaryCrossEntropyWithLogits().forward(np.array([[1e4]]), np.array([0.0]))
    assert value == 1e4


# -- label smoothing and class weights -----------------------------------------------------------


def test_smoothing_is_cross_entropy_with_softer_rows(rng: np.random.Generator) -> None:
    x, t = labels(rng)
    soft = np.eye(3)[t] * 0.8 + 0.2 / 3
    smooth, plain = zk.SoftmaxWithLoss(0.2), zk.SoftmaxWithLoss()
    assert smooth.forward(x, t) == pytest.approx(plain.forward(x, soft), rel=1e-14)
    np.testing.assert_allclose(smooth.backward(), plain.backward(), atol=1e-15)
    assert smooth.forward(x, np.eye(3)[t]) == smooth.forward(x, t)


def test_class_weights_by_hand(rng: np.random.Generator) -> None:
    x, t = labels(rng)
    log_y = F.log_softmax(x)
    total = sum(-WEIGHTS[label] * log_y[i, label] for i, label in enumerate(t))
    loss = zk.SoftmaxWithLoss(class_weight=WEIGHTS)
    assert loss.forward(x, t) == pytest.approx(total / sum(WEIGHTS[i] for i in t), rel=1e-13)
    assert loss.forward(x, np.eye(3)[t]) == pytest.approx(loss.forward(x, t), rel=1e-14)


def test_class_weights_are_weights_of_their_samples(rng: np.random.Generator) -> None:
    x, t = labels(rng)
    by_class, by_sample = zk.SoftmaxWithLoss(class_weight=WEIGHTS), zk.SoftmaxWithLoss()
    weighted = by_sample.forward(x, t, sample_weight=np.array(WEIGHTS)[t])
    assert by_class.forward(x, t) == pytest.approx(weighted, rel=1e-14)
    np.testing.assert_allclose(by_class.backward(), by_sample.backward(), atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_of_one_change_nothing_but_rounding(dtype: Any, rng: np.random.Generator) -> None:
    x, t = labels(rng)
    x = x.astype(dtype)
    plain, ones = zk.SoftmaxWithLoss(), zk.SoftmaxWithLoss(0.0, [1, 1, 1])
    assert ones.forward(x, t) == pytest.approx(plain.forward(x, t), rel=1e-6)
    np.testing.assert_allclose(ones.backward(), plain.backward(), rtol=1e-5, atol=1e-7)
    assert ones.forward(x, t).dtype == ones.backward().dtype == dtype


def test_plain_says_whether_there_are_options() -> None:
    assert zk.SoftmaxWithLoss().plain
    assert zk.SoftmaxWithLoss().config() == {}
    assert not zk.SoftmaxWithLoss(0.1).plain
    assert not zk.SoftmaxWithLoss(class_weight=[1, 1]).plain
    assert repr(zk.SoftmaxWithLoss(0.1, np.array([1, 2]))) == (
        "SoftmaxWithLoss(label_smoothing=0.1, class_weight=[1.0, 2.0])"
    )


@pytest.mark.parametrize("options", [{"label_smoothing": 0.3}, {"class_weight": [1, 5, 0.5]}])
def test_a_compiled_step_keeps_the_options(options: Any, rng: np.random.Generator) -> None:
    x, t = rng.standard_normal((20, 4)), rng.integers(0, 3, 20)
    nets = [
        zk.Sequential([zk.Affine(3)], 4, loss=zk.SoftmaxWithLoss(**options), dtype=np.float64)
        for _ in range(2)
    ]
    value = nets[0].compute_gradient(x, t)
    optimizer = zk.SGD(lr=0.5)
    optimizer.update(nets[0].flat_params, nets[0].flat_grads)
    step = zk.compile_step(nets[1], zk.SGD(lr=0.5), x, t, batch_size=20)
    assert step(np.arange(20)) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(nets[1].flat_params, nets[0].flat_params, rtol=1e-10, atol=1e-12)


# -- sample weights ------------------------------------------------------------------------------


@each
def test_a_weight_of_2_is_a_repeated_row(name: str, rng: np.random.Generator) -> None:
    make, draw = KINDS[name]
    x, t = draw(rng)
    counts = np.array([1, 2, 1, 0, 3, 1, 2])
    rows = np.repeat(np.arange(7), counts)
    weighted, repeated = make(), make()
    value = weighted.forward(x, t, sample_weight=counts)
    assert value == pytest.approx(repeated.forward(x[rows], t[rows]), rel=1e-13)
    summed = np.zeros_like(x)
    np.add.at(summed, rows, repeated.backward())
    np.testing.assert_allclose(weighted.backward(), summed, rtol=1e-12, atol=1e-16)


@each
def test_only_the_ratio_of_weights_counts(name: str, rng: np.random.Generator) -> None:
    make, draw = KINDS[name]
    x, t = draw(rng)
    w = rng.uniform(0, 2, 7)
    loss = make()
    value, gradient = loss.forward(x, t, sample_weight=w), loss.backward()
    assert loss.forward(x, t, sample_weight=1000 * w) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(loss.backward(), gradient, rtol=1e-12)
    equal = loss.forward(x, t, sample_weight=np.full(7, 0.3))
    assert equal == pytest.approx(loss.forward(x, t), rel=1e-13)


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_weighted_gradients_are_proven(name: str, dtype: Any, rng: np.random.Generator) -> None:
    make, draw = KINDS[name]
    x, t = draw(rng)
    w = rng.uniform(0, 2, 7)
    loss = make()
    measured = zk.gradient.numerical_gradient(lambda _: loss.forward(x, t, sample_weight=w), x)
    narrow = x.astype(dtype)
    value = loss.forward(narrow, t, sample_weight=w)
    gradient = loss.backward()
    assert value.dtype == gradient.dtype == dtype
    tolerance = 1e-7 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(gradient, measured, rtol=tolerance, atol=tolerance * 0.1)
    np.testing.assert_allclose(loss.backward(-2.0), -2 * gradient, rtol=1e-6)


@each
def test_no_weight_at_all_is_no_loss(name: str, rng: np.random.Generator) -> None:
    make, draw = KINDS[name]
    x, t = draw(rng)
    loss = make()
    assert loss.forward(x, t, sample_weight=np.zeros(7)) == 0
    assert not loss.backward().any()
    assert loss.forward(x[:0], t[:0], sample_weight=[]) == 0


def test_one_sample_takes_one_weight() -> None:
    loss = zk.SoftmaxWithLoss()
    x = np.array([0.5, 1.0])
    assert loss.forward(x, np.array(1), sample_weight=3.0) == pytest.approx(loss.forward(x, 1))


def test_wild_weights_keep_their_ratio() -> None:
    loss = zk.IdentityWithLoss()
    x, t = np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]])
    assert loss.forward(x, t, sample_weight=[1e300, 1e300]) == 0.5 * (1 + 9) / 2
    assert loss.forward(x, t, sample_weight=[1e-300, 1e-300]) == 0.5 * (1 + 9) / 2


SCORES = np.zeros((3, 4))
LABELS = np.array([0, 1, 2])
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: zk.SoftmaxWithLoss(1.0), ArgumentError, "label_smoothing must be from 0 to below 1"),
    (lambda: zk.SoftmaxWithLoss(-0.1), ArgumentError, "got -0.1"),
    (lambda: zk.SoftmaxWithLoss(class_weight=[1, -1]), ArgumentError, "numbers of 0 or more"),
    (lambda: zk.SoftmaxWithLoss(class_weight=[0, 0]), ArgumentError, "one above 0"),
    (lambda: zk.SoftmaxWithLoss(class_weight=[1, np.nan]), ArgumentError, "finite numbers"),
    (lambda: zk.SoftmaxWithLoss(class_weight=2.0), ArgumentError, "a list of one number for each"),
    (
        lambda: zk.SoftmaxWithLoss(class_weight=[1, 2]).check(SCORES, LABELS),
        ShapeError,
        "class_weight holds 2 numbers for scores of shape (3, 4)",
    ),
    (lambda: zk.Huber(0), ArgumentError, "Huber: delta must be above 0 and finite, got 0"),
    (lambda: zk.Huber(math.inf), ArgumentError, "got inf"),
    (lambda: zk.MeanSquaredError().forward(SCORES, LABELS), ShapeError, "MeanSquaredError(): tar"),
    (lambda: zk.Huber().forward(SCORES, SCORES.astype(str)), DtypeError, "must be numbers"),
    (lambda: weighed([1, 2]), ShapeError, "weights of shape (2,) do not fit the samples"),
    (lambda: weighed([[1], [2], [3]]), ShapeError, "expected one number a sample, shape (3,)"),
    (lambda: weighed([1, -2, 3]), ArgumentError, "0 or more, got -2 at position 1"),
    (lambda: weighed([1, 2, np.inf]), ArgumentError, "got inf at position 2"),
    (lambda: weighed(["a", "b", "c"]), DtypeError, "sample weights must be numbers"),
    (lambda: zk.SoftmaxWithLoss(0.1).forward(SCORES, LABELS + 3), LabelError, "out of range"),
]


def weighed(weights: Any) -> Any:
    return zk.SoftmaxWithLoss().forward(SCORES, LABELS, sample_weight=weights)


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_what_does_not_fit_is_refused(
    call: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
