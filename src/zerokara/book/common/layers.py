"""``common.layers``: the book's layers (chapters 5 to 7), by its names and attributes.

Unlike the book's, no layer writes into an array that it was given, and `backward` may be called
twice. Affine, Convolution and Pooling, in files of their own, run on the native kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.book.affine import Affine
from zerokara.book.common.functions import (
    class_labels,
    cross_entropy_error,
    identity_function,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_loss,
    step_function,
    sum_squared_error,
)
from zerokara.book.common.util import col2im, im2col
from zerokara.book.normalization import BatchNormalization
from zerokara.book.windows import Convolution, Pooling
from zerokara.errors import OrderError

__all__ = [
    "Affine",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "Pooling",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "col2im",
    "cross_entropy_error",
    "identity_function",
    "im2col",
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


class Relu:
    """max(x, 0); the gradient passes where x > 0. `mask` is True where it does not."""

    def __init__(self) -> None:
        self.mask: Any = None

    def forward(self, x: Array) -> Array:
        self.mask = x <= 0
        return np.asarray(np.maximum(x, 0))

    def backward(self, dout: Array) -> Array:
        """A new array; the book's layer writes into `dout`."""
        if self.mask is None:
            raise OrderError("Relu: backward before forward")
        # Chosen and not multiplied: inf * 0 would be NaN.
        return np.where(self.mask, np.zeros((), np.asarray(dout).dtype), dout)


class Sigmoid:
    """1 / (1 + exp(-x)); `out` is the last output."""

    def __init__(self) -> None:
        self.out: Any = None

    def forward(self, x: Array) -> Any:
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout: Array) -> Any:
        if self.out is None:
            raise OrderError("Sigmoid: backward before forward")
        return dout * self.out * (1.0 - self.out)


class SoftmaxWithLoss:
    """Softmax and the mean cross entropy of scores (N, C); `y` are the probabilities.

    Targets are labels (N,) or one-hot rows (N, C). A single sample may come as (C,).
    """

    def __init__(self) -> None:
        self.loss: Any = None
        self.y: Any = None
        self.t: Any = None

    def forward(self, x: Array, t: npt.ArrayLike) -> Any:
        self.t = np.asarray(t)
        self.y = softmax(x)
        self.loss = cross_entropy_error(self.y, self.t)
        return self.loss

    def backward(self, dout: Any = 1) -> Array:
        if self.y is None:
            raise OrderError("SoftmaxWithLoss: backward before forward")
        dx: Array = np.atleast_2d(self.y)
        if self.t.size == self.y.size:
            dx = dx - self.t.reshape(dx.shape)
        else:
            labels = class_labels(dx, self.t)
            dx = dx.copy()
            dx[np.arange(len(dx)), labels] -= 1
        return np.asarray(dout * dx / len(dx)).reshape(self.y.shape)


class Dropout:
    """The book's dropout (6.4.3): in training numbers are dropped, in inference all are scaled.

    The noise comes from NumPy's global generator. `mask` is True where a number stayed.
    """

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.dropout_ratio = dropout_ratio
        self.mask: Any = None

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        if train_flg:
            self.mask = np.random.rand(*x.shape) > self.dropout_ratio
            return np.asarray(x * self.mask)
        return np.asarray(x * (1.0 - self.dropout_ratio))

    def backward(self, dout: Array) -> Array:
        if self.mask is None:
            raise OrderError("Dropout: backward before a forward in training")
        return np.asarray(dout * self.mask)
