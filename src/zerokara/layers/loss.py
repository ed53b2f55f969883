"""Losses: an output function and an error in one layer, whose gradients together are simple.

`forward(x, t)` takes scores and targets and returns the mean over the batch; `backward(dout)`
returns the gradient of the scores. Targets have no gradient. With `sample_weight`, a number of 0
or more for each sample, the mean is sum(weight * error) / sum(weight).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zerokara import functions
from zerokara._types import Array
from zerokara.errors import ArgumentError, DtypeError, LabelError, ShapeError
from zerokara.layers.base import Layer
from zerokara.layers.weighting import BatchMean
from zerokara.targets import as_rows, check_targets, class_indices


class Loss(Layer):
    """A layer of scores and targets that ends in one number.

    forward(x: Array, t: Array, *, training: bool = False, sample_weight=None) -> Array, a scalar
    backward(dout: Array | float = 1.0) -> Array, the gradient of the scores

    A loss of one's own may do without `sample_weight`.
    """

    #: False where options change the formula of the class, which kernels do not know.
    plain: bool = True

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

    Args:
        label_smoothing: from 0 to below 1: the targets become t (1 - s) + s / C, so that no answer
            is wanted with certainty (Szegedy et al. 2016).
        class_weight: a number of 0 or more for each class, for classes that are rare or dear. The
            mean is then sum(w error) / sum(w), where w is the weight of a sample's class; with
            smoothing each class's part of the error has its own class's weight, as in PyTorch.

    Raises:
        ArgumentError: a smoothing out of range, weights that are negative or not finite.
        ShapeError: another number of weights than of classes.
        LabelError: targets that do not fit the scores.
    """

    def __init__(
        self, label_smoothing: float = 0.0, class_weight: Sequence[float] | Array | None = None
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ArgumentError(
                f"SoftmaxWithLoss: label_smoothing must be from 0 to below 1, got {label_smoothing}"
            )
        self.label_smoothing = float(label_smoothing)
        self.class_weight = None if class_weight is None else _class_weights(class_weight)
        self.plain = not self.label_smoothing and self.class_weight is None

    def forward(
        self, x: Array, t: Array, *, training: bool = False, sample_weight: Any = None
    ) -> Array:
        rows = as_rows(self.check(x, t), x)
        wanted, importance = self._options(rows)
        mean = BatchMean(type(self).__name__, x, sample_weight, importance=importance)
        log_y = functions.log_softmax(x)
        self._keep((np.exp(log_y), wanted, mean))
        # 0 times the log of an impossible class, which is -inf, is no error.
        picked = np.multiply(log_y, wanted, where=wanted != 0, out=np.zeros_like(log_y))
        # 0 - sum, so that a perfect answer gives 0 and not -0.
        return np.asarray(0 - mean.of(picked))[()]

    def backward(self, dout: Array | float = 1.0) -> Array:
        y, wanted, mean = self._kept()
        if self.class_weight is not None:
            y = y * wanted.sum(axis=-1, keepdims=True)
        gradient: Array = mean.gradient(y - wanted, dout)
        return gradient

    def check(self, x: Array, t: Array) -> Array:
        t = super().check(x, t)
        if self.class_weight is not None and len(self.class_weight) != x.shape[-1]:
            raise ShapeError(
                f"{type(self).__name__}: class_weight holds {len(self.class_weight)} numbers for "
                f"scores of shape {x.shape}; expected one for each of {x.shape[-1]} classes"
            )
        return t

    def activate(self, x: Array) -> Array:
        return functions.softmax(x)

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = {}
        if self.label_smoothing:
            config["label_smoothing"] = self.label_smoothing
        if self.class_weight is not None:
            config["class_weight"] = self.class_weight
        return config

    def _options(self, rows: Array) -> tuple[Array, Array | None]:
        """The targets after the options, and for class weights the weight of each sample."""
        wanted, s = rows, self.label_smoothing
        if s:
            wanted = rows * (1 - s) + s / rows.shape[-1]
        if self.class_weight is None:
            return wanted, None
        weights = np.asarray(self.class_weight, rows.dtype)
        return wanted * weights, (rows * weights).sum(axis=-1)


class SigmoidWithLoss(Loss):
    """Binary cross-entropy of sigmoid(x), targets in 0..1 of the scores' shape.

    Scores (N,) or (N, K): summed over K independent answers, averaged over N. The gradient is
    (sigmoid(x) - t) / N (book 2, 4.2). For one score a sample, (N, 1), targets may be (N,).
    Elsewhere it is called binary cross-entropy with logits, and `BinaryCrossEntropyWithLogits` is
    this very class. (PyTorch's also averages over K.)

    Raises:
        ShapeError: targets of another shape.
        LabelError: targets outside 0..1.
        DtypeError: targets that are no numbers.
    """

    def forward(
        self, x: Array, t: Array, *, training: bool = False, sample_weight: Any = None
    ) -> Array:
        t = self.check(x, t).astype(x.dtype)
        mean = BatchMean(type(self).__name__, x, sample_weight, single_ndim=0)
        # log(1 + exp(-|x|)) cannot overflow, and max(x, 0) - x t is what the shift leaves over.
        errors = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
        self._keep((functions.sigmoid(x), t, mean))
        return mean.of(errors)

    def backward(self, dout: Array | float = 1.0) -> Array:
        y, t, mean = self._kept()
        gradient: Array = mean.gradient(y - t, dout)
        return gradient

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


BinaryCrossEntropyWithLogits = SigmoidWithLoss
"""The name that other libraries give it."""


class IdentityWithLoss(Loss):
    """0.5 * sum((x - t)**2) over the outputs, averaged over the batch (regression, book 3.5, 4.2).

    Targets have the scores' shape, (N, K) or (K,); the gradient is (x - t) / N. For one score a
    sample, (N, 1), targets may be (N,).

    Raises:
        ShapeError: targets of another shape.
        DtypeError: targets that are no numbers.
    """

    def forward(
        self, x: Array, t: Array, *, training: bool = False, sample_weight: Any = None
    ) -> Array:
        difference = x - self.check(x, t).astype(x.dtype)
        mean = BatchMean(type(self).__name__, x, sample_weight)
        self._keep((difference, mean))
        return mean.of(0.5 * np.square(difference))

    def backward(self, dout: Array | float = 1.0) -> Array:
        difference, mean = self._kept()
        gradient: Array = mean.gradient(difference, dout)
        return gradient

    def check(self, x: Array, t: Array) -> Array:
        return same_shape(self, x, t)


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


def _class_weights(given: Sequence[float] | Array) -> list[float]:
    weights = np.asarray(given)
    if weights.ndim != 1 or not weights.size or weights.dtype.kind not in "fiub":
        raise ArgumentError(
            "SoftmaxWithLoss: class_weight must be a list of one number for each class, got "
            f"{given!r:.80}"
        )
    if not (np.all(np.isfinite(weights)) and weights.min() >= 0 and weights.max() > 0):
        raise ArgumentError(
            "SoftmaxWithLoss: class_weight must hold finite numbers of 0 or more, one above 0, got "
            f"{given!r:.80}"
        )
    return [float(weight) for weight in weights]
