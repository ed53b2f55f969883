"""Convolution (the book's chapter 7) and its transpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, ShapeError
from zerokara.initializers import Initializer
from zerokara.layers.correlation import correlate, correlate_back, filter_gradient
from zerokara.layers.filters import FilterLayer
from zerokara.layers.geometry import (
    Pair,
    Sizes,
    Window,
    check_image_shape,
    check_images,
    input_length,
    pair,
    plain,
)


class Convolution(FilterLayer):
    """y[n, f] = sum over channels c of x[n, c] correlated with W[f, c], plus b[f].

    Images (N, C, H, W) become (N, filters, OH, OW), OH = (H + 2 pad - reach) / stride + 1 rounded
    down, reach = dilation (size - 1) + 1. Parameters: W of shape
    (filters, C / groups, KH, KW) and b of shape (filters,), which starts at 0.

    Args:
        filters: how many; the channels are inferred when a network is built.
        size, stride, pad, dilation: a number, or (height, width). The padding is zeros.
        groups: into how many parts channels and filters are split; each filter sees the channels
            of its own part. With as many groups as channels, a depthwise convolution.
        init: initial weights, as for `Affine`; fan-in is C / groups * KH * KW.

    Raises:
        ArgumentError: a number out of range, filters that groups do not divide, an unknown `init`.
    """

    def __init__(
        self,
        filters: int,
        size: Sizes,
        stride: Sizes = 1,
        pad: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        init: str | float | Initializer | None = None,
    ) -> None:
        name = "Convolution"
        window = Window(
            pair(name, "size", size, 1),
            pair(name, "stride", stride, 1),
            pair(name, "pad", pad, 0),
            pair(name, "dilation", dilation, 1),
        )
        super().__init__(filters, window, init)
        if groups < 1 or filters % groups:
            raise ArgumentError(
                f"{name}: groups must be 1 or more and divide the {filters} filters, got {groups}"
            )
        self.groups = int(groups)

    @classmethod
    def from_arrays(
        cls,
        W: Array,
        b: Array,
        stride: Sizes = 1,
        pad: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
    ) -> Convolution:
        """A layer around float arrays W (filters, C / groups, KH, KW) and b (filters,).

        The arrays are shared, not copied, until the layer becomes part of a network.
        """
        W, b = np.asarray(W), np.asarray(b)
        if W.ndim != 4 or not W.size:
            raise ShapeError(
                "Convolution.from_arrays: expected W of shape (filters, channels / groups, "
                f"height, width), got {W.shape}"
            )
        layer = cls(len(W), W.shape[2:], stride, pad, dilation, groups)
        layer._adopt_arrays(W, b, layer.filters)
        return layer

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        channels, height, width = check_image_shape(repr(self), input_shape)
        out = self.window.output_size(repr(self), height, width)
        if channels % self.groups:
            raise ShapeError(
                f"{self!r}: images of shape {input_shape} have {channels} channels, which "
                f"{self.groups} groups do not divide"
            )
        if "W" in self.params:
            self._check_channels(input_shape, channels, self.W.shape[1] * self.groups)
        else:
            area = math.prod(self.window.size)
            fans = (channels // self.groups * area, self.filters // self.groups * area)
            shape = (self.filters, channels // self.groups, *self.window.size)
            self._draw(fans, shape, self.filters, rng, dtype)
        return (self.filters, *out)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        check_images(repr(self), x)
        self._check_channels(x.shape, x.shape[1], self.W.shape[1] * self.groups)
        out = self.window.output_size(repr(self), *x.shape[2:])
        self._keep(x)
        y = correlate(x, self.W, self.window, self.groups, out)
        y += self.b[:, np.newaxis, np.newaxis]
        return y

    def backward(self, dout: Array) -> Array:
        x: Array = self._kept()
        self.grads["W"] = filter_gradient(x, dout, self.window, self.groups)
        self.grads["b"] = dout.sum(axis=(0, 2, 3))
        return correlate_back(dout, self.W, self.window, self.groups, *x.shape[2:])

    def multiply_adds(self, input_shape: Shape, output_shape: Shape) -> int:
        """One for each entry of W at each place of the output; those on padding count too."""
        return math.prod(output_shape) * input_shape[0] // self.groups * math.prod(self.window.size)

    def config(self) -> dict[str, Any]:
        return super().config() | ({"groups": self.groups} if self.groups > 1 else {})


class ConvTranspose(FilterLayer):
    """Convolution turned round: each number of the image paints W, scaled, onto a larger one.

    Exactly the gradient of a Convolution with these arguments by its images, plus b. Images
    (N, C, H, W) become (N, filters, OH, OW), OH = (H - 1) stride - 2 pad + KH + output_pad.
    Parameters: W of shape (C, filters, KH, KW), as that Convolution has it, and b (filters,).
    Zeiler et al. 2010, "Deconvolutional networks".

    Args:
        filters: channels of the output.
        size, stride, pad: of the Convolution that is turned round; a number or (height, width).
        output_pad: rows and columns more at the end, below the stride: which of the sizes that
            the Convolution takes to (H, W) comes out.
        init: initial weights, as for `Affine`; fan-in is what reaches one number of the output,
            C * KH * KW / stride**2.

    Raises:
        ArgumentError: a number out of range, an unknown `init`.
    """

    def __init__(
        self,
        filters: int,
        size: Sizes,
        stride: Sizes = 1,
        pad: Sizes = 0,
        output_pad: Sizes = 0,
        init: str | float | Initializer | None = None,
    ) -> None:
        name = "ConvTranspose"
        window = Window(
            pair(name, "size", size, 1), pair(name, "stride", stride, 1), pair(name, "pad", pad, 0)
        )
        super().__init__(filters, window, init)
        self.output_pad = pair(name, "output_pad", output_pad, 0)
        if any(more >= step for more, step in zip(self.output_pad, window.stride, strict=True)):
            raise ArgumentError(
                f"{name}: output_pad must be below the stride {stride!r}, got {output_pad!r}"
            )

    @classmethod
    def from_arrays(
        cls, W: Array, b: Array, stride: Sizes = 1, pad: Sizes = 0, output_pad: Sizes = 0
    ) -> ConvTranspose:
        """A layer around float arrays W (C, filters, KH, KW) and b (filters,), which are shared."""
        W, b = np.asarray(W), np.asarray(b)
        if W.ndim != 4 or not W.size:
            raise ShapeError(
                "ConvTranspose.from_arrays: expected W of shape (channels, filters, height, "
                f"width), got {W.shape}"
            )
        layer = cls(W.shape[1], W.shape[2:], stride, pad, output_pad)
        layer._adopt_arrays(W, b, layer.filters)
        return layer

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: npt.DTypeLike) -> Shape:
        channels, height, width = check_image_shape(repr(self), input_shape)
        out = self._output_size(height, width)
        if "W" in self.params:
            self._check_channels(input_shape, channels, len(self.W))
        else:
            area = math.prod(self.window.size)
            reaching = max(channels * area // math.prod(self.window.stride), 1)
            shape = (channels, self.filters, *self.window.size)
            self._draw((reaching, self.filters * area), shape, self.filters, rng, dtype)
        return (self.filters, *out)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        check_images(repr(self), x)
        self._check_channels(x.shape, x.shape[1], len(self.W))
        out = self._output_size(*x.shape[2:])
        self._keep(x)
        y = correlate_back(x, self.W, self.window, 1, *out)
        y += self.b[:, np.newaxis, np.newaxis]
        return y

    def backward(self, dout: Array) -> Array:
        x: Array = self._kept()
        self.grads["W"] = filter_gradient(dout, x, self.window, 1)
        self.grads["b"] = dout.sum(axis=(0, 2, 3))
        return correlate(dout, self.W, self.window, 1, (x.shape[2], x.shape[3]))

    def multiply_adds(self, input_shape: Shape, output_shape: Shape) -> int:
        """One for each entry of W at each place of the input; those that fall outside count too."""
        return math.prod(input_shape) * self.filters * math.prod(self.window.size)

    def config(self) -> dict[str, Any]:
        more = {"output_pad": plain(self.output_pad)} if any(self.output_pad) else {}
        return super().config() | more

    def _output_size(self, height: int, width: int) -> Pair:
        out = tuple(
            input_length(*numbers)
            for numbers in zip(
                (height, width),
                self.window.size,
                self.window.stride,
                self.window.pad,
                self.output_pad,
                strict=True,
            )
        )
        if min(out) < 1:
            raise ShapeError(
                f"{self!r}: an image of {(height, width)} would become one of {out}; "
                "take less padding or larger images"
            )
        return out[0], out[1]
