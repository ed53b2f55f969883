"""Affine, the fully connected layer (the book's section 5.6)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, DtypeError, OrderError, ShapeError
from zerokara.initializers import Initializer, initializer
from zerokara.layers.base import Layer


class Affine(Layer):
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
        super().__init__()
        if outputs < 1:
            raise ArgumentError(f"Affine: outputs must be 1 or more, got {outputs}")
        if init is not None:
            initializer(init)  # an unknown name is refused here, not when the network is built
        self.outputs = int(outputs)
        self.init = init

    @classmethod
    def from_arrays(cls, W: Array, b: Array) -> Affine:
        """A layer around float arrays that exist already, W (inputs, outputs) and b (outputs,).

        The arrays are shared, not copied, until the layer becomes part of a network.
        """
        W, b = np.asarray(W), np.asarray(b)
        if W.ndim != 2 or b.shape != W.shape[1:]:
            raise ShapeError(
                "Affine.from_arrays: expected W of shape (inputs, outputs) and b of shape "
                f"(outputs,), got {W.shape} and {b.shape}"
            )
        if W.dtype.kind != "f" or b.dtype != W.dtype:
            raise DtypeError(
                f"Affine.from_arrays: W and b must share a float dtype, got {W.dtype} and {b.dtype}"
            )
        layer = cls(W.shape[1])
        layer.add_param("W", W)
        layer.add_param("b", b)
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
        draw = initializer("xavier" if self.init is None else self.init)
        self.add_param("W", draw(inputs, self.outputs, (inputs, self.outputs), rng, dtype))
        self.add_param("b", np.zeros(self.outputs, dtype))
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

    @property
    def W(self) -> Array:
        return self._param("W")

    @property
    def b(self) -> Array:
        return self._param("b")

    @property
    def dW(self) -> Array:
        return self.grads["W"]

    @property
    def db(self) -> Array:
        return self.grads["b"]

    def multiply_adds(self, input_shape: Shape, output_shape: Shape) -> int:
        return math.prod(input_shape) * self.outputs

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"outputs": self.outputs}
        if self.init is not None:
            config["init"] = self.init if isinstance(self.init, (str, int, float)) else "custom"
        return config

    def _param(self, name: str) -> Array:
        if name not in self.params:
            raise OrderError(
                f"{self!r}: {name} does not exist before the layer is part of a network; "
                "Affine.from_arrays(W, b) makes a layer that stands alone"
            )
        return self.params[name]

    def _rows(self, x: Array) -> Array:
        inputs = self.W.shape[0]
        if x.ndim < 2 or math.prod(x.shape[1:]) != inputs:
            raise ShapeError(
                f"{self!r}: x of shape {x.shape} does not fit W of shape {self.W.shape}; expected "
                f"(N, ...) with {inputs} entries a sample"
            )
        return x.reshape(len(x), inputs)
