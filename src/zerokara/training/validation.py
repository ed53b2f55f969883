"""Validation: samples that are kept out of the training, and what a network is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zerokara.data.batches import Indices
from zerokara.engine.samples import Samples, checked_samples
from zerokara.errors import ArgumentError
from zerokara.network import Network
from zerokara.training.metrics import accuracy, has_accuracy, mean_loss

MONITORS = ("accuracy", "loss")


@dataclass
class Measured:
    """A set, or some rows of one, that is measured after each epoch."""

    net: Network
    samples: Samples
    rows: Indices | None = None

    @property
    def classes(self) -> bool:
        """Whether it has an accuracy."""
        return has_accuracy(self.net, self.samples)

    def accuracy(self) -> float:
        """The share of right answers, 0 to 1."""
        return accuracy(self.net, self.samples, self.rows)

    def loss(self) -> float:
        """The mean loss, as at inference."""
        return mean_loss(self.net, self.samples, self.rows)


def split_rows(count: int, share: float, seed: int) -> tuple[Indices, Indices]:
    """Rows to train on and rows to validate by, both rising: a function of the arguments alone.

    Raises:
        ArgumentError: a share that leaves one of them without a sample.
    """
    if not 0 < share < 1:
        raise ArgumentError(f"fit: validation as a share must be above 0 and below 1, got {share}")
    kept = round(count * share)
    if not 0 < kept < count:
        raise ArgumentError(
            f"fit: validation={share} of {count} samples leaves {kept} to validate by and "
            f"{count - kept} to train on; both need at least one"
        )
    order = np.random.default_rng([seed, 0, 2]).permutation(count).astype(np.int64, copy=False)
    return np.sort(order[kept:]), np.sort(order[:kept])


def validation_set(
    net: Network, samples: Samples, given: Any, seed: int
) -> tuple[Indices | None, Measured | None]:
    """The rows of `samples` that are left to train on, None for all; and the validation set.

    Raises:
        ArgumentError, ShapeError, DtypeError, LabelError: neither a share nor a pair that fits.
    """
    if given is None:
        return None, None
    if isinstance(given, int | float | np.floating) and not isinstance(given, bool):
        train, kept = split_rows(len(samples), float(given), seed)
        return train, Measured(net, samples, kept)
    return None, Measured(net, checked_samples(net, given, "validation"))


class Patience:
    """Ends a training that has not become better for some epochs.

    Args:
        epochs: so many epochs without betterment end it; None is never.
        min_delta: what counts as betterment is more than this.
    """

    def __init__(self, epochs: int | None, min_delta: float = 0.0) -> None:
        self.epochs, self.min_delta = epochs, min_delta
        self.reference: float | None = None
        self.waited = 0

    def ends(self, score: float) -> bool:
        """Take notice of an epoch's score, the greater the better; whether to stop now."""
        if self.reference is None or score > self.reference + self.min_delta:
            self.reference, self.waited = score, 0
        else:
            self.waited += 1
        return self.epochs is not None and self.waited >= self.epochs
