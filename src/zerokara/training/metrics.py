"""Accuracy over a whole set, a block at a time."""

from __future__ import annotations

import numpy as np

from zerokara.engine.samples import Samples, blank_scores
from zerokara.errors import ArgumentError, DtypeError, LabelError, ShapeError
from zerokara.network import Network


def has_accuracy(net: Network, samples: Samples) -> bool:
    """Whether right and wrong mean something: the targets are classes, not quantities."""
    if net.loss_layer is None:
        return False
    try:
        net.loss_layer.correct(blank_scores(net, len(samples)), samples.t)
    except (LabelError, DtypeError, ShapeError):
        return False
    return True


def accuracy(net: Network, samples: Samples) -> float:
    """The share of samples whose answer is right, 0 to 1."""
    if net.loss_layer is None:
        raise ArgumentError(f"accuracy: {net!r} has no loss that tells right from wrong")
    right = net.loss_layer.correct(net.predict(samples.inputs), samples.t)
    return float(np.count_nonzero(right)) / len(samples)
