"""PyTorch, eager and by torch.compile: the data as one float32 tensor, the fused optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from harness.networks import Affine, BatchNorm, Conv, Dropout, Layer, MaxPool, Relu
from harness.tasks import Task

from peers.base import Array, Peer, as_floats


class TorchEager(Peer):
    """Images as PyTorch has them by itself: channel by channel."""

    channels_last = False

    def __init__(self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int) -> None:
        torch.set_num_threads(threads)
        self.net = torch.nn.Sequential(*modules(layers))
        if self.channels_last:
            self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net.train(task.trains)
        self.forward: Any = self.net
        self.batch_loss: Any = self._batch_loss
        if task.trains:
            self.x, self.t = self._stored(as_floats(x)), torch.from_numpy(np.array(t))
            kind = torch.optim.SGD if task.optimizer == "sgd" else torch.optim.Adam
            self.optimizer = kind(self.net.parameters(), lr=task.lr, fused=True)

    def _stored(self, x: Array) -> torch.Tensor:
        """Rows as they lie in memory, so that drawing a batch leaves them in the layout wanted."""
        ordered = x.transpose(0, 2, 3, 1) if self.channels_last else x
        return torch.from_numpy(np.array(ordered, order="C"))

    def _as_input(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.permute(0, 3, 1, 2) if self.channels_last else rows

    def _batch_loss(self, indices: torch.Tensor) -> torch.Tensor:
        rows = self._as_input(torch.index_select(self.x, 0, indices))
        labels = torch.index_select(self.t, 0, indices)
        return torch.nn.functional.cross_entropy(self.net(rows), labels)

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        loss = torch.tensor(float("nan"))
        for indices in torch.from_numpy(batches):
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.batch_loss(indices)
            loss.backward()
            self.optimizer.step()
        return float(loss.detach())

    def scores(self, rows: Array) -> Array:
        with torch.inference_mode():
            scores: Array = self.forward(self._as_input(self._stored(rows))).numpy()
            return scores

    def set_rows(self, rows: list[Array]) -> None:
        self.rows = [self._as_input(self._stored(r)) for r in rows]

    def predict(self, calls: int) -> None:
        forward, rows = self.forward, self.rows
        with torch.inference_mode():
            for call in range(calls):
                forward(rows[call % len(rows)])


class TorchChannelsLast(TorchEager):
    """Images with the channels of a pixel side by side, PyTorch's `channels_last`."""

    channels_last = True


class TorchCompile(TorchEager):
    def __init__(self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int) -> None:
        super().__init__(task, layers, x, t, threads)
        self.forward = torch.compile(self.net)
        self.batch_loss = torch.compile(self._batch_loss)


def modules(layers: list[Layer]) -> list[torch.nn.Module]:
    found: list[torch.nn.Module] = []
    flat = not any(isinstance(layer, Conv) for layer in layers)
    for layer in layers:
        match layer:
            case Affine(W, b):
                if not flat:
                    found.append(torch.nn.Flatten())
                    flat = True
                found.append(_filled(torch.nn.Linear(*W.shape), np.ascontiguousarray(W.T), b))
            case Conv(W, b, pad):
                filters, channels, size, _ = W.shape
                conv = torch.nn.Conv2d(channels, filters, size, padding=pad)
                found.append(_filled(conv, W, b))
            case BatchNorm(gamma, beta, momentum, eps):
                norm = torch.nn.BatchNorm1d(len(gamma), eps, 1 - momentum)
                found.append(_filled(norm, gamma, beta))
            case Relu():
                found.append(torch.nn.ReLU())
            case MaxPool(size):
                found.append(torch.nn.MaxPool2d(size))
            case Dropout(ratio):
                found.append(torch.nn.Dropout(ratio))
    return found


def _filled(module: Any, W: Array, b: Array) -> torch.nn.Module:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(W))
        module.bias.copy_(torch.from_numpy(b))
    filled: torch.nn.Module = module
    return filled
