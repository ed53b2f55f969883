"""``common.util``: im2col and its like (chapter 7), and small helpers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerokara._types import Array, Shape
from zerokara.errors import ShapeError
from zerokara.layers.geometry import Window, output_length

__all__ = ["col2im", "conv_output_size", "im2col", "np", "shuffle_dataset", "smooth_curve"]

SMOOTHING = 11
"""How many losses smooth_curve looks at for one point."""


def smooth_curve(x: npt.ArrayLike) -> Array:
    """A loss curve (L,), each point a mean of its neighbours weighted by a Kaiser window.

    The ends are mirrored, so that the result is as long as `x`. L must be 6 or more.

    Raises:
        ShapeError: a shorter curve.
    """
    values = np.asarray(x)
    reach = SMOOTHING // 2
    if values.ndim != 1 or len(values) <= reach:
        raise ShapeError(
            f"smooth_curve: expected {reach + 1} numbers or more in a row, got shape {values.shape}"
        )
    weights = np.kaiser(SMOOTHING, 2)
    # The last number stands twice on the right, the first once on the left.
    before, after = values[reach:0:-1], values[: -reach - 1 : -1]
    return np.convolve(np.concatenate([before, values, after]), weights / weights.sum(), "valid")


def shuffle_dataset(x: Array, t: Array) -> tuple[Array, Array]:
    """Samples and targets in one new random order, drawn from NumPy's global generator."""
    order = np.random.permutation(len(x))
    return x[order], t[order]


def conv_output_size(input_size: int, filter_size: int, stride: int = 1, pad: int = 0) -> int:
    """How many places a filter has along one direction."""
    return output_length(input_size, filter_size, stride, pad)


def im2col(input_data: Array, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Array:
    """Images (N, C, H, W) to a row for each place of the filter: (N OH OW, C filter_h filter_w).

    Floats keep their dtype; all else becomes float64.

    Raises:
        ShapeError: no such images, or smaller than the filter.
    """
    x = np.asarray(input_data)
    if x.ndim != 4:
        raise ShapeError(f"im2col: expected images (N, C, H, W), got shape {x.shape}")
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    window = Window((filter_h, filter_w), (stride, stride), (pad, pad), (1, 1))
    out = window.output_size("im2col", *x.shape[2:])
    columns = window.columns(x, out).transpose(0, 4, 5, 1, 2, 3)
    return columns.reshape(len(x) * out[0] * out[1], -1)


def col2im(
    col: Array, input_shape: Shape, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0
) -> Array:
    """Rows as im2col makes them, added up to images of `input_shape` (N, C, H, W).

    Raises:
        ShapeError: rows that do not come from such images.
    """
    n, channels, height, width = input_shape
    window = Window((filter_h, filter_w), (stride, stride), (pad, pad), (1, 1))
    out = window.output_size("col2im", height, width)
    shape = (n, *out, channels, filter_h, filter_w)
    if np.size(col) != np.prod(shape):
        raise ShapeError(f"col2im: {np.shape(col)} does not fit images of shape {input_shape}")
    columns: Any = np.reshape(col, shape).transpose(0, 3, 4, 5, 1, 2)
    return window.add_columns(columns, height, width)
