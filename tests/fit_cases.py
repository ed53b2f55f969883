"""Networks, data and callbacks for the tests of fit."""

from __future__ import annotations

from typing import Any

import numpy as np

import zerokara as zk
from zerokara.training import Callback

COUNT, SIZE, CLASSES = 37, 6, 3


def small_net(**options: Any) -> zk.models.TwoLayerNet:
    return zk.models.TwoLayerNet(SIZE, 5, CLASSES, **options)


def blobs(seed: int = 0, count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    """Give one easy cloud of points a class."""
    rng = np.random.default_rng(seed)
    t = rng.integers(0, CLASSES, count)
    x = rng.normal(size=(count, SIZE)).astype(np.float32)
    x[np.arange(count), t] += 4
    return x, t


class Recorder(Callback):
    def __init__(self, log: list[Any], name: str = "", every_step: bool = False) -> None:
        self.log, self.name, self.every_step = log, name, every_step

    def on_train_begin(self, run: Any) -> None:
        self.log.append((self.name, "begin", run.step))

    def on_step_end(self, run: Any) -> None:
        self.log.append((self.name, "step", run.step))

    def on_epoch_end(self, run: Any) -> None:
        self.log.append((self.name, "epoch", run.epoch))

    def on_train_end(self, run: Any) -> None:
        self.log.append((self.name, "end", run.step))


class StopAt(Callback):
    """Raise or stop at a step."""

    every_step = True

    def __init__(self, step: int, error: type[BaseException] | None) -> None:
        self.at, self.error = step, error

    def on_step_end(self, run: Any) -> None:
        if run.step == self.at:
            if self.error is not None:
                raise self.error
            run.stop = True
