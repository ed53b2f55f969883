"""Data as the native core takes it: rows of uint8 or floats, and targets beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerokara import native
from zerokara._types import Array
from zerokara.data.pixels import Pixels
from zerokara.layers import SoftmaxWithLoss
from zerokara.network import Network

_DRAWN = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))


def source(values: Array | Pixels, dtype: np.dtype[Any]) -> Any:
    """A native source of rows; arrays that it can read are not copied."""
    scale = 1.0
    if isinstance(values, Pixels):
        # A float64 network takes the float32 numbers that everyone else sees, not finer ones.
        fine = dtype == np.float32
        values, scale = (values.values, values.scale) if fine else (np.asarray(values), 1.0)
    if values.dtype not in _DRAWN or not values.dtype.isnative:
        values = values.astype(dtype)
    return native.source(_rows(values), scale)


def targets(net: Network, t: Array) -> tuple[Array | None, Array | None]:
    """Labels, or rows of numbers; one of the two is None."""
    if isinstance(net.loss_layer, SoftmaxWithLoss) and t.ndim == 1:
        return np.require(t, np.int64, ["C", "A"]), None
    return None, np.require(t.reshape(len(t), -1), net.dtype, ["C", "A"])


def _rows(values: Array) -> Array:
    """(N, ...) as (N, columns) with the numbers of a row side by side."""
    flat = values.reshape(len(values), -1) if len(values) else values.reshape(0, 1)
    beside = flat.shape[1] < 2 or flat.strides[1] == flat.itemsize
    apart = flat.shape[0] < 2 or flat.strides[0] % flat.itemsize == 0
    if beside and apart and flat.flags.aligned:
        return flat
    # ascontiguousarray would hand back an array that lies askew.
    return np.require(flat, requirements=["C", "A"])
