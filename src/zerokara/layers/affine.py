"""Affine, the fully connected layer (the book's section 5.6)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, ShapeError
from zerokara.initializers import Initializer
from zerokara.layers.weighted import WeightedLayer


class Affine(WeightedLayer):
    """y = x W + b, with x flattened to (N, inputs).

    Parameters: W of shape (inputs, outputs), b of shape (outputs,), which starts at 0.

    Args:
        outputs: how many outputs; the inputs are inferred when a network is built.
        init: initial weights: 'xavier', 'he', a standard deviation or a function (see
            `zerokara.initializers`). By default what suits the layer that follows: He before
            ReLU, Xavier elsewhere.

    Raises:
        ArgumentError: `outputs` below 1, an unknown `init`.
    """

    def __init__(self, outputs: int, init: str | float | Initializer | None = None) -> None:
        super().__init__(init)
        if outputs < 1:
            raise ArgumentError(f"Affine: outputs must be 1 or more, got {outputs}")
        self.outputs = int(outputs)

    @classmethod
    def from_arrays(cls, W: Array, b: Array) -> Affine:
        """A layer around float arrays that exist already, W (inputs, outputs) and b (outputs,).

        The arrays are shared, not copied, until the layer becomes part of a network.
        """
        W, b = np.asarray(W), np.asarray(b)
        if W.ndim != 2:
            raise ShapeError(
                f"Affine.from_arrays: expected W of shape (inputs, outputs), got {W.shape}"
            )
        layer = cls(W.shape[1])
        layer._adopt_arrays(W, b, layer.outputs)
        return layer

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        inputs = math.prod(input_shape)
        if "W" in self.params:
            if self.W.shape[0] != inputs:
                raise ShapeError(
                    f"{self!r}: W has shape {self.W.shape}, which takes {self.W.shape[0]} inputs; "
                    f"an input of shape {input_shape} has {inputs}"
                )
            return (self.outputs,)
        shape = (inputs, self.outputs)
        self._draw(shape, shape, self.outputs, rng, dtype)
        return (self.outputs,)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        rows = self._rows(x)
        self._keep((rows, x.shape))
        return rows @ self.W + self.b

    def backward(self, dout: Array) -> Array:
        rows, shape = self._kept()
        self.grads["W"] = rows.T @ dout
        self.grads["b"] = dout.sum(axis=0)
        dx: Array = dout @ self.W.T
        return dx.reshape(shape)

    def multiply_adds(self, input_shape: Shape, output_shape: Shape) -> int:
        return math.prod(input_shape) * self.outputs

    def config(self) -> dict[str, Any]:
        return {"outputs": self.outputs, **self.init_config()}

    def _rows(self, x: Array) -> Array:
        inputs = self.W.shape[0]
        if x.ndim < 2 or math.prod(x.shape[1:]) != inputs:
            raise ShapeError(
                f"{self!r}: x of shape {x.shape} does not fit W of shape {self.W.shape}; expected "
                f"(N, ...) with {inputs} entries a sample"
            )
        return x.reshape(len(x), inputs)
