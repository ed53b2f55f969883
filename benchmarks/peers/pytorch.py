"""PyTorch, eager and by torch.compile: the data as one float32 tensor, the fused optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from harness.tasks import Arrays, Task

from peers.base import Array, Peer, as_floats


class TorchEager(Peer):
    def __init__(self, task: Task, weights: Arrays, x: Array, t: Array, threads: int) -> None:
        torch.set_num_threads(threads)
        layers: list[torch.nn.Module] = []
        for W, b in zip(weights[::2], weights[1::2], strict=True):
            linear = torch.nn.Linear(*W.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(W.T))
                linear.bias.copy_(torch.from_numpy(b))
            layers += [linear, torch.nn.ReLU()]
        self.net = torch.nn.Sequential(*layers[:-1])
        self.forward: Any = self.net
        self.batch_loss: Any = self._batch_loss
        if task.trains:
            self.x, self.t = torch.from_numpy(as_floats(x)), torch.from_numpy(np.array(t))
            kind = torch.optim.SGD if task.optimizer == "sgd" else torch.optim.Adam
            self.optimizer = kind(self.net.parameters(), lr=task.lr, fused=True)

    def _batch_loss(self, indices: torch.Tensor) -> torch.Tensor:
        rows = torch.index_select(self.x, 0, indices)
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
            scores: Array = self.forward(torch.from_numpy(np.array(rows))).numpy()
            return scores

    def set_rows(self, rows: list[Array]) -> None:
        self.rows = [torch.from_numpy(np.array(r)) for r in rows]

    def predict(self, calls: int) -> None:
        forward, rows = self.forward, self.rows
        with torch.inference_mode():
            for call in range(calls):
                forward(rows[call % len(rows)])


class TorchCompile(TorchEager):
    def __init__(self, task: Task, weights: Arrays, x: Array, t: Array, threads: int) -> None:
        super().__init__(task, weights, x, t, threads)
        self.forward = torch.compile(self.net)
        self.batch_loss = torch.compile(self._batch_loss)
