"""The functions that networks are made of (the book's chapters 3 and 4), in plain NumPy.

All take scalars or arrays of any shape. Floating dtypes are kept; integers and booleans become
float64. None of them writes into its argument.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.errors import ArgumentError, DtypeError, ShapeError
from zerokara.targets import as_rows, check_targets


def step(x: npt.ArrayLike) -> Array:
    """1 where x > 0, else 0, as int64, the shape of `x` (book 3.2)."""
    return np.asarray(np.asarray(x) > 0).astype(np.int64)


def sigmoid(x: npt.ArrayLike) -> Array:
    """1 / (1 + exp(-x)), the shape of `x` (book 3.2).

    exp is only taken of numbers that are not positive, so no input overflows.
    """
    x = as_float("sigmoid", x)
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1, e) / (1 + e)).astype(x.dtype, copy=False)


def tanh(x: npt.ArrayLike) -> Array:
    """Hyperbolic tangent, the shape of `x`."""
    return np.asarray(np.tanh(as_float("tanh", x)))


def relu(x: npt.ArrayLike) -> Array:
    """max(x, 0), the shape of `x`; NaN stays NaN (book 3.2)."""
    x = as_float("relu", x)
    return np.asarray(np.maximum(x, x.dtype.type(0)))


def identity(x: npt.ArrayLike) -> Array:
    """`x` itself, the output function of regression (book 3.5)."""
    return as_float("identity", x)


def softmax(x: npt.ArrayLike) -> Array:
    """exp(x) / sum(exp(x)) over the last axis: (C,) to (C,), (N, C) to (N, C) (book 3.5).

    The greatest score is subtracted first, which changes nothing but the overflow.
    """
    x = as_float("softmax", x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ShapeError(f"softmax: expected scores along the last axis, got shape {x.shape}")
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def log_softmax(x: npt.ArrayLike) -> Array:
    """log(softmax(x)) over the last axis without ever taking the log of 0."""
    x = as_float("log_softmax", x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ShapeError(f"log_softmax: expected scores along the last axis, got shape {x.shape}")
    shifted = x - x.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def sum_squared_error(y: npt.ArrayLike, t: npt.ArrayLike) -> Array:
    """0.5 * sum((y - t)**2), averaged over the batch when `y` has one (book 4.2).

    Args:
        y: outputs, (K,) for one sample or (N, K) for a batch.
        t: wanted outputs of the same shape, or class labels: () for (K,), (N,) for (N, K).

    Returns:
        A scalar of y's dtype.

    Raises:
        LabelError: `t` fits `y` in neither way.
    """
    y = as_float("sum_squared_error", y)
    t = np.asarray(t)
    if t.shape != y.shape:
        t = as_rows(check_targets("sum_squared_error", y.shape, t), y)
    return np.asarray(0.5 * np.square(y - t.astype(y.dtype)).sum() / _samples(y))[()]


def cross_entropy_error(y: npt.ArrayLike, t: npt.ArrayLike) -> Array:
    """-sum(t * log(y)), averaged over the batch when `y` has one (book 4.2).

    Args:
        y: probabilities, (C,) for one sample or (N, C) for a batch.
        t: class labels, () or (N,), or one-hot rows of y's shape.

    Returns:
        A scalar of y's dtype: 0 for a perfect answer, never negative, and finite where the
        probability of the right class is 0 (87.3 a sample in float32, 708.4 in float64).

    Raises:
        LabelError: targets that do not fit `y`, or labels that are out of range.
        ArgumentError: `y` holds numbers outside 0..1, such as scores without softmax.
    """
    y = as_float("cross_entropy_error", y)
    t = check_targets("cross_entropy_error", y.shape, t)
    _check_probabilities(y)
    # The smallest normal number: its log is finite, and every larger probability is left as it is.
    log_y = np.log(np.clip(y, np.finfo(y.dtype).tiny, 1))
    # 0 - sum, so that a perfect answer gives 0 and not -0.
    return np.asarray(0 - (as_rows(t, y) * log_y).sum() / _samples(y)).astype(y.dtype)[()]


def as_float(where: str, x: npt.ArrayLike) -> Array:
    """`x` as an array of floats: float dtypes are kept, integers and booleans become float64."""
    x = np.asarray(x)
    if x.dtype.kind == "f":
        return x
    if x.dtype.kind in "iub":
        return x.astype(np.float64)
    raise DtypeError(f"{where}: expected real numbers, got dtype {x.dtype}")


def _samples(y: Array) -> int:
    # An empty batch has no mean; its sum is 0, and dividing by 1 keeps it so.
    return max(len(y), 1) if y.ndim > 1 else 1


def _check_probabilities(y: Array) -> None:
    if y.size and (y.min() < -1e-3 or y.max() > 1 + 1e-3):
        raise ArgumentError(
            f"cross_entropy_error: y must hold probabilities, got values from {y.min():g} to "
            f"{y.max():g}; scores become probabilities by softmax"
        )
