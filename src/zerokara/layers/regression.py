"""Losses of regression: how far outputs lie from wanted numbers.

All average over the batch and over the outputs of a sample, as their names say elsewhere too.
Targets have the scores' shape, (N, K) or (K,) for one sample; for one score a sample, (N, 1), they
may be (N,).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.errors import ArgumentError
from zerokara.layers.loss import Loss, same_shape
from zerokara.layers.weighting import BatchMean


class Distance(Loss):
    """What these losses share: the mean of an error that depends on x - t alone."""

    def forward(
        self, x: Array, t: Array, *, training: bool = False, sample_weight: Any = None
    ) -> Array:
        difference = x - self.check(x, t).astype(x.dtype)
        outputs = math.prod(x.shape[1:]) if x.ndim > 1 else x.size
        mean = BatchMean(type(self).__name__, x, sample_weight, outputs=max(outputs, 1))
        self._keep((difference, mean))
        return mean.of(self._errors(difference))

    def backward(self, dout: Array | float = 1.0) -> Array:
        difference, mean = self._kept()
        gradient: Array = mean.gradient(self._slopes(difference), dout)
        return gradient

    def check(self, x: Array, t: Array) -> Array:
        return same_shape(self, x, t)

    def _errors(self, difference: Array) -> Array:
        raise NotImplementedError

    def _slopes(self, difference: Array) -> Array:
        raise NotImplementedError


class MeanSquaredError(Distance):
    """mean((x - t)**2) over samples and outputs; the gradient is 2 (x - t) / (N K).

    `IdentityWithLoss` is the book's form: half of the square, and the sum over the outputs.

    Raises:
        ShapeError: targets of another shape.
        DtypeError: targets that are no numbers.
    """

    def _errors(self, difference: Array) -> Array:
        return np.square(difference)

    def _slopes(self, difference: Array) -> Array:
        return 2 * difference


class MeanAbsoluteError(Distance):
    """mean(|x - t|) over samples and outputs; the gradient is sign(x - t) / (N K), 0 at 0.

    Raises:
        ShapeError: targets of another shape.
        DtypeError: targets that are no numbers.
    """

    def _errors(self, difference: Array) -> Array:
        return np.abs(difference)

    def _slopes(self, difference: Array) -> Array:
        return np.sign(difference)


class Huber(Distance):
    """The mean of 0.5 d**2 for |d| up to delta, delta (|d| - 0.5 delta) beyond (Huber 1964).

    With d = x - t. The gradient is d cut off at -delta and delta, over N K: a wild target pulls no
    harder than one that is delta away.

    Args:
        delta: where the square becomes a line, above 0.

    Raises:
        ArgumentError: a delta that is not above 0 or not finite.
        ShapeError: targets of another shape.
        DtypeError: targets that are no numbers.
    """

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        if not 0 < delta < math.inf:
            raise ArgumentError(f"Huber: delta must be above 0 and finite, got {delta}")
        self.delta = float(delta)

    def config(self) -> dict[str, Any]:
        return {"delta": self.delta}

    def _errors(self, difference: Array) -> Array:
        distance = np.abs(difference)
        inner = np.minimum(distance, self.delta)
        return np.asarray(inner * (distance - 0.5 * inner))

    def _slopes(self, difference: Array) -> Array:
        return np.clip(difference, -self.delta, self.delta)
