"""The book's Convolution and Pooling (chapter 7), on the native kernels where they are.

They compute in the dtype of their arrays: float64 in the book's scripts, float32 where both images
and filters are. Other floats, and machines without the core, take zerokara's NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array
from zerokara.book.kernels import ConvolutionPrograms, PoolingPrograms
from zerokara.book.programs import Programmed, has_kernels
from zerokara.errors import OrderError, ShapeError
from zerokara.layers.correlation import correlate, correlate_back, filter_gradient
from zerokara.layers.geometry import Window, pair


class _Windowed(Programmed):
    """What both share."""

    def _check(self, x: Array) -> Array:
        if np.ndim(x) != 4 or not len(x):
            raise ShapeError(
                f"{type(self).__name__}: takes images (N, channels, height, width), N 1 or more, "
                f"got shape {np.shape(x)}"
            )
        return np.asarray(x)


class Convolution(_Windowed):
    """Images (N, C, H, W) with filters W (FN, C, FH, FW): (N, FN, OH, OW), plus b (FN,).

    `dW` and `db` are filled by backward. The book's `col` and `col_W` are not kept: the kernels
    need no im2col.

    Raises:
        ShapeError: no images, other channels than the filters', images smaller than a filter.
    """

    def __init__(self, W: Array, b: npt.ArrayLike, stride: int = 1, pad: int = 0) -> None:
        self.W, self.b = W, b
        self.stride, self.pad = stride, pad
        self.x: Any = None
        self.dW: Any = None
        self.db: Any = None
        self._rows: Any = None

    def forward(self, x: Array) -> Array:
        x = self._check(x)
        W = np.asarray(self.W)
        if W.ndim != 4 or x.shape[1] != W.shape[1]:
            raise ShapeError(f"Convolution: filters {W.shape} do not fit images {x.shape}")
        window, dtype = self._window(), _float(np.result_type(x, W))
        self.x = x
        if has_kernels(dtype):
            key = (x.shape[1:], len(W), window, dtype)
            if self._programs is None or self._programs.key != key:
                self._programs = ConvolutionPrograms(*key)
            y: Array
            y, self._rows = self._programs.forward(x, W, self.b)
            return y
        self._rows = None
        out = window.output_size("Convolution", *x.shape[2:])
        y = correlate(x.astype(dtype, copy=False), W, window, 1, out)
        return np.asarray(y + np.reshape(self.b, (-1, 1, 1)))

    def backward(self, dout: Array) -> Array:
        if self.x is None:
            raise OrderError("Convolution: backward before forward")
        W = np.asarray(self.W)
        dx: Array
        if self._rows is not None and self._programs is not None:
            dx, self.dW, self.db = self._programs.backward(self._rows, dout, W)
            return dx
        window = self._window()
        x = self.x.astype(_float(np.result_type(self.x, W)), copy=False)
        self.db = dout.sum(axis=(0, 2, 3))
        self.dW = filter_gradient(x, dout, window, 1)
        dx = correlate_back(dout, W, window, 1, *x.shape[2:])
        return dx

    def _window(self) -> Window:
        stride = pair("Convolution", "stride", self.stride, 1)
        size = np.shape(self.W)[2:]
        return Window((size[0], size[1]), stride, pair("Convolution", "pad", self.pad, 0))


class Pooling(_Windowed):
    """The greatest number of each window; among equals the first one gets the gradient.

    With `pad`, zeros stand around the image and count as numbers, as in the book.

    Raises:
        ShapeError: no images, or images smaller than the window.
    """

    def __init__(self, pool_h: int, pool_w: int, stride: int = 2, pad: int = 0) -> None:
        self.pool_h, self.pool_w = pool_h, pool_w
        self.stride, self.pad = stride, pad
        self.x: Any = None
        self._rows: Any = None
        self._winner: Any = None

    @property
    def arg_max(self) -> Any:
        """Which entry of its window won, for each number of the output, in the book's order."""
        if self._winner is None and self.x is not None:
            _, self._winner = self._look(self.x)
        return None if self._winner is None else self._winner.transpose(0, 2, 3, 1).reshape(-1)

    def forward(self, x: Array) -> Array:
        x = self._check(x)
        self.x, self._rows, self._winner = x, None, None
        window, dtype = self._window(), _float(x.dtype)
        if has_kernels(dtype) and self.pad == 0:
            key = (x.shape[1:], window, dtype)
            if self._programs is None or self._programs.key != key:
                self._programs = PoolingPrograms(*key)
            y: Array
            y, self._rows = self._programs.forward(x)
            return y
        y, self._winner = self._look(x)
        return y

    def backward(self, dout: Array) -> Array:
        if self.x is None:
            raise OrderError("Pooling: backward before forward")
        if self._rows is not None and self._programs is not None:
            dx: Array = self._programs.backward(self._rows, dout)
            return dx
        if self._winner is None:
            _, self._winner = self._look(self.x)
        window = self._window()
        shape = (*dout.shape[:2], self.pool_h * self.pool_w, *dout.shape[2:])
        columns = np.zeros(shape, dout.dtype)
        np.put_along_axis(columns, self._winner[:, :, None], dout[:, :, None], axis=2)
        columns = columns.reshape(*dout.shape[:2], *window.size, *dout.shape[2:])
        return window.add_columns(columns, *self.x.shape[2:])

    def _look(self, x: Array) -> tuple[Array, Array]:
        """The greatest numbers (N, C, OH, OW), and which entries they were."""
        window = self._window()
        out = window.output_size("Pooling", *x.shape[2:])
        x = x.astype(_float(x.dtype), copy=False)
        seen = window.columns(x, out).reshape(*x.shape[:2], -1, *out)
        winner = seen.argmax(axis=2)
        return np.take_along_axis(seen, winner[:, :, None], axis=2)[:, :, 0], winner

    def _window(self) -> Window:
        size = pair("Pooling", "pool_h, pool_w", (self.pool_h, self.pool_w), 1)
        stride = pair("Pooling", "stride", self.stride, 1)
        return Window(size, stride, pair("Pooling", "pad", self.pad, 0))


def _float(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)
