"""Activation layers: an output entry depends on its input entry alone, except in Softmax."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from zerokara import functions
from zerokara._types import Array
from zerokara.layers.base import Layer


class Identity(Layer):
    """y = x."""

    def forward(self, x: Array, *, training: bool = False) -> Array:
        self._keep(True)
        return x

    def backward(self, dout: Array) -> Array:
        self._kept()
        return dout


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)), dy/dx = y (1 - y) (book 5.5)."""

    def forward(self, x: Array, *, training: bool = False) -> Array:
        y = functions.sigmoid(x)
        self._keep(y)
        return y

    def backward(self, dout: Array) -> Array:
        y: Array = self._kept()
        return np.asarray(dout * (y * (1 - y)))


class Tanh(Layer):
    """y = tanh(x), dy/dx = 1 - y**2."""

    def forward(self, x: Array, *, training: bool = False) -> Array:
        y = functions.tanh(x)
        self._keep(y)
        return y

    def backward(self, dout: Array) -> Array:
        y: Array = self._kept()
        return np.asarray(dout * (1 - y * y))


class ReLU(Layer):
    """y = max(x, 0); dy/dx is 1 where x > 0 and 0 elsewhere, at 0 too (book 5.5)."""

    init_before: ClassVar[str | None] = "he"

    def forward(self, x: Array, *, training: bool = False) -> Array:
        y = functions.relu(x)
        self._keep(y)
        return y

    def backward(self, dout: Array) -> Array:
        # Not y > 0: where the input was NaN that would make the gradient 0 and hide it.
        y: Array = self._kept()
        return np.where(y <= 0, dout.dtype.type(0), dout)


class Softmax(Layer):
    """y = exp(x) / sum(exp(x)) over the last axis; dx = y (dout - sum(dout y))."""

    def forward(self, x: Array, *, training: bool = False) -> Array:
        y = functions.softmax(x)
        self._keep(y)
        return y

    def backward(self, dout: Array) -> Array:
        y: Array = self._kept()
        return np.asarray(y * (dout - (dout * y).sum(axis=-1, keepdims=True)))
