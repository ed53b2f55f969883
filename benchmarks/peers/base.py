"""What a peer has to be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
from harness.networks import Layer
from harness.tasks import Task

Array = npt.NDArray[Any]
SCALE = np.float32(1 / 255)


class Peer(ABC):
    """One library at one task. Made in a process of its own, after `harness.worker` set threads.

    Args:
        task: what to do.
        layers: what to build, with the weights to start from in float32.
        x: the images as bytes, (N, 784) or (N, 1, 28, 28) as the network takes them, and t: their
            labels, (N,). Each peer keeps them as suits it best; this is not timed.
        threads: how many it may use.

    Attributes:
        loss_tolerance: how far a loss of the checked steps may be from ours, relatively; they
            agree to 1e-5 where no ReLU is at its kink.
        chunk: a timed block holds a multiple of so many steps.
    """

    loss_tolerance = 2e-3
    chunk = 1

    @abstractmethod
    def __init__(
        self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int
    ) -> None: ...

    @abstractmethod
    def train(self, batches: npt.NDArray[np.int64]) -> float:
        """One step for each row of indices; the last one's loss, when all are done."""

    @abstractmethod
    def scores(self, rows: Array) -> Array:
        """The network's output, before softmax, for float32 rows."""

    @abstractmethod
    def set_rows(self, rows: list[Array]) -> None:
        """Keep what `predict` will be asked about, in the library's own form."""

    @abstractmethod
    def predict(self, calls: int) -> None:
        """So many calls, one after the other, each with its result complete."""


def as_floats(x: Array) -> Array:
    """The images as the other libraries hold them: float32 in 0..1."""
    return np.multiply(x, SCALE, dtype=np.float32)


class TrainsOnly:
    """For a peer that has no part in the predict tasks."""

    def scores(self, rows: Array) -> Array:
        raise NotImplementedError("not asked to predict")

    def set_rows(self, rows: list[Array]) -> None:
        raise NotImplementedError("not asked to predict")

    def predict(self, calls: int) -> None:
        raise NotImplementedError("not asked to predict")
