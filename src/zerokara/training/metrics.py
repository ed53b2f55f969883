"""Accuracy and loss over a whole set, or over some of its rows, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.data.batches import Indices
from zerokara.engine.samples import BLOCK, Samples, blank_scores
from zerokara.errors import ArgumentError, DtypeError, LabelError, ShapeError
from zerokara.layers import Loss
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


def accuracy(net: Network, samples: Samples, rows: Indices | None = None) -> float:
    """The share of samples whose answer is right, 0 to 1; of those in `rows`, or of all."""
    loss = _loss(net)
    right = sum(
        int(np.count_nonzero(loss.correct(scores, t))) for scores, t in _blocks(net, samples, rows)
    )
    return right / (len(samples) if rows is None else len(rows))


def mean_loss(net: Network, samples: Samples, rows: Indices | None = None) -> float:
    """The loss of all samples, or of those in `rows`, as at inference."""
    loss, total, weight = _loss(net), 0.0, 0.0
    for scores, t in _blocks(net, samples, rows):
        share = weight_of(net, t)
        total += share * float(loss.forward(scores, t))
        weight += share
    return total / weight if weight else 0.0


def weight_of(net: Network, t: Array, sample_weight: Array | None = None) -> float:
    """What the mean loss of some samples counts when means are averaged: their number, or the sum
    of their weights and those of their classes."""
    each = np.ones(len(t)) if sample_weight is None else sample_weight
    weights = getattr(net.loss_layer, "class_weight", None)
    if weights is None:
        return float(np.sum(each))
    importance = np.asarray(weights, np.float64)
    return float(np.sum(each * (importance[t] if t.ndim == 1 else t @ importance)))


def _blocks(net: Network, samples: Samples, rows: Indices | None) -> Iterator[tuple[Array, Array]]:
    """Scores and targets; all at once where there are no rows to be gathered."""
    if rows is None:
        yield _scores(net, samples.inputs), samples.t
        return
    for start in range(0, len(rows), BLOCK):
        feeds, t = samples.draw(rows[start : start + BLOCK])
        yield _scores(net, feeds), t


def _scores(net: Network, x: Any) -> Array:
    # A network whose parameters ran away is told by its loss, with the core and without it.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return net.predict(x)


def _loss(net: Network) -> Loss:
    if net.loss_layer is None:
        raise ArgumentError(f"accuracy: {net!r} has no loss that tells right from wrong")
    return net.loss_layer
