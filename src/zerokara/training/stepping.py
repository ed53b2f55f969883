"""Stepping: many steps in one call where nothing changes between them, and gradients in parts."""

from __future__ import annotations

import itertools
import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from zerokara.data.batches import Indices
from zerokara.engine.compile import step_for
from zerokara.engine.samples import Samples
from zerokara.network import Network
from zerokara.optimizers import SGD, Optimizer
from zerokara.training.metrics import weight_of

NEVER = 1e30
"""A norm that no gradient has. A program that clips leaves its gradients in `net.flat_grads`."""


class Steps(Protocol):
    """Makes updates, one a batch."""

    def run(self, indices: Indices, bounds: Indices) -> npt.NDArray[np.float64]:
        """The mean losses of batches ``indices[bounds[i]:bounds[i + 1]]``, each before its update.

        Ends with the first that is NaN or infinite, which has no update.
        """
        ...


class WholeBatches:
    """The compiled step, called once for many steps."""

    def __init__(
        self, net: Network, optimizer: Optimizer, samples: Samples, batch_size: int
    ) -> None:
        self.step = step_for(net, optimizer, samples, batch_size)

    def run(self, indices: Indices, bounds: Indices) -> npt.NDArray[np.float64]:
        return self.step.run(indices, bounds)


class Parts:
    """Batches larger than memory allows: gradients of parts, summed, and then one update.

    The gradient of a batch is that of its parts, each weighted by its share of the samples, or of
    the weights of their classes. It is the batch's own to rounding, where layers look at each
    sample alone: dropout draws noise for each part, and batch normalization takes the statistics
    of the part.

    Args:
        part_size: the most samples of a part.
    """

    def __init__(
        self, net: Network, optimizer: Optimizer, samples: Samples, part_size: int
    ) -> None:
        self.net, self.optimizer, self.part_size = net, optimizer, part_size
        # An update by nothing: what it leaves is the gradient.
        still = SGD(lr=0.0, clip_norm=NEVER)
        self.gradient = step_for(net, still, samples, part_size)
        self.t, self.weight = samples.t, samples.weight
        self.sum = np.zeros_like(net.flat_grads)

    def run(self, indices: Indices, bounds: Indices) -> npt.NDArray[np.float64]:
        losses: list[float] = []
        for first, end in itertools.pairwise(bounds.tolist()):
            losses.append(self._step(indices[first:end]))
            if not math.isfinite(losses[-1]):
                break
        return np.array(losses)

    def _step(self, batch: Indices) -> float:
        self.sum.fill(0)
        loss, whole = 0.0, self._weight_of(batch)
        for start in range(0, len(batch), self.part_size):
            part = batch[start : start + self.part_size]
            share = self._weight_of(part) / whole if whole else 0.0
            loss += share * self.gradient(part)
            if not math.isfinite(loss):
                return loss
            self.sum += self.sum.dtype.type(share) * self.net.flat_grads
        self.net.flat_grads[...] = self.sum
        self.optimizer.update(self.net.flat_params, self.sum)
        return loss

    def _weight_of(self, batch: Indices) -> float:
        weight = None if self.weight is None else self.weight[batch]
        return weight_of(self.net, self.t[batch], weight)
