"""Classes as numbers from 0, and rows of several labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from zerokara._types import Array
from zerokara.errors import ArgumentError, LabelError, ShapeError


def has_rows(where: str, y: Any) -> bool:
    """Whether y holds several labels a sample, (N, K) of 0 and 1, and not one class.

    Raises:
        ArgumentError: several columns of several classes.
        ValueError: scikit-learn's, for quantities.
    """
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind == "multiclass-multioutput":
        raise ArgumentError(
            f"{where}: y has several columns of several classes; give labels (N,), or rows of 0 "
            "and 1 (N, K). For more, see sklearn.multioutput.MultiOutputClassifier"
        )
    return bool(kind == "multilabel-indicator")


def as_rows(where: str, y: Any, count: int | None) -> Array:
    """Rows of labels, dense and of float64; `count` is how many there must be, None any."""
    dense = np.asarray(y.toarray() if hasattr(y, "toarray") else y, np.float64)
    if count is not None and dense.shape[1] != count:
        raise ShapeError(
            f"{where}: y has {dense.shape[1]} labels a sample; it was fitted with {count}"
        )
    return dense


def as_column(y: Any) -> Array:
    """One label a sample, (N,); a column (N, 1) is taken with scikit-learn's warning."""
    return np.asarray(column_or_1d(y, warn=True))


def numbered(where: str, y: Array, classes: Array) -> Array:
    """The place of each label in `classes`, int64 (N,).

    Raises:
        LabelError: a label that is not there.
    """
    known = {label: place for place, label in enumerate(classes.tolist())}
    labels, inverse = np.unique(y, return_inverse=True)
    strange = [label for label in labels.tolist() if label not in known]
    if strange:
        raise LabelError(
            f"{where}: y holds the label {strange[0]!r}, which is none of the classes: "
            f"{few(classes)}"
        )
    places = np.array([known[label] for label in labels.tolist()], np.int64)
    return np.asarray(places[inverse.reshape(-1)])


def few(classes: Array) -> str:
    """The first classes, for an error."""
    shown = ", ".join(map(repr, classes[:8].tolist()))
    return shown if len(classes) <= 8 else f"{shown}, ... ({len(classes)} in all)"
