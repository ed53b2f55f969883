"""zerokara: compile_step called once a step, or once for many; net.predict."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from harness.networks import Layer
from harness.tasks import Task

import zerokara as zk
from peers.base import Array, Peer


class Zerokara(Peer):
    """One Python call a step, as a training loop of one's own would do."""

    def __init__(self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int) -> None:
        self.net = task.build_network()  # which `layers` is a copy of
        if task.trains:
            # In memory like every peer's data, not a file that is mapped.
            pixels = zk.data.Pixels(np.array(x))
            optimizer = task.build_optimizer()
            self.step = zk.compile_step(self.net, optimizer, pixels, t, batch_size=task.rows)

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        loss = float("nan")
        for batch in batches:
            loss = self.step(batch)
        return loss

    def scores(self, rows: Array) -> Array:
        return self.net.predict(rows)

    def set_rows(self, rows: list[Array]) -> None:
        self.rows = rows

    def predict(self, calls: int) -> None:
        predict, rows = self.net.predict, self.rows
        for call in range(calls):
            predict(rows[call % len(rows)])


class ZerokaraRun(Zerokara):
    """Many steps in one call, as `fit` does."""

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        count, rows = batches.shape
        losses = self.step.run(batches.ravel(), np.arange(0, count * rows + 1, rows))
        return float(losses[-1])
