"""Accuracy over a whole set, a block at a time."""

from __future__ import annotations

import numpy as np

from zerokara.errors import ArgumentError, DtypeError, LabelError, ShapeError
from zerokara.network import PREDICT_ROWS, Network
from zerokara.training.samples import Samples, blank_scores


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
    right = 0
    for start in range(0, len(samples), PREDICT_ROWS):
        feeds, t = samples.draw(np.arange(start, min(start + PREDICT_ROWS, len(samples))))
        right += int(np.count_nonzero(net.loss_layer.correct(net.predict(feeds), t)))
    return right / len(samples)
