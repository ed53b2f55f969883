"""Operators on images (N, C, H, W)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerokara import layers
from zerokara._types import Array
from zerokara.errors import ModelFileError
from zerokara.interop.onnx.ops_rows import Reader
from zerokara.interop.onnx.reading import Op
from zerokara.interop.onnx.tensors import LARGEST
from zerokara.interop.onnx.values import Value, Values
from zerokara.layers.geometry import Pair

MOST = 2**16
"""No window is larger, moves further or is padded by more."""


def conv(values: Values, op: Op) -> Value:
    value, W = values.value(op), values.constant(op, 1)
    if W.ndim != 4:
        raise ModelFileError(
            f"weights of shape {W.shape}; zerokara convolves over height and width"
        )
    size = _size(op, W)
    stride, dilation = _pair(op, "strides", 1), _pair(op, "dilations", 1)
    channels, height, width = _image(value)
    groups = op.attributes.get("group", 1)
    if groups < 1 or W.shape[1] * groups != channels:
        raise ModelFileError(
            f"weights of shape {W.shape} in {groups} groups do not fit {channels} channels"
        )
    begin, end = _pads(op, (height, width), size, stride, dilation)
    pad = (max(begin[0], end[0]), max(begin[1], end[1]))
    _check_room(channels, height, width, pad)
    if begin != end:
        W = _one_sided(values, W, begin, end, pad, dilation)
    bias = values.optional(op, 2)
    b = np.zeros(len(W), values.dtype) if bias is None else values.weights(bias, len(W))
    layer = layers.Convolution.from_arrays(values.weights(W), b, stride, pad, dilation, groups)
    out = layer.window.output_size("Conv", height, width)
    return values.made(layer, values.plain(value), (layer.filters, *out))


def conv_transpose(values: Values, op: Op) -> Value:
    value, W = values.value(op), values.constant(op, 1)
    if W.ndim != 4:
        raise ModelFileError(
            f"weights of shape {W.shape}; zerokara convolves over height and width"
        )
    size = _size(op, W)
    stride, more = _pair(op, "strides", 1), _pair(op, "output_padding", 0)
    plain = op.attributes.get("auto_pad", "NOTSET") == "NOTSET"
    if op.attributes.get("group", 1) != 1 or _pair(op, "dilations", 1) != (1, 1) or not plain:
        raise ModelFileError("groups, dilations and auto_pad are not in zerokara's ConvTranspose")
    channels, height, width = _image(value)
    begin, end = _pads(op, (height, width), size, stride, (1, 1))
    if begin != end or "output_shape" in op.attributes:
        raise ModelFileError("pads that differ between two sides, and output_shape, are not read")
    if channels != len(W):
        raise ModelFileError(f"weights of shape {W.shape} do not fit {channels} channels")
    bias = values.optional(op, 2)
    filters = W.shape[1]
    b = np.zeros(filters, values.dtype) if bias is None else values.weights(bias, filters)
    layer = layers.ConvTranspose.from_arrays(values.weights(W), b, stride, begin, more)
    rows, columns = (
        (n - 1) * s - 2 * p + k + o
        for n, s, p, k, o in zip((height, width), stride, begin, size, more, strict=True)
    )
    return values.made(layer, values.plain(value), (filters, rows, columns))


def max_pool(values: Values, op: Op) -> Value:
    if len(op.outputs) > 1 and op.outputs[1]:
        raise ModelFileError("its second output, the places of the greatest, is not read")
    return _pool(values, op, layers.MaxPool)


def average_pool(values: Values, op: Op) -> Value:
    return _pool(values, op, layers.AveragePool)


def global_average_pool(values: Values, op: Op) -> Value:
    value = values.value(op)
    channels, _, _ = _image(value)
    made = values.made(layers.GlobalAveragePool(), values.plain(value), (channels,))
    return Value(made.node, made.shape, (channels, 1, 1))


def global_max_pool(values: Values, op: Op) -> Value:
    value = values.value(op)
    channels, height, width = _image(value)
    return values.made(layers.MaxPool((height, width)), values.plain(value), (channels, 1, 1))


def reduce_mean(values: Values, op: Op) -> Value:
    """The mean over height and width."""
    value = values.value(op)
    axes = op.attributes.get("axes")
    if axes is None:
        found = values.optional(op, 1)
        axes = [] if found is None else [int(axis) for axis in found.reshape(-1)]
    rank = len(value.view) + 1
    if rank != 4 or sorted(axis % rank for axis in axes) != [2, 3]:
        raise ModelFileError(
            f"a mean over axes {axes} of {rank}; zerokara has that over height and width of images "
            "(a LayerNormalization is one operator from opset 17 on)"
        )
    pooled = global_average_pool(values, op)
    return (
        pooled
        if op.attributes.get("keepdims", 1)
        else Value(pooled.node, pooled.shape, pooled.shape)
    )


def _pool(values: Values, op: Op, kind: type[layers.MaxPool] | type[layers.AveragePool]) -> Value:
    value = values.value(op)
    channels, height, width = _image(value)
    size = _pair(op, "kernel_shape", 0)
    if min(size) < 1:
        raise ModelFileError("lacks its kernel_shape")
    stride = _pair(op, "strides", 1)
    if _pair(op, "dilations", 1) != (1, 1):
        raise ModelFileError("a pooling window with gaps is not in zerokara")
    begin, end = _pads(op, (height, width), size, stride, (1, 1))
    layer = kind(size, stride, begin)
    out = layer.window.output_size(op.kind, height, width)
    wanted = _pool_out(op, (height, width), size, stride, begin, end)
    # Padding at the end that no window reaches changes nothing.
    if wanted != out:
        raise ModelFileError(
            f"pads {[*begin, *end]} and ceil_mode give images of {wanted}, with zerokara's equal "
            f"padding they would be {out}"
        )
    counted = op.attributes.get("count_include_pad", 0)
    if kind is layers.AveragePool and (any(begin) or any(end)) and not counted:
        raise ModelFileError("count_include_pad=0: zerokara's AveragePool counts padding as zeros")
    _check_room(channels, height, width, begin)
    return values.made(layer, values.plain(value), (channels, *out))


def _pool_out(
    op: Op, image: Pair, size: Pair, stride: Pair, begin: Pair, end: Pair
) -> tuple[int, ...]:
    up = bool(op.attributes.get("ceil_mode", 0))
    out = []
    for n, k, s, a, b in zip(image, size, stride, begin, end, strict=True):
        free = n + a + b - k
        count = -(-free // s) + 1 if up else free // s + 1
        # A window that would begin behind the image is left out.
        out.append(count - 1 if up and (count - 1) * s >= n + a else count)
    return tuple(out)


def _one_sided(
    values: Values, W: Array, begin: Pair, end: Pair, pad: Pair, dilation: Pair
) -> Array:
    """Filters with zeros around, so that equal padding on both sides gives the same."""
    widths = [(0, 0), (0, 0)]
    for a, b, p, d in zip(begin, end, pad, dilation, strict=True):
        if (p - a) % d or (p - b) % d:
            raise ModelFileError(f"pads {[*begin, *end]} that differ between two sides")
        widths.append(((p - a) // d, (p - b) // d))
    rows, columns = (W.shape[i + 2] + sum(widths[i + 2]) for i in range(2))
    values.room_for(W.shape[0] * W.shape[1] * rows * columns)
    return np.pad(W, widths)


def _pads(op: Op, image: Pair, size: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """Padding before and after, (height, width) each."""
    auto = op.attributes.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID", ""):
        given = op.attributes.get("pads") if auto != "VALID" else None
        numbers = _numbers(op, "pads", given or [0] * 4, 4, 0)
        return (numbers[0], numbers[1]), (numbers[2], numbers[3])
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise ModelFileError(f"auto_pad {auto!r:.40} is unknown")
    begin, end = [], []
    for n, k, s, d in zip(image, size, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        less, more = total // 2, total - total // 2
        begin.append(less if auto == "SAME_UPPER" else more)
        end.append(more if auto == "SAME_UPPER" else less)
    return (begin[0], begin[1]), (end[0], end[1])


def _size(op: Op, W: Array) -> Pair:
    size = (W.shape[2], W.shape[3])
    if _pair(op, "kernel_shape", 0) not in ((0, 0), size) or max(size) > MOST or not W.size:
        raise ModelFileError(f"kernel_shape does not fit weights of shape {W.shape}")
    return size


def _image(value: Value) -> tuple[int, int, int]:
    if len(value.view) != 3:
        raise ModelFileError(
            f"takes images (N, channels, height, width), and gets samples of shape {value.view}"
        )
    return value.view[0], value.view[1], value.view[2]


def _pair(op: Op, name: str, usual: int) -> Pair:
    given = op.attributes.get(name)
    numbers = _numbers(op, name, [usual] * 2 if given is None else given, 2, min(usual, 1))
    return numbers[0], numbers[1]


def _numbers(op: Op, name: str, given: Any, count: int, least: int) -> list[int]:
    fits = isinstance(given, list) and len(given) == count
    if not fits or not all(least <= each <= MOST for each in given):
        raise ModelFileError(
            f"{name} must be {count} numbers from {least} to {MOST}, got {given!s:.80}"
        )
    return [int(each) for each in given]


def _check_room(channels: int, height: int, width: int, pad: Pair) -> None:
    size = math.prod((channels, height + 2 * pad[0], width + 2 * pad[1]))
    if size > LARGEST:
        raise ModelFileError(f"a padded sample of {size:,} numbers is larger than any may be")


READERS: dict[str, Reader] = {
    "AveragePool": average_pool,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "MaxPool": max_pool,
    "ReduceMean": reduce_mean,
}
