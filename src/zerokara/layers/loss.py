"""Losses: an output function and an error in one layer, whose gradients together are simple.

`forward(x, t)` takes scores and targets and returns the mean over the batch; `backward(dout)`
returns the gradient of the scores. Targets have no gradient.
"""

from __future__ import annotations

import numpy as np

from zerokara import functions
from zerokara._types import Array
from zerokara.errors import DtypeError, LabelError, ShapeError
from zerokara.layers.base import Layer
from zerokara.targets import as_rows, check_targets, class_indices


class Loss(Layer):
    """A layer of scores and targets that ends in one number.

    forward(x: Array, t: Array, training: bool = False) -> Array, a scalar
    backward(dout: Array | float = 1.0) -> Array, the gradient of the scores
    """

    def check(self, x: Array, t: Array) -> Array:
        """`t` as an array that fits scores `x`, or an error."""
        return check_targets(type(self).__name__, x.shape, t)

    def activate(self, x: Array) -> Array:
        """What the scores mean: probabilities, or the scores themselves."""
        return x

    def correct(self, x: Array, t: Array) -> Array:
        """Per sample, whether the greatest score is at the right class."""
        t = check_targets(type(self).__name__, x.shape, t)
        return np.asarray(x.argmax(axis=-1) == class_indices(t, x.shape))


class SoftmaxWithLoss(Loss):
    """Cross-entropy of softmax(x): scores (N, C) with labels (N,) or one-hot rows (N, C).

    A single sample, (C,), is a batch of one. The gradient is (softmax(x) - t) / N (book 5.6.3).

    Raises:
        LabelError: targets that do not fit the scores.
    """

    def forward(self, x: Array, t: Array, *, training: bool = False) -> Array:
        rows = as_rows(self.check(x, t), x)
        log_y = functions.log_softmax(x)
        self._keep((np.exp(log_y), rows))
        # 0 times the log of an impossible class, which is -inf, is no error.
        picked = np.multiply(log_y, rows, where=rows != 0, out=np.zeros_like(log_y))
        # 0 - sum, so that a perfect answer gives 0 and not -0.
        return np.asarray(0 - picked.sum() / samples(x)).astype(x.dtype)[()]

    def backward(self, dout: Array | float = 1.0) -> Array:
        y, rows = self._kept()
        return scaled(y - rows, dout)

    def activate(self, x: Array) -> Array:
        return functions.softmax(x)


class SigmoidWithLoss(Loss):
    """Binary cross-entropy of sigmoid(x), targets in 0..1 of the scores' shape.

    Scores (N,) or (N, K): summed over K independent answers, averaged over N. The gradient is
    (sigmoid(x) - t) / N (book 2, 4.2). For one score a sample, (N, 1), targets may be (N,).

    Raises:
        ShapeError: targets of another shape.
        LabelError: targets outside 0..1.
        DtypeError: targets that are no numbers.
    """

    def forward(self, x: Array, t: Array, *, training: bool = False) -> Array:
        t = self.check(x, t).astype(x.dtype)
        # log(1 + exp(-|x|)) cannot overflow, and max(x, 0) - x t is what the shift leaves over.
        errors = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
        self._keep((functions.sigmoid(x), t))
        return np.asarray(errors.sum() / samples(x, single_ndim=0)).astype(x.dtype)[()]

    def backward(self, dout: Array | float = 1.0) -> Array:
        y, t = self._kept()
        return scaled(y - t, dout, single_ndim=0)

    def check(self, x: Array, t: Array) -> Array:
        t = same_shape(self, x, t)
        if t.size and not (t.min() >= 0 and t.max() <= 1):
            raise LabelError(
                f"SigmoidWithLoss: targets must lie in 0..1, got {t.min():g} to {t.max():g}"
            )
        return t

    def activate(self, x: Array) -> Array:
        return functions.sigmoid(x)

    def correct(self, x: Array, t: Array) -> Array:
        right = (x > 0) == (self.check(x, t) > 0.5)
        return np.asarray(right.reshape(len(x), -1).all(axis=1))


class IdentityWithLoss(Loss):
    """0.5 * sum((x - t)**2) over the outputs, averaged over the batch (regression, book 3.5, 4.2).

    Targets have the scores' shape, (N, K) or (K,); the gradient is (x - t) / N. For one score a
    sample, (N, 1), targets may be (N,).

    Raises:
        ShapeError: targets of another shape.
        DtypeError: targets that are no numbers.
    """

    def forward(self, x: Array, t: Array, *, training: bool = False) -> Array:
        difference = x - self.check(x, t).astype(x.dtype)
        self._keep(difference)
        return np.asarray(0.5 * np.square(difference).sum() / samples(x)).astype(x.dtype)[()]

    def backward(self, dout: Array | float = 1.0) -> Array:
        return scaled(self._kept(), dout)

    def check(self, x: Array, t: Array) -> Array:
        return same_shape(self, x, t)


def samples(x: Array, single_ndim: int = 1) -> int:
    """How many samples a mean is taken over; scores of `single_ndim` axes are one sample."""
    return max(len(x), 1) if x.ndim > single_ndim else 1


def scaled(difference: Array, dout: Array | float, single_ndim: int = 1) -> Array:
    """The gradient of a mean: the difference times dout over the batch."""
    factor = np.asarray(dout, difference.dtype) / difference.dtype.type(
        samples(difference, single_ndim)
    )
    return np.asarray(difference * factor)


def same_shape(loss: Loss, x: Array, t: Array) -> Array:
    """`t` as numbers of the scores' shape; (N,) serves scores of (N, 1)."""
    t = np.asarray(t)
    if t.dtype.kind not in "fiub":
        raise DtypeError(f"{loss!r}: targets must be numbers, got dtype {t.dtype}")
    if x.shape == (*t.shape, 1):
        t = t[..., np.newaxis]
    if t.shape != x.shape:
        raise ShapeError(
            f"{loss!r}: targets of shape {t.shape} do not fit scores of shape {x.shape}; "
            "expected the same shape"
        )
    return t
