"""The data of an estimator: rows as its network takes them, weights, and what is kept out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from zerokara._types import Array, Shape
from zerokara.data.batches import Indices
from zerokara.errors import ArgumentError, LabelError, ShapeError
from zerokara.layers import weighting
from zerokara.sklearn.labels import few

REALS = (int, float, np.integer, np.floating)
"""What a single number may be."""


class Table(NamedTuple):
    """Samples: inputs (N, *input shape), targets of N samples, a weight of each or None."""

    x: Array
    t: Array
    weight: Array | None = None


class Split(NamedTuple):
    """Which samples are trained on, None for all, and what is measured after each epoch.

    That is rows of the same samples, other samples, or nothing.
    """

    rows: Indices | None = None
    kept: Indices | Table | None = None


def checked_inputs(estimator: Any, X: Any, y: Any = "no_validation", *, reset: bool) -> Any:
    """X, or X and y, after scikit-learn's own look at them: sizes, names of features, NaN.

    Floats keep their dtype, other numbers become float64. Sparse input is refused. With `layers`
    samples may have any shape; to scikit-learn all the numbers of one are its features.
    """
    shape = np.shape(X)[1:] if estimator.layers is not None and np.ndim(X) > 2 else None
    if shape is not None:
        X = np.asarray(X).reshape(len(X), math.prod(shape))
    alone = isinstance(y, str) and y == "no_validation"
    options = {} if alone else {"multi_output": True}
    checked = validate_data(estimator, X, y, reset=reset, dtype=(np.float64, np.float32), **options)
    if shape is None:
        return checked
    if alone:
        return checked.reshape(len(checked), *shape)
    return checked[0].reshape(len(checked[0]), *shape), checked[1]


def shape_of_inputs(estimator: Any, X: Array) -> Shape:
    """One sample's shape: as the parameter says, else as X has it."""
    where, given = type(estimator).__name__, estimator.input_shape
    if given is None:
        return X.shape[1:]
    if estimator.layers is None:
        raise ArgumentError(
            f"{where}: input_shape goes with layers; hidden_layer_sizes takes rows of numbers"
        )
    try:
        shape = tuple(int(size) for size in given)
    except (TypeError, ValueError):
        shape = (0,)
    if not shape or min(shape) < 1:
        raise ArgumentError(
            f"{where}: input_shape must hold sizes above 0, such as (1, 28, 28), got {given!r}"
        )
    shaped(where, X, shape)
    return shape


def shaped(where: str, X: Array, shape: Shape) -> Array:
    """X as (N, *shape); rows of as many numbers are folded into that shape.

    Raises:
        ShapeError: it has another shape.
    """
    if X.shape[1:] == shape:
        return X
    if X.ndim == 2 and X.shape[1] == math.prod(shape):
        return X.reshape(len(X), *shape)
    wanted = ", ".join(["N", *map(str, shape)])
    raise ShapeError(
        f"{where}: X has shape {X.shape}; expected ({wanted}), or rows of {math.prod(shape)} "
        "numbers"
    )


def sample_weights(where: str, given: Any, count: int) -> Array | None:
    """`sample_weight` as float64 of shape (N,), or None.

    Raises:
        ShapeError, DtypeError, ArgumentError: another shape, no numbers, negative, not finite,
            or nothing but zeros.
    """
    if given is None:
        return None
    if isinstance(given, REALS):
        given = np.full(count, float(given))
    weight = weighting.checked(where, given, (count,))
    if not weight.any():
        raise ArgumentError(f"{where}: sample_weight: the weights of all samples are zero")
    return weight


def class_weights(
    where: str, given: Any, classes: Array, t: Array, weight: Array | None
) -> Array | None:
    """The weight of each sample by its class, (N,): a mapping, or 'balanced' as in scikit-learn.

    'balanced' gives every class the same sum of weights; one of weight 2 counts twice there too.

    Args:
        classes: all of them, sorted; t: (N,), which of them each sample has.
        weight: what each sample counts for 'balanced', None: one each.
    """
    if given is None:
        return None
    if isinstance(given, str) and given == "balanced":
        counts = np.bincount(t, weight, minlength=len(classes)).astype(np.float64)
        there = counts > 0
        each = np.zeros(len(classes))
        each[there] = counts.sum() / (there.sum() * counts[there])
        return np.asarray(each[t])
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"{where}: class_weight must be 'balanced', a mapping of labels to weights or None, "
            f"got {given!r:.60}"
        )
    known = {label: place for place, label in enumerate(classes.tolist())}
    each = np.ones(len(classes))
    for label, value in given.items():
        key = label.item() if isinstance(label, np.generic) else label
        if key not in known:
            raise LabelError(
                f"{where}: class_weight names the label {key!r}, which no sample has; "
                f"labels are {few(classes)}"
            )
        if not isinstance(value, REALS) or not 0 <= value < math.inf:
            raise ArgumentError(
                f"{where}: class_weight of {key!r} must be 0 or more and finite, got {value!r}"
            )
        each[known[key]] = value
    return np.asarray(each[t])


def label_weights(where: str, given: Any, t: Array, weight: Array | None) -> Array | None:
    """For several labels a sample: the product of each label's weight for its 0 or 1.

    Args:
        given: 'balanced', or a list of a mapping {0: ..., 1: ...} for each label.
    """
    if given is None:
        return None
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) != t.shape[1]:
            raise ShapeError(
                f"{where}: class_weight holds {len(given)} mappings for {t.shape[1]} labels"
            )
        each = list(given)
    elif isinstance(given, str):
        each = [given] * t.shape[1]
    else:
        raise ArgumentError(
            f"{where}: class_weight for several labels must be 'balanced' or a list of mappings, "
            f"one a label, got {given!r:.60}"
        )
    product = np.ones(len(t))
    for label, column in zip(each, t.T, strict=True):
        of_label = class_weights(where, label, np.arange(2), column.astype(np.int64), weight)
        product *= 1.0 if of_label is None else of_label
    return product


def times(first: Array | None, second: Array | None) -> Array | None:
    """The product of weights, where None is one each."""
    if first is None or second is None:
        return second if first is None else first
    return first * second


def keep_some(where: str, data: Table, share: float, seed: int, classes: bool) -> Split:
    """Samples to train on and samples to validate by, a function of the arguments alone.

    Where targets are classes, each has about that share of its samples among the latter.

    Raises:
        ArgumentError: one of them is left without a sample, or what is left has no weight.
    """
    count = len(data.x)
    kept = round(count * share)
    if not 0 < kept < count:
        raise ArgumentError(
            f"{where}: validation_fraction={share} of {count} samples leaves {kept} to validate "
            f"by and {count - kept} to train on; both need at least one. Give X_val and y_val, or "
            "more samples"
        )
    order = np.random.default_rng([seed, 0, 3]).permutation(count)
    if classes:
        order = order[_spread(data.t[order])]
    train = np.sort(order[kept:])
    if data.weight is not None and not data.weight[train].any():
        raise ArgumentError(
            f"{where}: the weights of all samples that validation_fraction={share} leaves to train "
            "on are zero; give X_val and y_val"
        )
    return Split(train, np.sort(order[:kept]))


def _spread(t: Array) -> Array:
    """An order in which any stretch from the start holds the classes by their shares.

    The j-th of n samples of a class is placed at (j + 1/2) / n.
    """
    place = np.empty(len(t))
    for label in np.unique(t):
        own = np.flatnonzero(t == label)
        place[own] = (np.arange(len(own)) + 0.5) / len(own)
    return np.argsort(place, kind="stable")
