"""Pooling (the book's 7.3): a window of an image becomes one number, channel by channel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError
from zerokara.layers.base import Layer
from zerokara.layers.geometry import (
    Pair,
    Sizes,
    Window,
    check_image_shape,
    check_images,
    pair,
    plain,
)


class Pool(Layer):
    """What both poolings share: the window and its geometry."""

    def __init__(self, size: Sizes, stride: Sizes | None = None, pad: Sizes = 0) -> None:
        super().__init__()
        name = type(self).__name__
        self.window = Window(
            pair(name, "size", size, 1),
            pair(name, "stride", size if stride is None else stride, 1),
            pair(name, "pad", pad, 0),
        )
        if any(p >= k for p, k in zip(self.window.pad, self.window.size, strict=True)):
            raise ArgumentError(
                f"{name}: pad must be below the size {size!r}, got {pad!r}; else a window would "
                "lie in padding alone"
            )

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        channels, height, width = check_image_shape(repr(self), input_shape)
        return (channels, *self.window.output_size(repr(self), height, width))

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"size": plain(self.window.size)}
        if self.window.stride != self.window.size:
            config["stride"] = plain(self.window.stride)
        if any(self.window.pad):
            config["pad"] = plain(self.window.pad)
        return config

    def _output_size(self, x: Array) -> Pair:
        check_images(repr(self), x)
        return self.window.output_size(repr(self), *x.shape[2:])


class MaxPool(Pool):
    """The greatest number in each window; its gradient goes to that number alone.

    Images (N, C, H, W) become (N, C, OH, OW). Of equal numbers the first counts, row by row, and
    NaN counts as the greatest. Padding never wins, not even over -inf.

    Args:
        size: of the window, a number or (height, width).
        stride: how far it moves; None: by its own size, so that windows do not overlap.
        pad: rows and columns around the image, fewer than the window has: no window may lie in
            padding alone.

    Raises:
        ArgumentError: a number out of range.
    """

    def forward(self, x: Array, *, training: bool = False) -> Array:
        out = self._output_size(x)
        padded = self.window.padded(x, -np.inf)
        y = np.full((*x.shape[:2], *out), -np.inf, x.dtype)
        winner = np.empty(y.shape, np.int32)
        winner[...] = self._first_inside(out)
        for k, (rows, columns) in enumerate(self.window.places(out)):
            entry = padded[:, :, rows, columns]
            # Not entry > y, which NaN would lose; y == y keeps the first NaN.
            better = ~(entry <= y) & (y == y)
            np.copyto(y, entry, where=better)
            np.copyto(winner, k, where=better)
        self._keep((winner, x.shape))
        return y

    def backward(self, dout: Array) -> Array:
        winner, (n, c, height, width) = self._kept()
        ph, pw = self.window.pad
        dx = np.zeros((n, c, height + 2 * ph, width + 2 * pw), dout.dtype)
        for k, (rows, columns) in enumerate(self.window.places(dout.shape[2:])):
            dx[:, :, rows, columns] += np.where(winner == k, dout, dout.dtype.type(0))
        return np.ascontiguousarray(self.window.unpadded(dx))

    def _first_inside(self, out: Pair) -> npt.NDArray[np.int64]:
        """For each place of the window, its first entry that is not padding, (OH, OW)."""
        row, column = (
            np.maximum(pad - np.arange(count) * stride, 0)
            for pad, count, stride in zip(self.window.pad, out, self.window.stride, strict=True)
        )
        return np.asarray(row[:, np.newaxis] * self.window.size[1] + column)


class AveragePool(Pool):
    """The mean of each window; the gradient goes to all of its numbers in equal parts.

    Images (N, C, H, W) become (N, C, OH, OW). Padding counts as zeros: every window is divided by
    its whole size, also at the border.

    Args:
        size: of the window, a number or (height, width).
        stride: how far it moves; None: by its own size, so that windows do not overlap.
        pad: rows and columns around the image, fewer than the window has: no window may lie in
            padding alone.

    Raises:
        ArgumentError: a number out of range.
    """

    def forward(self, x: Array, *, training: bool = False) -> Array:
        out = self._output_size(x)
        padded = self.window.padded(x)
        total = np.zeros((*x.shape[:2], *out), x.dtype)
        for rows, columns in self.window.places(out):
            total += padded[:, :, rows, columns]
        self._keep(x.shape)
        return np.asarray(total / x.dtype.type(math.prod(self.window.size)))

    def backward(self, dout: Array) -> Array:
        n, c, height, width = self._kept()
        ph, pw = self.window.pad
        share = dout / dout.dtype.type(math.prod(self.window.size))
        dx = np.zeros((n, c, height + 2 * ph, width + 2 * pw), dout.dtype)
        for rows, columns in self.window.places(dout.shape[2:]):
            dx[:, :, rows, columns] += share
        return np.ascontiguousarray(self.window.unpadded(dx))


class GlobalAveragePool(Layer):
    """The mean of each channel: images (N, C, H, W) become (N, C) (Lin et al. 2014)."""

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        return check_image_shape(repr(self), input_shape)[:1]

    def forward(self, x: Array, *, training: bool = False) -> Array:
        check_images(repr(self), x)
        self._keep(x.shape)
        return np.asarray(x.mean(axis=(2, 3)))

    def backward(self, dout: Array) -> Array:
        shape: Shape = self._kept()
        share = dout / dout.dtype.type(math.prod(shape[2:]))
        return np.array(np.broadcast_to(share[:, :, np.newaxis, np.newaxis], shape))
