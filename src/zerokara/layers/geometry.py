"""Windows over images: the one place that says how large outputs are and where windows lie.

Convolution, its transpose and both poolings look at an image through the same window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from zerokara._types import Array, Shape
from zerokara.errors import ArgumentError, DtypeError, ShapeError

Pair: TypeAlias = tuple[int, int]
Sizes: TypeAlias = int | Sequence[int]
"""One number for both directions, or (height, width)."""


@dataclass(frozen=True)
class Window:
    """A window of size (KH, KW) that moves over images (N, C, H, W) in steps of `stride`.

    Its entries lie `dilation` apart; around the image stand `pad` rows and columns on every side.
    Each attribute is (height, width).
    """

    size: Pair
    stride: Pair = (1, 1)
    pad: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def output_size(self, who: str, height: int, width: int) -> Pair:
        """(OH, OW): at how many places the window stands on an image of that size.

        Raises:
            ShapeError: at none; `who` says whose window it is.
        """
        out = tuple(
            output_length(length, *numbers)
            for length, *numbers in zip(
                (height, width), self.size, self.stride, self.pad, self.dilation, strict=True
            )
        )
        if min(out) < 1:
            raise ShapeError(
                f"{who}: a window that reaches over {self.reach} does not fit an image of "
                f"{(height, width)} with padding {self.pad}; take a smaller window, more padding "
                "or larger images"
            )
        return out[0], out[1]

    @property
    def reach(self) -> Pair:
        """How many rows and columns lie between its first and its last entry, these included."""
        (kh, kw), (dh, dw) = self.size, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    def padded(self, x: Array, fill: float = 0.0) -> Array:
        """`x` with its padding around it; `x` itself where there is none."""
        if self.pad == (0, 0):
            return x
        n, c, height, width = x.shape
        ph, pw = self.pad
        out = np.full((n, c, height + 2 * ph, width + 2 * pw), fill, x.dtype)
        out[:, :, ph : ph + height, pw : pw + width] = x
        return out

    def unpadded(self, x: Array) -> Array:
        """The image inside a padded one."""
        ph, pw = self.pad
        return x[:, :, ph : x.shape[2] - ph, pw : x.shape[3] - pw]

    def places(self, out: Pair) -> Iterator[tuple[slice, slice]]:
        """For each window entry, row by row, its rows and columns in the padded image.

        Each pair of slices picks (OH, OW) numbers: that entry, for every place of the window.
        """
        (kh, kw), (sh, sw), (dh, dw) = self.size, self.stride, self.dilation
        for i in range(kh):
            for j in range(kw):
                rows = slice(i * dh, i * dh + (out[0] - 1) * sh + 1, sh)
                columns = slice(j * dw, j * dw + (out[1] - 1) * sw + 1, sw)
                yield rows, columns

    def columns(self, x: Array, out: Pair) -> Array:
        """im2col (book 7.4.3): what the window sees, (N, C, KH, KW, OH, OW), as a read-only view.

        A view of the padded image: nothing is copied until it is reshaped.
        """
        x = self.padded(x)
        sn, sc, sy, sx = x.strides
        (dh, dw), (sh, sw) = self.dilation, self.stride
        return np.lib.stride_tricks.as_strided(
            x,
            (*x.shape[:2], *self.size, *out),
            (sn, sc, dh * sy, dw * sx, sh * sy, sw * sx),
            writeable=False,
        )

    def add_columns(self, columns: Array, height: int, width: int) -> Array:
        """col2im: an image (N, C, height, width) that sums up what each window entry gives.

        The transpose of `columns`, so what falls on the padding is dropped.
        """
        (n, c), out = columns.shape[:2], columns.shape[4:]
        ph, pw = self.pad
        x = np.zeros((n, c, height + 2 * ph, width + 2 * pw), columns.dtype)
        for k, (rows, cols) in enumerate(self.places((out[0], out[1]))):
            x[:, :, rows, cols] += columns[:, :, k // self.size[1], k % self.size[1]]
        return self.unpadded(x)


def output_length(length: int, size: int, stride: int, pad: int, dilation: int = 1) -> int:
    """How many times a window fits along one direction (book 7.2.4); 0 or less where it does not.

    (length + 2 pad - reach) / stride + 1, rounded down, with reach = dilation (size - 1) + 1.
    """
    return (length + 2 * pad - dilation * (size - 1) - 1) // stride + 1


def input_length(out: int, size: int, stride: int, pad: int, output_pad: int) -> int:
    """The length that a window with so many places came from, for ConvTranspose.

    A stride forgets up to stride - 1 entries at the end: `output_pad` says how many.
    """
    return (out - 1) * stride - 2 * pad + size + output_pad


def pair(who: str, name: str, value: Sizes, least: int) -> Pair:
    """(height, width) of an argument that may be one number for both.

    Raises:
        ArgumentError: neither a whole number nor two, or one below `least`.
    """
    both = (value, value) if isinstance(value, (int, np.integer)) else value
    if (
        isinstance(both, (str, bytes))
        or not isinstance(both, Sequence)
        or len(both) != 2
        or not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in both)
    ):
        raise ArgumentError(
            f"{who}: {name} must be a whole number or (height, width), got {value!r}"
        )
    if min(both) < least:
        raise ArgumentError(f"{who}: {name} must be {least} or more, got {value!r}")
    return int(both[0]), int(both[1])


def plain(value: Pair) -> int | list[int]:
    """The shortest form of a pair that JSON can hold."""
    return value[0] if value[0] == value[1] else list(value)


def check_image_shape(who: str, shape: Shape) -> tuple[int, int, int]:
    """(channels, height, width) of one sample.

    Raises:
        ShapeError: another shape; an image of one channel is (1, height, width).
    """
    if len(shape) != 3:
        raise ShapeError(
            f"{who}: takes images of shape (channels, height, width), got {shape}; a grey image "
            "has one channel: (1, height, width)"
        )
    return shape[0], shape[1], shape[2]


def check_images(who: str, x: Array) -> None:
    """Refuse what is no batch of images.

    Raises:
        ShapeError: not (N, channels, height, width).
        DtypeError: no floats.
    """
    if x.ndim != 4:
        raise ShapeError(f"{who}: takes images (N, channels, height, width), got shape {x.shape}")
    if x.dtype.kind != "f":
        raise DtypeError(f"{who}: takes float images, got dtype {x.dtype}")
