"""Targets: labels and one-hot rows are told apart by shape and never guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zerokara import targets
from zerokara.errors import DtypeError, LabelError


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint64])
def test_one_hot_of_every_integer_dtype(dtype: type) -> None:
    rows = targets.one_hot(np.array([2, 0, 1], dtype), 3)
    assert rows.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert rows.dtype == np.float32
    assert targets.one_hot(np.array(1, dtype), 3, np.float64).tolist() == [0, 1, 0]
    assert targets.one_hot(np.zeros(0, dtype), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        ([3], LabelError, "label 3 at position 0 is out of range for 3 classes (0 to 2)"),
        ([0, -2], LabelError, "label -2 at position 1 is out of range"),
        ([0.0], DtypeError, "convert with t.astype(np.int64) if they are class indices"),
        ([True], DtypeError, "labels must be integers, got dtype bool"),
        (["a"], DtypeError, "labels must be integers"),
    ],
)
def test_one_hot_refuses(labels: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        targets.one_hot(labels, 3)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("scores", "t", "answer"),
    [
        ((4, 3), np.zeros((4, 3)), True),
        ((4, 3), np.zeros(4), False),
        ((3,), np.zeros(3), True),
        ((3,), np.zeros(()), False),
        ((1, 1), np.zeros((1, 1)), True),
        ((4, 4), np.zeros(4), False),
    ],
)
def test_the_form_is_told_by_shape(scores: Any, t: Any, answer: bool) -> None:
    assert targets.is_one_hot(scores, t) is answer


def test_labels_and_rows_are_turned_into_each_other() -> None:
    scores = np.zeros((3, 4), np.float32)
    labels = np.array([3, 0, 2])
    rows = targets.as_rows(labels, scores)
    assert rows.dtype == np.float32
    assert np.array_equal(targets.class_indices(rows, scores.shape), labels)
    assert np.array_equal(targets.class_indices(labels, scores.shape), labels)
    assert np.array_equal(targets.as_rows(rows.astype(np.int8), scores), rows)


def test_soft_targets_may_miss_one_by_rounding_only() -> None:
    row = np.full((1, 3), np.float32(1 / 3))
    assert targets.check_targets("here", (1, 3), row) is not None
    with pytest.raises(LabelError, match=r"here: row 0 .* is \[0.3, 0.3, 0.3\]"):
        targets.check_targets("here", (1, 3), np.full((1, 3), 0.3))


def test_scores_of_three_axes_are_refused() -> None:
    with pytest.raises(LabelError, match=r"scores must be \(N, C\) or \(C,\), got shape"):
        targets.check_targets("here", (2, 3, 4), [0, 1])
