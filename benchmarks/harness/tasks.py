"""Tasks: which networks are trained or asked, on what, and how much arithmetic that takes."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import zerokara as zk

ROOT = Path(__file__).resolve().parents[2]
CHECKED_STEPS = 6
"""Training steps whose losses are compared with ours: enough to show a wrong optimizer, and few,
because a float32 sum that falls on the other side of a ReLU's kink parts two runs for good."""

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class Task:
    """A network of Affine and ReLU, and what is done with it.

    Attributes:
        sizes: inputs, hidden layers, classes.
        rows: batch size of a training step, or rows of one predict call.
        optimizer: 'sgd' or 'adam'; '' for predict.
        peer_limit, floor_limit: the figures to reach, of the fastest peer's time and of the time
            that the arithmetic alone would take; None where none is set.
    """

    name: str
    sizes: tuple[int, ...]
    rows: int
    optimizer: str = ""
    lr: float = 0.0
    peer_limit: float | None = None
    floor_limit: float | None = None

    @property
    def trains(self) -> bool:
        return bool(self.optimizer)

    @property
    def flops(self) -> int:
        """Multiplications and additions of one step or call.

        A training step takes three matrix products a layer, less the first layer's input gradient.
        """
        products = [a * b for a, b in pairwise(self.sizes)]
        passes = 3 * sum(products) - products[0] if self.trains else sum(products)
        return 2 * self.rows * passes

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Task:
        return cls(**{**given, "sizes": tuple(given["sizes"])})


BOOK = (784, 50, 10)
TASKS = (
    Task("mlp-book", BOOK, 100, "sgd", 0.1, peer_limit=0.32, floor_limit=1.9),
    Task("mlp-deep", (784, *[100] * 5, 10), 128, "adam", 0.001, peer_limit=0.45, floor_limit=1.7),
    Task("mlp-wide", (784, 512, 512, 10), 128, "adam", 0.001, peer_limit=0.62, floor_limit=1.25),
    Task("predict-1", BOOK, 1, peer_limit=0.4),
    Task("predict-1000", BOOK, 1000, peer_limit=0.8, floor_limit=1.25),
)


def build_network(task: Task, dtype: npt.DTypeLike = np.float32) -> zk.Sequential:
    """Our network of a task; its initial weights are the ones that every peer starts from."""
    layers: list[zk.Layer] = []
    for size in task.sizes[1:-1]:
        layers += [zk.Affine(size), zk.ReLU()]
    layers.append(zk.Affine(task.sizes[-1]))
    net = zk.Sequential(layers, task.sizes[0], loss=zk.SoftmaxWithLoss(), rng=1)
    return net if np.dtype(dtype) == net.dtype else net.astype(dtype)


def build_optimizer(task: Task) -> Any:
    return zk.SGD(lr=task.lr) if task.optimizer == "sgd" else zk.Adam(lr=task.lr)


def weights_of(net: zk.Sequential) -> Arrays:
    """Copies of W, b, W, b, ... from the first layer to the last."""
    return [np.array(array) for array in net.params.values()]


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


def checked_batches(task: Task, count: int) -> npt.NDArray[np.int64]:
    """The batches of the steps that are compared: (CHECKED_STEPS, rows) indices below count."""
    rng = np.random.default_rng(2)
    return rng.integers(0, count, (CHECKED_STEPS, task.rows))


def expected_results(task: Task, folder: Path) -> npt.NDArray[np.float64]:
    """What a peer must get: the losses of the checked steps, or the scores of the first rows.

    By our readable layers in float64, so by none of the code that is timed.
    """
    x, t = zk.data.Pixels(np.load(folder / "x.npy", mmap_mode="r")), np.load(folder / "t.npy")
    net = build_network(task, np.float64)
    if not task.trains:
        return np.asarray(net.predict(np.asarray(x[: task.rows])), np.float64)
    optimizer, losses = build_optimizer(task), []
    for batch in checked_batches(task, len(t)):
        losses.append(float(net.compute_gradient(x[batch], t[batch])))
        optimizer.update(net.flat_params, net.flat_grads)
    return np.array(losses)
