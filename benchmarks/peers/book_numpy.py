"""Plain NumPy in the manner of the book: a dictionary of float64 parameters, layer by layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from harness.tasks import Arrays, Task

from peers.base import Array, Peer, as_floats

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class BookNumpy(Peer):
    def __init__(self, task: Task, weights: Arrays, x: Array, t: Array, threads: int) -> None:
        self.depth = len(weights) // 2
        self.params: dict[str, Array] = {}
        for place in range(self.depth):
            self.params[f"W{place + 1}"] = weights[2 * place].astype(np.float64)
            self.params[f"b{place + 1}"] = weights[2 * place + 1].astype(np.float64)
        self.adam, self.lr, self.count = task.optimizer == "adam", task.lr, 0
        self.m = {key: np.zeros_like(p) for key, p in self.params.items()}
        self.v = {key: np.zeros_like(p) for key, p in self.params.items()}
        if task.trains:
            self.x, self.t = as_floats(x), np.array(t)

    def _forward(self, x: Array) -> list[Array]:
        values = [x]
        for place in range(1, self.depth + 1):
            x = np.dot(x, self.params[f"W{place}"]) + self.params[f"b{place}"]
            if place < self.depth:
                x = np.maximum(x, 0)
            values.append(x)
        return values

    def _gradient(self, x: Array, t: Array) -> tuple[float, dict[str, Array]]:
        values = self._forward(x)
        scores = values[-1] - values[-1].max(axis=1, keepdims=True)
        y = np.exp(scores)
        y /= y.sum(axis=1, keepdims=True)
        rows = np.arange(len(t))
        loss = -np.log(y[rows, t] + 1e-7).mean()
        y[rows, t] -= 1
        dout, grads = y / len(t), {}
        for place in range(self.depth, 0, -1):
            grads[f"W{place}"] = np.dot(values[place - 1].T, dout)
            grads[f"b{place}"] = dout.sum(axis=0)
            if place > 1:
                dout = np.dot(dout, self.params[f"W{place}"].T)
                dout[values[place - 1] <= 0] = 0
        return float(loss), grads

    def _update(self, grads: dict[str, Array]) -> None:
        if not self.adam:
            for key, p in self.params.items():
                p -= self.lr * grads[key]
            return
        self.count += 1
        rate = self.lr * np.sqrt(1 - BETA2**self.count) / (1 - BETA1**self.count)
        eps = EPS * np.sqrt(1 - BETA2**self.count)
        for key, p in self.params.items():
            self.m[key] += (1 - BETA1) * (grads[key] - self.m[key])
            self.v[key] += (1 - BETA2) * (grads[key] ** 2 - self.v[key])
            p -= rate * self.m[key] / (np.sqrt(self.v[key]) + eps)

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        loss = float("nan")
        for batch in batches:
            loss, grads = self._gradient(self.x[batch], self.t[batch])
            self._update(grads)
        return loss

    def scores(self, rows: Array) -> Array:
        return self._forward(rows)[-1]

    def set_rows(self, rows: list[Array]) -> None:
        self.rows = [np.array(r, np.float64) for r in rows]

    def predict(self, calls: int) -> None:
        for call in range(calls):
            self._forward(self.rows[call % len(self.rows)])
