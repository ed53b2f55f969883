"""EagerStep: one training step on the maths alone, with the calls of a compiled one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara.engine.batches import Indices, checked_batch, checked_batches, in_range
from zerokara.engine.samples import Samples
from zerokara.network import Network
from zerokara.optimizers import Optimizer


class EagerStep:
    """Draw a batch, forward, loss, backward, update: once, or for many batches.

    Args:
        net: a network with a loss; its parameters are changed in place.
        optimizer: what changes them.
        samples: inputs and targets that were checked.
        batch_size: the most samples that one step will be given.
        reason: why no program runs, for `program`.
    """

    def __init__(
        self,
        net: Network,
        optimizer: Optimizer,
        samples: Samples,
        batch_size: int = 100,
        reason: str = "asked for",
    ) -> None:
        self.net = net
        self.optimizer = optimizer
        self.samples = samples
        self.batch_size = batch_size
        self.program = f"no program: the maths of each layer, in NumPy ({reason})"

    def __call__(self, indices: npt.ArrayLike) -> float:
        """The mean loss of the samples at `indices`, and then one update.

        Where that loss is NaN or infinite there is no update.
        """
        batch = checked_batch(indices, self.batch_size)
        return self._step(in_range(batch, len(self.samples)))

    def _step(self, indices: Indices) -> float:
        feeds, t = self.samples.draw(indices)
        # A number that overflows shows in the loss; the warning of each layer would come before.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            weight = None if self.samples.weight is None else self.samples.weight[indices]
            loss = self.net.compute_gradient(feeds, t, training=True, sample_weight=weight)
            if np.isfinite(loss):
                self.optimizer.update(self.net.flat_params, self.net.flat_grads)
        return float(loss)

    def run(self, indices: npt.ArrayLike, bounds: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Many steps: batch i is ``indices[bounds[i]:bounds[i + 1]]``. Returns their losses.

        Stops at the first loss that is NaN or infinite, without that update; that loss is then
        the last one returned.
        """
        drawn, cuts = checked_batches(indices, bounds, self.batch_size, len(self.samples))
        losses = np.empty(len(cuts) - 1)
        for place in range(len(losses)):
            losses[place] = self._step(drawn[cuts[place] : cuts[place + 1]])
            if not np.isfinite(losses[place]):
                return losses[: place + 1]
        return losses
