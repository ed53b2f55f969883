"""How a loss averages over the samples of a batch: all alike, or by weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.errors import ArgumentError, DtypeError, ShapeError


class BatchMean:
    """The mean over the samples of a batch, and its gradient.

    With weights it is sum(w * error) / sum(w), so that a weight of 2 is a sample that stands there
    twice, and a weight of 0 one that is not there. Where all weights are 0 the mean is 0.

    Args:
        where: whose mean, for errors.
        x: the scores, (N, ...), or of one sample.
        sample_weight: numbers of 0 or more, (N,); a single one for scores of one sample. None:
            all alike.
        single_ndim: scores of so many axes are those of one sample.
        outputs: numbers of a sample that are averaged over as well; 1 where they are summed.
        importance: (N,), what a weight is multiplied by before it is summed up as a divisor, for
            errors that hold weights of their own.

    Raises:
        ShapeError, DtypeError, ArgumentError: weights of another shape, no numbers, negative or
            not finite.
    """

    def __init__(
        self,
        where: str,
        x: Array,
        sample_weight: Any = None,
        *,
        single_ndim: int = 1,
        outputs: int = 1,
        importance: Array | None = None,
    ) -> None:
        samples = x.shape[:1] if x.ndim > single_ndim else ()
        self.dtype = x.dtype
        # An empty batch has no mean; its sum is 0, and dividing by 1 keeps it so.
        self.count = (max(samples[0], 1) if samples else 1) * outputs
        self.shares: Array | None = None
        if sample_weight is None and importance is None:
            return
        weights = (
            np.ones(samples) if sample_weight is None else checked(where, sample_weight, samples)
        )
        divisor = (weights if importance is None else weights * importance).sum(dtype=np.float64)
        shares = weights / (divisor * outputs) if divisor > 0 else np.zeros(samples)
        beside = (*samples, *(1 for _ in x.shape[len(samples) :]))
        self.shares = np.asarray(shares).astype(x.dtype).reshape(beside)

    def of(self, errors: Array) -> Array:
        """The mean of errors of the scores' shape, a scalar of their dtype."""
        if self.shares is None:
            return np.asarray(errors.sum() / self.count).astype(self.dtype)[()]
        return np.asarray((errors * self.shares).sum()).astype(self.dtype)[()]

    def gradient(self, slopes: Array, dout: Array | float) -> Array:
        """The gradient of the scores, from the slope of each error and the mean's gradient."""
        factor = np.asarray(dout, self.dtype)
        if self.shares is None:
            return np.asarray(slopes * (factor / self.dtype.type(self.count)))
        return np.asarray(slopes * (self.shares * factor))


def checked(where: str, sample_weight: Any, samples: tuple[int, ...]) -> Array:
    """Sample weights as float64 of that shape, or an error."""
    weights = np.asarray(sample_weight)
    if weights.dtype.kind not in "fiub":
        raise DtypeError(f"{where}: sample weights must be numbers, got dtype {weights.dtype}")
    if weights.shape != samples:
        raise ShapeError(
            f"{where}: sample weights of shape {weights.shape} do not fit the samples; expected "
            f"one number a sample, shape {samples}"
        )
    weights = weights.astype(np.float64)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        raise ArgumentError(
            f"{where}: sample weights must be finite and 0 or more, got {weights.ravel()[place]:g} "
            f"at position {place}"
        )
    return weights
