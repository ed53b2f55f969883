"""``common.functions``: the book's chapters 3 and 4, by the book's names.

Arrays of any shape; softmax and the losses take one sample (C,) or a batch (N, C).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara import functions
from zerokara._types import Array
from zerokara.book.traps import teach
from zerokara.errors import LabelError

__all__ = [
    "cross_entropy_error",
    "identity_function",
    "np",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
]

GUARD = 1e-7
"""What the book adds to a probability before it takes the logarithm."""


def identity_function(x: Any) -> Any:
    """`x` itself."""
    return x


def step_function(x: npt.ArrayLike) -> Array:
    """1 where x > 0, else 0, as integers."""
    return functions.step(x)


def sigmoid(x: npt.ArrayLike) -> Any:
    """1 / (1 + exp(-x)); no input overflows."""
    return functions.sigmoid(x)[()]


def sigmoid_grad(x: npt.ArrayLike) -> Any:
    """The slope of sigmoid at `x`."""
    y = sigmoid(x)
    return y * (1 - y)


def relu(x: npt.ArrayLike) -> Any:
    """The greater of 0 and x."""
    return np.maximum(x, 0)


def relu_grad(x: npt.ArrayLike) -> Any:
    """1 where x > 0, else 0, in x's dtype: at 0 it is 0, as in the layer Relu."""
    x = np.asarray(x)
    return (x > 0).astype(x.dtype)


def softmax(x: npt.ArrayLike) -> Array:
    """Probabilities over the last axis."""
    return functions.softmax(x)


def sum_squared_error(y: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """Half the sum of the squared differences, over all of a batch (the book takes no mean)."""
    return np.square(np.subtract(y, t)).sum() / 2


def cross_entropy_error(y: Array, t: npt.ArrayLike) -> Any:
    """The mean over the batch of -log(probability of the right class + 1e-7).

    Args:
        y: probabilities, (C,) or (N, C).
        t: labels (N,), or one-hot rows of y's shape.

    Raises:
        LabelError: `t` fits `y` in neither way.
    """
    y = np.atleast_2d(y)
    labels = class_labels(y, t)
    return -np.log(y[np.arange(len(y)), labels] + GUARD).sum() / len(y)


def softmax_loss(X: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """The cross entropy of softmax(X)."""
    return cross_entropy_error(softmax(X), t)


def class_labels(y: Array, t: npt.ArrayLike) -> Array:
    """Labels (N,) from labels or one-hot rows that go with scores `y` (N, C).

    Raises:
        LabelError: neither fits.
    """
    t = np.asarray(t)
    if t.size == y.size:
        return np.asarray(t.reshape(y.shape).argmax(axis=1))
    if t.size != len(y):
        raise LabelError(
            f"cross_entropy_error: targets of shape {t.shape} do not fit {y.shape}; expected "
            f"labels ({len(y)},) or one-hot rows {y.shape}"
        )
    if t.ndim > 1 and len(y) > 1:
        teach(
            "labels in a column",
            f"labels of shape {t.shape} would pick {len(y)} x {len(y)} numbers instead of "
            f"{len(y)}; they are read as ({len(y)},): pass t.reshape(-1)",
        )
    return t.reshape(-1)
