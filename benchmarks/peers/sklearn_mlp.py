"""scikit-learn's MLPClassifier: its own loop over mini-batches, one `partial_fit` for many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from harness.networks import Affine, Layer
from harness.tasks import Task
from sklearn.neural_network import MLPClassifier

from peers.base import Array, Peer, TrainsOnly, as_floats


class SklearnMLP(TrainsOnly, Peer):
    # Its Adam adds epsilon at another place (Kingma and Ba's section 2 form).
    loss_tolerance = 5e-3

    def __init__(self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int) -> None:
        self.x, self.t = as_floats(x), np.array(t)
        affines = [layer for layer in layers if isinstance(layer, Affine)]
        sizes = [len(layer.b) for layer in affines]
        self.model = MLPClassifier(
            tuple(sizes[:-1]),
            solver=task.optimizer,
            alpha=0.0,
            batch_size=task.rows,
            learning_rate_init=task.lr,
            shuffle=False,
            momentum=0.0,
            nesterovs_momentum=False,
        )
        first = slice(0, task.rows)
        self.model.partial_fit(self.x[first], self.t[first], classes=np.arange(sizes[-1]))
        self.model.coefs_ = [layer.W for layer in affines]
        self.model.intercepts_ = [layer.b for layer in affines]
        del self.model._optimizer  # it is made again at the next call, without that first step

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        drawn = batches.ravel()
        self.model.partial_fit(self.x[drawn], self.t[drawn])
        return float(self.model.loss_)  # the mean over the chunk
