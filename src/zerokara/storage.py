"""One contiguous buffer for all parameters of a network and one for all gradients.

An optimizer is then one call, a checkpoint one write, a sum over machines one message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from zerokara._arrays import aligned_zeros
from zerokara._types import Array
from zerokara.layers import Layer


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
