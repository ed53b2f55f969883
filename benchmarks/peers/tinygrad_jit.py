"""tinygrad with TinyJit: one captured step that is given the indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from harness.networks import Affine, Conv, Dropout, Layer, MaxPool, Relu
from harness.tasks import Task
from tinygrad import Tensor, TinyJit
from tinygrad.nn.optim import SGD, Adam

from peers.base import Array, Peer, TrainsOnly, as_floats


class TinygradJit(TrainsOnly, Peer):
    def __init__(self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int) -> None:
        self.x, self.t = Tensor(as_floats(x)).realize(), Tensor(t.astype(np.int32)).realize()
        self.layers = layers
        weights = [w for layer in layers if isinstance(layer, Affine | Conv) for w in _own(layer)]
        self.params = [Tensor(w).realize() for w in weights]
        kind = SGD if task.optimizer == "sgd" else Adam
        self.optimizer = kind(self.params, lr=task.lr)
        self.jitted: Any = TinyJit(self._step)

    def _forward(self, x: Tensor) -> Tensor:
        given = iter(self.params)
        for layer in self.layers:
            match layer:
                case Affine():
                    x = x.flatten(1) @ next(given) + next(given)
                case Conv(_, _, pad):
                    x = x.conv2d(next(given), next(given), padding=pad)
                case Relu():
                    x = x.relu()
                case MaxPool(size):
                    x = x.max_pool2d((size, size))
                case Dropout(ratio):
                    x = x.dropout(ratio)
        return x

    def _step(self, indices: Tensor) -> Tensor:
        with Tensor.train():
            self.optimizer.zero_grad()
            rows, labels = self.x[indices], self.t[indices]
            scores = self._forward(rows)
            loss = scores.sparse_categorical_crossentropy(labels).backward()
            return loss.realize(*self.optimizer.schedule_step())

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        loss = None
        for batch in batches.astype(np.int32):
            loss = self.jitted(Tensor(batch).realize())
        return float(loss.item())  # type: ignore[union-attr]


def _own(layer: Affine | Conv) -> tuple[Array, Array]:
    return layer.W, layer.b
