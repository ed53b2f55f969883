"""Correlation of images with filters and its two gradients, as matrix products.

y[f, p] = sum over k of W[f, k] columns[k, p], where p is a place of the window on one of the images
and k one of its entries in one channel. With groups, each group of filters sees its own channels
alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zerokara._types import Array
from zerokara.layers.geometry import Pair, Window

BLOCK_BYTES = 2**23
"""The columns of so many images are made at a time; all of them would not fit into any cache."""


def correlate(x: Array, W: Array, window: Window, groups: int, out: Pair) -> Array:
    """Images (N, C, H, W) and filters (F, C / groups, KH, KW) to (N, F, OH, OW)."""
    y = np.empty((len(x), len(W), *out), np.result_type(x, W))
    matrix = _matrix(W, groups)
    for block in _blocks(len(x), x.shape[1], window, out, y.itemsize):
        part = np.matmul(matrix, _columns(x[block], window, groups, out))
        y[block] = part.reshape(len(W), -1, *out).swapaxes(0, 1)
    return y


def correlate_back(
    dout: Array, W: Array, window: Window, groups: int, height: int, width: int
) -> Array:
    """The gradient of the images (N, C, height, width), given that of the output."""
    channels = W.shape[1] * groups
    out = (dout.shape[2], dout.shape[3])
    dx = np.empty((len(dout), channels, height, width), np.result_type(dout, W))
    matrix = _matrix(W, groups).swapaxes(-1, -2)
    for block in _blocks(len(dout), channels, window, out, dx.itemsize):
        columns = np.matmul(matrix, _places(dout[block], groups))
        columns = columns.reshape(channels, *window.size, -1, *out)
        dx[block] = window.add_columns(columns.transpose(3, 0, 1, 2, 4, 5), height, width)
    return dx


def filter_gradient(x: Array, dout: Array, window: Window, groups: int) -> Array:
    """The gradient of the filters (F, C / groups, KH, KW), given images and output gradient."""
    out = (dout.shape[2], dout.shape[3])
    channels, filters = x.shape[1] // groups, dout.shape[1]
    entries = channels * window.size[0] * window.size[1]
    dW = np.zeros((groups, filters // groups, entries), np.result_type(x, dout))
    for block in _blocks(len(x), x.shape[1], window, out, dW.itemsize):
        columns = _columns(x[block], window, groups, out)
        dW += np.matmul(_places(dout[block], groups), columns.swapaxes(-1, -2))
    return dW.reshape(filters, channels, *window.size)


def _matrix(W: Array, groups: int) -> Array:
    """Filters as (groups, filters of one, entries)."""
    return W.reshape(groups, len(W) // groups, W[0].size)


def _places(dout: Array, groups: int) -> Array:
    """An output's gradient as (groups, filters of one, places in all images)."""
    n, filters, oh, ow = dout.shape
    return dout.swapaxes(0, 1).reshape(groups, filters // groups, n * oh * ow)


def _columns(x: Array, window: Window, groups: int, out: Pair) -> Array:
    """What the window sees as (groups, entries, places in all images): the copy of im2col."""
    entries = x.shape[1] // groups * window.size[0] * window.size[1]
    seen = window.columns(x, out).transpose(1, 2, 3, 0, 4, 5)
    return seen.reshape(groups, entries, len(x) * out[0] * out[1])


def _blocks(count: int, channels: int, window: Window, out: Pair, itemsize: int) -> Iterator[slice]:
    each = channels * window.size[0] * window.size[1] * out[0] * out[1] * itemsize
    step = max(BLOCK_BYTES // each, 1)
    return (slice(start, start + step) for start in range(0, count, step))
