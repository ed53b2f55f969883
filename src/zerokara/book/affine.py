"""The book's Affine (5.6), on the native kernels where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara import native
from zerokara._types import Array, Shape
from zerokara.book.programs import (
    BACKWARD_ROWS,
    ROWS,
    Builder,
    Programmed,
    Sums,
    check_shape,
    gradients,
    has_kernels,
    parts,
)
from zerokara.errors import OrderError

SMALL = 2**18
"""Products of fewer multiplications are left to NumPy: a call costs more than it brings.

Greater ones would wake NumPy's own threads, which then stay awake in the way of ours.
"""


class Affine(Programmed):
    """x W + b of samples (N, D) or of any shape (N, ...), which are taken as rows.

    W is (D, M) and b (M,); both are the script's own arrays. `dW` and `db` are filled by backward.
    """

    def __init__(self, W: Array, b: npt.ArrayLike) -> None:
        self.W, self.b = W, b
        self.x: Any = None
        self.original_x_shape: Shape | None = None
        self.dW: Any = None
        self.db: Any = None

    def forward(self, x: Array) -> Array:
        self.original_x_shape = x.shape
        self.x = x.reshape(len(x), -1)
        if self._by_kernels():
            y: Array = self._programs.forward(self.x, self.W, self.b)
            return y
        return np.asarray(self.x @ self.W + self.b)

    def backward(self, dout: Array) -> Array:
        if self.original_x_shape is None:
            raise OrderError("Affine: backward before forward")
        dx: Array
        if self._by_kernels():
            dx, self.dW, self.db = self._programs.backward(self.x, dout, self.W)
        else:
            dx = dout @ self.W.T
            self.dW = self.x.T @ dout
            self.db = dout.sum(axis=0)
        return dx.reshape(self.original_x_shape)

    def _by_kernels(self) -> bool:
        """Whether kernels take this product; then their programs are there."""
        x, W = self.x, self.W
        dtype = np.result_type(x, W)
        fits = W.ndim == 2 and x.shape[1] == W.shape[0]
        if len(x) * W.size < SMALL or not has_kernels(dtype) or not fits:
            return False
        key = (W.shape, dtype)
        if self._programs is None or self._programs.key != key:
            self._programs = AffinePrograms(*key)
        return True


class AffinePrograms:
    """Forward and back of one affine layer, for a W of one shape (inputs, outputs) and dtype."""

    def __init__(self, shape: Shape, dtype: np.dtype[Any]) -> None:
        self.key = (shape, dtype)
        self.dtype = dtype
        self._inputs, self._outputs = shape
        self._weights = self._inputs * self._outputs
        self._params = np.zeros(self._weights + self._outputs, dtype)
        self._grads = np.zeros_like(self._params)
        slots = Builder(dtype, BACKWARD_ROWS)
        x, y = slots.plain(self._inputs), slots.plain(self._outputs)
        self._forward = program = slots.start(self._params, self._grads)
        layer = program.layer(0, self._weights, self._inputs, self._outputs, x, False)
        program.segment(ROWS)
        program.gather(0, x, True)
        program.affine(layer, x, y, 0, -1)
        program.result(y)
        self._backward: Any = None

    def forward(self, x: Array, W: Array, b: Any) -> Array:
        """x (N, inputs) to (N, outputs)."""
        self._take(W, b)
        y = np.empty((len(x), self._outputs), self.dtype)
        self._forward.predict([native.source(self._rows(x), 1.0)], y, None)
        return y

    def backward(self, x: Array, dout: Array, W: Array) -> tuple[Array, Array, Array]:
        """dx (N, inputs), dW and db.

        Raises:
            ShapeError: `dout` is not of the output's shape.
        """
        check_shape("Affine", dout, (len(x), self._outputs))
        if self._backward is None:
            self._backward = self._make_backward()
        dx = np.empty((len(x), self._inputs), self.dtype)
        sums = Sums(self._grads)
        sources = [self._rows(x), self._rows(dout)]
        for part in parts(len(x), BACKWARD_ROWS):
            self._take(W, 0)
            gradients(self._backward, sources, part, self.dtype)
            dx[part] = self._dx[: part.stop - part.start, : self._inputs]
            sums.add()
        total = sums.total()
        dW, db = total[: self._weights], total[self._weights :]
        return dx, dW.reshape(W.shape), db

    def _make_backward(self) -> Any:
        slots = Builder(self.dtype, BACKWARD_ROWS)
        x, dout = slots.plain(self._inputs), slots.plain(self._outputs)
        dx = slots.plain(self._inputs)
        at, row = slots.last
        program = slots.start(self._params, self._grads)
        numbers = program.arena()[at : at + row * BACKWARD_ROWS]
        self._dx = numbers.reshape(BACKWARD_ROWS, row)
        layer = program.layer(0, self._weights, self._inputs, self._outputs, x, True)
        program.segment(ROWS)
        program.gather(0, x, False)
        program.gather(1, dout, False)
        program.affine_back(layer, dout, dx, -1, -1, 0, 1.0)
        program.gradient(layer, dout)
        return program

    def _rows(self, x: Array) -> Array:
        if x.dtype not in (np.uint8, np.float32, np.float64):
            x = x.astype(self.dtype)
        return np.ascontiguousarray(x)

    def _take(self, W: Array, b: Any) -> None:
        self._params[: self._weights] = W.reshape(-1)
        self._params[self._weights :] = b
