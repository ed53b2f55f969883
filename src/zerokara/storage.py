"""One contiguous buffer for all parameters of a network and one for all gradients.

An optimizer is then one call, a checkpoint one write, a sum over machines one message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.layers import Layer

ALIGNMENT = 64
"""Bytes; a cache line, and the width of the widest vector register."""


def aligned_zeros(size: int, dtype: np.dtype[Any]) -> Array:
    """A vector of zeros whose first byte lies on a cache line."""
    raw = np.zeros(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)


def move_to_buffers(layers: Iterable[Layer], dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Copy every layer's parameters and gradients into two buffers and leave views behind."""
    layers = list(layers)
    total = sum(array.size for layer in layers for array in layer.params.values())
    params, grads = aligned_zeros(total, dtype), aligned_zeros(total, dtype)
    start = 0
    for layer in layers:
        for key, array in layer.params.items():
            place = slice(start, start + array.size)
            params[place] = array.ravel()
            grads[place] = layer.grads[key].ravel()
            layer.params.bind(key, params[place].reshape(array.shape))
            layer.grads.bind(key, grads[place].reshape(array.shape))
            start += array.size
    return params, grads
