"""Layers that only give an array another shape."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.layers.base import Layer


class Flatten(Layer):
    """Each sample as one row: (N, ...) becomes (N, numbers of a sample).

    `Affine` does so by itself; other layers may want rows.
    """

    init_before: ClassVar[str | None] = None

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        self._keep(x.shape)
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dout: Array) -> Array:
        shape: Shape = self._kept()
        return dout.reshape(shape)
