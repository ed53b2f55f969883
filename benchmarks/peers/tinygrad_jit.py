"""tinygrad with TinyJit: one captured step that is given the indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from harness.tasks import Arrays, Task
from tinygrad import Tensor, TinyJit
from tinygrad.nn.optim import SGD, Adam

from peers.base import Array, Peer, TrainsOnly, as_floats


class TinygradJit(TrainsOnly, Peer):
    def __init__(self, task: Task, weights: Arrays, x: Array, t: Array, threads: int) -> None:
        self.x, self.t = Tensor(as_floats(x)).realize(), Tensor(t.astype(np.int32)).realize()
        self.params = [Tensor(w).realize() for w in weights]
        kind = SGD if task.optimizer == "sgd" else Adam
        self.optimizer = kind(self.params, lr=task.lr)
        self.jitted: Any = TinyJit(self._step)

    def _step(self, indices: Tensor) -> Tensor:
        with Tensor.train():
            self.optimizer.zero_grad()
            rows, labels = self.x[indices], self.t[indices]
            for W, b in zip(self.params[:-2:2], self.params[1:-2:2], strict=True):
                rows = (rows @ W + b).relu()
            scores = rows @ self.params[-2] + self.params[-1]
            loss = scores.sparse_categorical_crossentropy(labels).backward()
            return loss.realize(*self.optimizer.schedule_step())

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        loss = None
        for batch in batches.astype(np.int32):
            loss = self.jitted(Tensor(batch).realize())
        return float(loss.item())  # type: ignore[union-attr]
