"""Tasks: which networks are trained or asked, on what, and how much arithmetic that takes."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import zerokara as zk
from harness import networks
from harness.networks import Dropout, Layer, dense

ROOT = Path(__file__).resolve().parents[2]
CHECKED_STEPS = 6
"""Training steps whose losses are compared with ours: enough to show a wrong optimizer, and few,
because a float32 sum that falls on the other side of a ReLU's kink parts two runs for good."""


@dataclass(frozen=True)
class Task:
    """A network, and what is done with it.

    Attributes:
        network: its name in `harness.networks`.
        rows: batch size of a training step, or rows of one predict call.
        optimizer: 'sgd' or 'adam'; '' for predict.
        peer_limit, floor_limit: the figures to reach, of the fastest peer's time and of the time
            that the arithmetic alone would take; None where none is set.
        block_seconds: of a timed block in a full run; long enough for some ten steps.
        dropout: False where Dropout's ratio is 0 instead of its own, to compare results.
    """

    name: str
    network: str
    rows: int
    optimizer: str = ""
    lr: float = 0.0
    peer_limit: float | None = None
    floor_limit: float | None = None
    block_seconds: float = 0.06
    dropout: bool = True

    @property
    def trains(self) -> bool:
        return bool(self.optimizer)

    @property
    def takes_images(self) -> bool:
        """Whether a row is an image (channels, height, width), not a vector."""
        return networks.takes_images(self.network)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return networks.input_shape(self.network)

    @property
    def normalizes(self) -> bool:
        """Whether there is batch normalization in it."""
        return networks.normalizes(self.network)

    def without_dropout(self) -> Task:
        return replace(self, dropout=False)

    def build_network(self, dtype: npt.DTypeLike = np.float32) -> zk.Sequential:
        return networks.build(self.network, dtype, dropout=self.dropout)

    def build_optimizer(self) -> Any:
        return zk.SGD(lr=self.lr) if self.optimizer == "sgd" else zk.Adam(lr=self.lr)

    def layers(self) -> list[Layer]:
        """What every peer builds, and the weights it starts from."""
        return networks.layers_of(self.build_network())

    def has_noise(self) -> bool:
        """Whether two libraries cannot have the same losses in training."""
        return self.trains and any(
            isinstance(layer, Dropout) and layer.ratio > 0 for layer in self.layers()
        )

    def flops(self) -> int:
        """Multiplications and additions of one step or call."""
        return (
            2
            * self.rows
            * networks.multiply_adds(self.layers(), self.input_shape, trains=self.trains)
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Task:
        return cls(**given)


BOOK = dense(784, 50, 10)
DEEP = dense(784, *[100] * 5, 10)
DEEP_NORM = dense(784, *[100] * 5, 10, norm=True)
WIDE = dense(784, 512, 512, 10)
SIMPLE_CONV, DEEP_CONV = "SimpleConvNet", "DeepConvNet"
TASKS = (
    Task("mlp-book", BOOK, 100, "sgd", 0.1, peer_limit=0.32, floor_limit=1.9),
    Task("mlp-deep", DEEP, 128, "adam", 0.001, peer_limit=0.45, floor_limit=1.7),
    Task("mlp-bn", DEEP_NORM, 128, "adam", 0.001, peer_limit=0.4),
    Task("mlp-wide", WIDE, 128, "adam", 0.001, peer_limit=0.62, floor_limit=1.25),
    Task("predict-1", BOOK, 1, peer_limit=0.4),
    Task("predict-1000", BOOK, 1000, peer_limit=0.8, floor_limit=1.25),
    Task("cnn-simple", SIMPLE_CONV, 100, "adam", 0.001, 0.3, 2.6, block_seconds=0.12),
    Task("cnn-deep", DEEP_CONV, 100, "adam", 0.001, 0.62, 1.12, block_seconds=0.25),
    Task("cnn-simple-predict-1", SIMPLE_CONV, 1, peer_limit=0.5),
    Task(
        "cnn-simple-predict-1000",
        SIMPLE_CONV,
        1000,
        peer_limit=0.45,
        floor_limit=1.4,
        block_seconds=0.12,
    ),
)


def find_data(given: str | None) -> str | None:
    """The folder to look for Fashion-MNIST in: the one given, ZEROKARA_DATA, or ../shared."""
    named = given or os.environ.get("ZEROKARA_DATA")
    beside = ROOT.parent / "shared" / "datasets"
    return named or (str(beside) if beside.is_dir() else None)


def write_data(folder: Path, root: str | None) -> None:
    """Fashion-MNIST's training set as arrays that every process maps: x.npy (bytes), t.npy."""
    (train, labels), _ = zk.data.load_fashion_mnist(normalize="lazy", root=root)
    np.save(folder / "x.npy", train.values)
    np.save(folder / "t.npy", np.asarray(labels, np.int64))


def read_data(folder: Path, task: Task) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The images in the shape that a task's network takes, mapped, and the labels."""
    x, t = np.load(folder / "x.npy", mmap_mode="r"), np.load(folder / "t.npy")
    return x.reshape(len(x), *task.input_shape), t


def checked_batches(task: Task, count: int) -> npt.NDArray[np.int64]:
    """The batches of the steps that are compared: (CHECKED_STEPS, rows) indices below count."""
    rng = np.random.default_rng(2)
    return rng.integers(0, count, (CHECKED_STEPS, task.rows))


def expected_results(task: Task, folder: Path) -> npt.NDArray[np.float64]:
    """What a peer must get: the losses of the checked steps, or the scores of the first rows.

    By our readable layers in float64, so by none of the code that is timed; without dropout.
    """
    images, t = read_data(folder, task)
    x = zk.data.Pixels(images)
    net = task.without_dropout().build_network(np.float64)
    if not task.trains:
        return np.asarray(net.predict_eagerly(np.asarray(x[: task.rows])), np.float64)
    optimizer, losses = task.build_optimizer(), []
    for batch in checked_batches(task, len(t)):
        losses.append(float(net.compute_gradient(x[batch], t[batch])))
        optimizer.update(net.flat_params, net.flat_grads)
    return np.array(losses)
