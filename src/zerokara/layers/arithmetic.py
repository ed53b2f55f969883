"""Add and Mul: the nodes of the book's shop (chapter 5.4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ShapeError
from zerokara.layers.base import Layer


class _TwoInputs(Layer):
    def build_many(
        self, shapes: tuple[Shape, ...], rng: np.random.Generator, dtype: npt.DTypeLike
    ) -> Shape:
        if len(shapes) != 2:
            raise ShapeError(f"{self!r}: takes 2 inputs, got {len(shapes)}")
        if shapes[0] != shapes[1]:
            raise ShapeError(f"{self!r}: inputs must have one shape, got {shapes[0]}, {shapes[1]}")
        return shapes[0]


class Add(_TwoInputs):
    """x + y. The gradient passes to both sides unchanged."""

    def forward(self, x: Array, y: Array, *, training: bool = False) -> Array:
        self._keep((np.shape(x), np.shape(y)))
        return x + y

    def backward(self, dout: Array) -> tuple[Array, Array]:
        x_shape, y_shape = self._kept()
        return sum_to(dout, x_shape), sum_to(dout, y_shape)


class Mul(_TwoInputs):
    """x * y. Each side's gradient is the output's times the other side."""

    def forward(self, x: Array, y: Array, *, training: bool = False) -> Array:
        self._keep((x, y))
        return x * y

    def backward(self, dout: Array) -> tuple[Array, Array]:
        x, y = self._kept()
        return sum_to(dout * y, np.shape(x)), sum_to(dout * x, np.shape(y))


def sum_to(gradient: Array, shape: Shape) -> Array:
    """Undo broadcasting: sum over the axes along which an array of that shape was repeated."""
    if np.shape(gradient) == shape:
        return gradient
    extra = np.ndim(gradient) - len(shape)
    repeated = tuple(range(extra)) + tuple(
        extra + axis for axis, size in enumerate(shape) if size == 1
    )
    return np.asarray(np.sum(gradient, axis=repeated)).reshape(shape)
