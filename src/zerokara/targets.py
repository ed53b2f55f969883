"""Targets of a classifier: class indices or one-hot rows, told apart by shape and never guessed.

Scores of shape (N, C) go with labels of shape (N,) or rows of shape (N, C); scores of one sample,
shape (C,), with one label or a row of shape (C,). Anything else is a `LabelError`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import DtypeError, LabelError

# Rows of a soft target may miss 1 by rounding: in float32, with thousands of classes, by so much.
ROW_SUM_TOLERANCE = 1e-3


def is_one_hot(scores_shape: Shape, t: npt.ArrayLike) -> bool:
    """Whether targets for scores of that shape are rows (True) or labels (False).

    Raises:
        LabelError: the shape of `t` fits neither.
    """
    given = np.shape(t)
    if given == scores_shape:
        return True
    if given == scores_shape[:-1]:
        return False
    raise LabelError(_shape_message(scores_shape, given))


def check_targets(where: str, scores_shape: Shape, t: npt.ArrayLike) -> Array:
    """Return `t` as an array after checking that it fits scores of shape (N, C) or (C,).

    Raises:
        LabelError: wrong shape or length, a label outside 0..C-1, rows that are no distribution.
        DtypeError: labels that are not integers, rows that are not numbers.
    """
    if len(scores_shape) not in (1, 2):
        raise LabelError(f"{where}: scores must be (N, C) or (C,), got shape {scores_shape}")
    t = np.asarray(t)
    try:
        one_hot = is_one_hot(scores_shape, t)
    except LabelError as error:
        raise LabelError(f"{where}: {error}") from None
    if one_hot:
        _check_rows(where, t)
    else:
        check_labels(where, t, scores_shape[-1])
    return t


def check_labels(where: str, t: Array, classes: int) -> None:
    """Raise unless `t` holds integers in 0..classes-1."""
    if t.dtype.kind not in "iu":
        raise DtypeError(
            f"{where}: labels must be integers, got dtype {t.dtype}; "
            "convert with t.astype(np.int64) if they are class indices"
        )
    if t.size and (int(t.min()) < 0 or int(t.max()) >= classes):
        bad = int(t.min()) if int(t.min()) < 0 else int(t.max())
        place = int(np.flatnonzero(np.ravel(t) == bad)[0])
        raise LabelError(
            f"{where}: label {bad} at position {place} is out of range for {classes} classes "
            f"(0 to {classes - 1})"
        )


def one_hot(labels: npt.ArrayLike, classes: int, dtype: npt.DTypeLike = np.float32) -> Array:
    """Rows with a single 1: labels of shape (N,) or () to an array of shape (N, C) or (C,).

    Raises:
        LabelError: a label outside 0..classes-1.
        DtypeError: labels that are not integers.
    """
    labels = np.asarray(labels)
    check_labels("one_hot", labels, classes)
    rows = np.zeros((*labels.shape, classes), dtype)
    np.put_along_axis(rows, labels[..., np.newaxis].astype(np.int64), 1, axis=-1)
    return rows


def as_rows(t: Array, scores: Array) -> Array:
    """Checked targets of either form as rows of the scores' shape and dtype."""
    if is_one_hot(scores.shape, t):
        return t.astype(scores.dtype)
    return one_hot(t, scores.shape[-1], scores.dtype)


def class_indices(t: Array, scores_shape: Shape) -> Array:
    """Labels of shape (N,) from either form of target."""
    return np.asarray(t.argmax(axis=-1)) if is_one_hot(scores_shape, t) else t


def _check_rows(where: str, t: Array) -> None:
    if t.dtype.kind not in "fiub":
        raise DtypeError(f"{where}: one-hot rows must be numbers, got dtype {t.dtype}")
    if not t.size:
        return
    sums = t.sum(axis=-1, dtype=np.float64)
    wrong = ~(np.abs(sums - 1.0) <= ROW_SUM_TOLERANCE)
    if t.min() < 0 or wrong.any():
        bad = np.ravel(wrong) if wrong.any() else np.atleast_2d(t).min(axis=-1) < 0
        row = int(np.flatnonzero(bad)[0])
        raise LabelError(
            f"{where}: row {row} of the one-hot targets is {_few(np.atleast_2d(t)[row])}, "
            "expected entries of 0 or more that sum to 1"
        )


def _shape_message(scores: Shape, given: Shape) -> str:
    batch, classes = scores[:-1], scores[-1]
    labels = f"({batch[0]},)" if batch else "()"
    message = (
        f"targets of shape {given} do not fit scores of shape {scores}: "
        f"expected labels of shape {labels} or one-hot rows of shape {scores}"
    )
    if batch and given == (*batch, 1):
        return message + "; a column of labels becomes labels by t.ravel()"
    if batch and len(given) in (1, 2) and given[0] != batch[0]:
        return message + f"; {given[0]} targets for {batch[0]} samples"
    if batch and len(given) == 2:
        return message + f"; {given[1]} columns for {classes} classes"
    return message


def _few(row: Array) -> str:
    numbers = ", ".join(f"{value:g}" for value in row[:6])
    return f"[{numbers}{', ...' if row.size > 6 else ''}]"
