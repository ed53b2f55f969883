"""Plain NumPy in the manner of the book: float64, layer by layer, convolution by im2col."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from harness.networks import Affine, BatchNorm, Conv, Dropout, Layer, MaxPool, Relu
from harness.tasks import Task

from peers.base import Array, Peer, as_floats

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class _Layer(Protocol):
    def forward(self, x: Array) -> Array: ...

    def backward(self, dout: Array) -> Array: ...


class _Affine:
    def __init__(self, W: Array, b: Array) -> None:
        self.params = [W.astype(np.float64), b.astype(np.float64)]

    def forward(self, x: Array) -> Array:
        W, b = self.params
        self.shape = x.shape
        self.x = x.reshape(len(x), -1)
        out: Array = np.dot(self.x, W) + b
        return out

    def learn(self, dout: Array) -> None:
        self.grads = [np.dot(self.x.T, dout), dout.sum(axis=0)]

    def backward(self, dout: Array) -> Array:
        self.learn(dout)
        dx: Array = np.dot(dout, self.params[0].T).reshape(self.shape)
        return dx


class _Relu:
    def forward(self, x: Array) -> Array:
        self.out: Array = np.maximum(x, 0)
        return self.out

    def backward(self, dout: Array) -> Array:
        dout[self.out <= 0] = 0
        return dout


class _BatchNorm:
    def __init__(self, gamma: Array, beta: Array, momentum: float, eps: float) -> None:
        self.params = [gamma.astype(np.float64), beta.astype(np.float64)]
        self.momentum, self.eps = momentum, eps
        self.running = [np.zeros_like(self.params[0]), np.ones_like(self.params[0])]

    def forward(self, x: Array) -> Array:
        gamma, beta = self.params
        mean = x.mean(axis=0)
        centred = x - mean
        var = np.mean(centred**2, axis=0)
        self.std = np.sqrt(var + self.eps)
        self.normal = centred / self.std
        for old, now in zip(self.running, (mean, var), strict=True):
            old *= self.momentum
            old += (1 - self.momentum) * now
        out: Array = gamma * self.normal + beta
        return out

    def learn(self, dout: Array) -> None:
        self.grads = [np.sum(self.normal * dout, axis=0), dout.sum(axis=0)]

    def backward(self, dout: Array) -> Array:
        self.learn(dout)
        slope, total = self.grads
        even = (self.normal * slope + total) / len(dout)
        dx: Array = self.params[0] / self.std * (dout - even)
        return dx


class _Dropout:
    def __init__(self, ratio: float) -> None:
        self.ratio = ratio
        self.rng = np.random.default_rng(0)

    def forward(self, x: Array) -> Array:
        self.kept = self.rng.random(x.shape) >= self.ratio
        return x * self.kept

    def backward(self, dout: Array) -> Array:
        return dout * self.kept


class _Conv:
    def __init__(self, W: Array, b: Array, pad: int) -> None:
        self.params = [W.astype(np.float64), b.astype(np.float64)]
        self.pad = pad

    def forward(self, x: Array) -> Array:
        W, b = self.params
        self.shape, self.size = x.shape, W.shape[-1]
        rows, _, height, width = x.shape
        self.out = tuple(n + 2 * self.pad - self.size + 1 for n in (height, width))
        self.cols = im2col(x, self.size, 1, self.pad)
        out: Array = np.dot(self.cols, W.reshape(len(W), -1).T) + b
        return out.reshape(rows, *self.out, -1).transpose(0, 3, 1, 2)

    def learn(self, dout: Array) -> None:
        W = self.params[0]
        self.flat = dout.transpose(0, 2, 3, 1).reshape(-1, len(W))
        self.grads = [np.dot(self.flat.T, self.cols).reshape(W.shape), self.flat.sum(axis=0)]

    def backward(self, dout: Array) -> Array:
        self.learn(dout)
        W = self.params[0]
        cols = np.dot(self.flat, W.reshape(len(W), -1))
        return col2im(cols, self.shape, self.size, 1, self.pad)


class _MaxPool:
    def __init__(self, size: int) -> None:
        self.size = size

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        rows, channels, height, width = x.shape
        cols = im2col(x, self.size, self.size, 0).reshape(-1, self.size * self.size)
        self.greatest = cols.argmax(axis=1)
        out: Array = cols.max(axis=1).reshape(
            rows, height // self.size, width // self.size, channels
        )
        return out.transpose(0, 3, 1, 2)

    def backward(self, dout: Array) -> Array:
        spread = np.zeros((dout.size, self.size * self.size))
        spread[np.arange(dout.size), self.greatest] = dout.transpose(0, 2, 3, 1).ravel()
        channels = self.shape[1]
        cols = spread.reshape(-1, channels * self.size * self.size)
        return col2im(cols, self.shape, self.size, self.size, 0)


def im2col(x: Array, size: int, stride: int, pad: int) -> Array:
    """Each window of the images as one row: (rows * places, channels * size * size)."""
    rows, channels, height, width = x.shape
    high, wide = ((n + 2 * pad - size) // stride + 1 for n in (height, width))
    image = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    cols = np.empty((rows, channels, size, size, high, wide), image.dtype)
    for i in range(size):
        for j in range(size):
            cols[:, :, i, j] = image[
                :, :, i : i + stride * high : stride, j : j + stride * wide : stride
            ]
    return cols.transpose(0, 4, 5, 1, 2, 3).reshape(rows * high * wide, -1)


def col2im(cols: Array, shape: tuple[int, ...], size: int, stride: int, pad: int) -> Array:
    """What the windows hold, added up where they lie."""
    rows, channels, height, width = shape
    high, wide = ((n + 2 * pad - size) // stride + 1 for n in (height, width))
    cols = cols.reshape(rows, high, wide, channels, size, size).transpose(0, 3, 4, 5, 1, 2)
    image = np.zeros((rows, channels, height + 2 * pad, width + 2 * pad), cols.dtype)
    for i in range(size):
        for j in range(size):
            image[:, :, i : i + stride * high : stride, j : j + stride * wide : stride] += cols[
                :, :, i, j
            ]
    return image[:, :, pad : pad + height, pad : pad + width]


def _built(layer: Layer) -> _Layer:
    match layer:
        case Affine(W, b):
            return _Affine(W, b)
        case Conv(W, b, pad):
            return _Conv(W, b, pad)
        case BatchNorm(gamma, beta, momentum, eps):
            return _BatchNorm(gamma, beta, momentum, eps)
        case Relu():
            return _Relu()
        case MaxPool(size):
            return _MaxPool(size)
        case Dropout(ratio):
            return _Dropout(ratio)


class BookNumpy(Peer):
    def __init__(self, task: Task, layers: list[Layer], x: Array, t: Array, threads: int) -> None:
        self.layers = [_built(layer) for layer in layers]
        self.learners: list[Any] = [
            layer for layer in self.layers if isinstance(layer, _Affine | _Conv | _BatchNorm)
        ]
        self.params: list[Array] = [p for layer in self.learners for p in layer.params]
        self.adam, self.lr, self.count = task.optimizer == "adam", task.lr, 0
        self.m = [np.zeros_like(p) for p in self.params]
        self.v = [np.zeros_like(p) for p in self.params]
        if task.trains:
            self.x, self.t = as_floats(x), np.array(t)

    def _forward(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def _gradient(self, x: Array, t: Array) -> tuple[float, list[Array]]:
        scores = self._forward(x)
        y = np.exp(scores - scores.max(axis=1, keepdims=True))
        y /= y.sum(axis=1, keepdims=True)
        rows = np.arange(len(t))
        loss = -np.log(y[rows, t] + 1e-7).mean()
        y[rows, t] -= 1
        dout = y / len(t)
        for layer in reversed(self.layers[1:]):
            dout = layer.backward(dout)
        self.learners[0].learn(dout)  # no one needs the gradient of the images
        return float(loss), [g for layer in self.learners for g in layer.grads]

    def _update(self, grads: list[Array]) -> None:
        if not self.adam:
            for p, g in zip(self.params, grads, strict=True):
                p -= self.lr * g
            return
        self.count += 1
        rate = self.lr * np.sqrt(1 - BETA2**self.count) / (1 - BETA1**self.count)
        eps = EPS * np.sqrt(1 - BETA2**self.count)
        for p, g, m, v in zip(self.params, grads, self.m, self.v, strict=True):
            m += (1 - BETA1) * (g - m)
            v += (1 - BETA2) * (g**2 - v)
            p -= rate * m / (np.sqrt(v) + eps)

    def train(self, batches: npt.NDArray[np.int64]) -> float:
        loss = float("nan")
        for batch in batches:
            loss, grads = self._gradient(self.x[batch], self.t[batch])
            self._update(grads)
        return loss

    def scores(self, rows: Array) -> Array:
        return self._forward(rows)

    def set_rows(self, rows: list[Array]) -> None:
        self.rows = [np.array(r, np.float64) for r in rows]

    def predict(self, calls: int) -> None:
        for call in range(calls):
            self._forward(self.rows[call % len(self.rows)])
