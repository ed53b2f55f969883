"""Small native programs for one layer at a time, between arrays of the script.

The engine makes one program of a whole network; a book's script calls layer after layer, so each
layer gets two small ones, forward and back. Images lie pixel by pixel (NHWC) in memory, as the
book's own results do, and a pixel is whole vectors where a kernel reads vectors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerokara import native
from zerokara._types import Array, Shape
from zerokara.book.programs import (
    BACKWARD_ROWS,
    FORWARD_ROWS,
    IMAGES,
    ROWS,
    Builder,
    Sums,
    as_images,
    as_rows,
    check_shape,
    gradients,
    parts,
)
from zerokara.layers.geometry import Window


class ConvolutionPrograms:
    """Forward and back of one convolution, for images and filters of one shape and dtype.

    Args:
        shape: of a sample (C, H, W).
        filters: how many.
        window: of the filters.
        dtype: float32 or float64.

    Raises:
        ShapeError: the window does not fit the images.
    """

    def __init__(self, shape: Shape, filters: int, window: Window, dtype: np.dtype[Any]) -> None:
        self.key = (shape, filters, window, dtype)
        self.shape, self.window, self.dtype = shape, window, dtype
        self.out = (filters, *window.output_size("Convolution", *shape[1:]))
        lanes = native.lanes(dtype)
        self.out_pixel = -(-filters // lanes) * lanes
        self.dx_pixel = -(-shape[0] // lanes) * lanes
        self._weights = filters * shape[0] * math.prod(window.size)
        self._params = np.zeros(self._weights + filters, dtype)
        self._grads = np.zeros_like(self._params)
        self._forward = self._make_forward()
        self._backward: Any = None
        self._room = 0

    def forward(self, x: Array, W: Array, b: Any) -> tuple[Array, Array]:
        """The images, and x (N, C, H, W) as `backward` takes it."""
        self._take(W, b)
        rows = as_rows(x, self.shape[0], self.dtype)
        columns = self.out[1] * self.out[2] * self.out_pixel
        y = np.empty((len(rows), columns), self.dtype)
        self._forward.predict([native.source(rows, 1.0)], y, None)
        return as_images(y, self.out, self.out_pixel), rows

    def backward(self, rows: Array, dout: Array, W: Array) -> tuple[Array, Array, Array]:
        """dx (N, C, H, W), dW (filters, C, KH, KW) and db (filters,).

        Raises:
            ShapeError: `dout` is not of the output's shape, or W was exchanged for another shape.
        """
        check_shape("Convolution", dout, (len(rows), *self.out))
        check_shape("Convolution", W, (self.out[0], self.shape[0], *self.window.size))
        if self._room < min(len(rows), BACKWARD_ROWS):
            self._room = min(len(rows), BACKWARD_ROWS)
            self._backward = self._make_backward(self._room)
        slopes = as_rows(dout, self.out_pixel, self.dtype)
        dx = np.empty((len(rows), self._dx_columns), self.dtype)
        sums = Sums(self._grads)
        for part in parts(len(rows), self._room):
            self._take(W, 0)
            gradients(self._backward, [rows, slopes], part, self.dtype)
            dx[part] = self._dx[: part.stop - part.start, : self._dx_columns]
            sums.add()
        total = sums.total()
        dW, db = total[: self._weights], total[self._weights :]
        return as_images(dx, self.shape, self.dx_pixel), dW.reshape(W.shape), db

    def _take(self, W: Array, b: Any) -> None:
        self._params[: self._weights] = W.reshape(-1)
        self._params[self._weights :] = b

    def _windows(self) -> tuple[Any, ...]:
        w = self.window
        return (self.shape, self.out, w.size, w.stride, w.pad, w.dilation)

    def _make_forward(self) -> Any:
        slots = Builder(self.dtype, FORWARD_ROWS)
        given = slots.plain(math.prod(self.shape))
        x, x_lines = slots.image(self.shape, self.shape[0], self.window.pad)
        # Its pixels count as channels, so that the result is whole rows.
        y, _ = slots.image((self.out_pixel, *self.out[1:]), self.out_pixel)
        program = slots.start(self._params, self._grads)
        use = program.convolution(0, self._weights, x, *self._windows())
        program.segment(IMAGES)
        program.gather(0, given, True)
        program.to_image(given, x_lines)
        program.correlate(use, y, 0, -1)
        program.result(y)
        return program

    def _make_backward(self, rows: int) -> Any:
        slots = Builder(self.dtype, rows)
        given = slots.plain(math.prod(self.shape))
        x, x_lines = slots.image(self.shape, self.shape[0], self.window.pad)
        slopes = slots.plain(math.prod(self.out[1:]) * self.out_pixel)
        dout, dout_lines = slots.image(self.out, self.out_pixel, self._border())
        dx, _ = slots.image(self.shape, self.dx_pixel)
        at, row = slots.last
        program = slots.start(self._params, self._grads)
        self._dx = program.arena()[at : at + row * rows].reshape(rows, row)
        self._dx_columns = math.prod(self.shape[1:]) * self.dx_pixel
        use = program.convolution(0, self._weights, x, *self._windows())
        # A segment that begins with a call is that call alone: this correlation never runs, but
        # the gradients below take their windows from it, and the threads their share of work.
        program.segment(ROWS)
        program.call(0)
        program.correlate(use, dout, 0, -1)
        program.segment(IMAGES)
        program.gather(0, given, False)
        program.to_image(given, x_lines)
        program.gather(1, slopes, False)
        program.to_image(slopes, dout_lines)
        program.filter_gradient(use, dout, -1, -1, 0)
        program.correlate_back(use, dout, dx, -1, 0)
        return program

    def _border(self) -> tuple[int, int]:
        """How far past dout the turned window reaches."""
        reach = []
        for axis in (0, 1):
            stride, pad = self.window.stride[axis], self.window.pad[axis]
            before = (self.window.reach[axis] - 1 - pad) // stride
            after = (self.shape[axis + 1] - 1 + pad) // stride - (self.out[axis + 1] - 1)
            reach.append(max(before, after, 0))
        return reach[0], reach[1]


class PoolingPrograms:
    """Forward and back of one maximum pooling without padding, for images of one shape and dtype.

    Back, the winners are looked for again: that is cheaper than to carry them.

    Raises:
        ShapeError: the window does not fit the images.
    """

    def __init__(self, shape: Shape, window: Window, dtype: np.dtype[Any]) -> None:
        self.key = (shape, window, dtype)
        self.dtype = dtype
        lanes = native.lanes(dtype)
        self.pixel = -(-shape[0] // lanes) * lanes
        self.shape = shape
        self.out = (shape[0], *window.output_size("Pooling", *shape[1:]))
        self._window = window
        self._forward = self._make(back=False)
        self._backward: Any = None

    def forward(self, x: Array) -> tuple[Array, Array]:
        """The images, and x (N, C, H, W) as `backward` takes it."""
        rows = as_rows(x, self.pixel, self.dtype)
        y = np.empty((len(rows), math.prod(self.out[1:]) * self.pixel), self.dtype)
        self._forward.predict([native.source(rows, 1.0)], y, None)
        return as_images(y, self.out, self.pixel), rows

    def backward(self, rows: Array, dout: Array) -> Array:
        """dx (N, C, H, W).

        Raises:
            ShapeError: `dout` is not of the output's shape.
        """
        check_shape("Pooling", dout, (len(rows), *self.out))
        if self._backward is None:
            self._backward = self._make(back=True)
        slopes = as_rows(dout, self.pixel, self.dtype)
        dx = np.empty((len(rows), math.prod(self.shape[1:]) * self.pixel), self.dtype)
        sources = [native.source(rows, 1.0), native.source(slopes, 1.0)]
        self._backward.predict(sources, dx, None)
        return as_images(dx, self.shape, self.pixel)

    def _make(self, back: bool) -> Any:
        slots = Builder(self.dtype, FORWARD_ROWS)
        wide, narrow = (self.pixel, *self.shape[1:]), (self.pixel, *self.out[1:])
        x, _ = slots.image(wide, self.pixel)
        y, _ = slots.image(narrow, self.pixel)
        winner, _ = slots.image(narrow, self.pixel)
        dout, _ = slots.image(narrow, self.pixel)
        dx, _ = slots.image(wide, self.pixel)
        program = slots.start(np.zeros(1, self.dtype), np.zeros(1, self.dtype))
        w = self._window
        pool = (True, wide, self.out[1:], w.size, w.stride, w.pad)
        program.segment(IMAGES)
        program.gather(0, x, True)
        program.pool(*pool, x, y, winner if back else -1)
        if back:
            program.gather(1, dout, True)
            program.pool_back(*pool, dout, dx, winner, -1, 0)
        program.result(dx if back else y)
        return program
