"""Operators of fully connected networks, and activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from zerokara import layers
from zerokara._types import Array
from zerokara.errors import ModelFileError
from zerokara.interop.onnx.reading import Op
from zerokara.interop.onnx.values import Known, Value, Values
from zerokara.layers import Layer

Reader: TypeAlias = Callable[[Values, Op], Known]


def affine(values: Values, value: Value, W: Array, b: Array | None) -> Value:
    """An Affine of W (inputs, outputs), whose rows stand as the file orders its inputs."""
    if len(value.view) != 1:
        raise ModelFileError(f"takes rows (N, inputs), and gets samples of shape {value.view}")
    if W.ndim != 2 or W.shape[0] != value.view[0]:
        raise ModelFileError(f"weights of shape {W.shape} do not fit {value.view[0]} inputs")
    W = values.weights(W)
    if value.order is not None:
        ours = np.empty_like(W)
        ours[value.order] = W
        W = ours
    zeros = np.zeros(W.shape[1], values.dtype)
    layer = layers.Affine.from_arrays(W, zeros if b is None else values.weights(b))
    node = value.node if value.shape else values.plain(value)
    return values.made(layer, node, (layer.outputs,))


def gemm(values: Values, op: Op) -> Value:
    value, W, b = values.value(op), values.constant(op, 1), values.optional(op, 2)
    given = op.attributes
    if given.get("transA", 0):
        raise ModelFileError("transA=1 mixes the samples of a batch")
    if W.ndim != 2:
        raise ModelFileError(f"weights must have two axes, got shape {W.shape}")
    W = W.T if given.get("transB", 0) else W
    W = _scaled(W, given.get("alpha", 1.0))
    if b is not None:
        b = _row(_scaled(b, given.get("beta", 1.0)), W.shape[1])
    return affine(values, value, W, b)


def mat_mul(values: Values, op: Op) -> Value:
    return affine(values, values.value(op), values.constant(op, 1), None)


def batch_normalization(values: Values, op: Op) -> Value:
    value = values.value(op)
    if op.attributes.get("training_mode", 0) or not op.attributes.get("spatial", 1):
        raise ModelFileError("only its inference form, by channel, can be read")
    count = value.view[0] if value.view else 0
    arrays = [values.weights(values.constant(op, i), count) for i in range(1, 5)]
    layer = layers.BatchNormalization.from_arrays(*arrays, eps=op.attributes.get("epsilon", 1e-5))
    return values.made(layer, values.plain(value), value.view)


def layer_normalization(values: Values, op: Op) -> Value:
    value, axis = values.value(op), op.attributes.get("axis", -1)
    first = axis - 1 if axis > 0 else len(value.view) + axis
    if axis == 0 or not 0 <= first < len(value.view):
        raise ModelFileError(f"axis {axis} is none of (N, ...) with samples of {value.view}")
    shape = value.view[first:]
    gamma = values.weights(values.constant(op, 1), *shape)
    given = values.optional(op, 2)
    beta = np.zeros_like(gamma) if given is None else values.weights(given, *shape)
    layer = layers.LayerNormalization.from_arrays(
        gamma, beta, eps=op.attributes.get("epsilon", 1e-5)
    )
    return values.made(layer, values.plain(value), value.view)


def softmax(values: Values, op: Op) -> Value:
    value, rank = values.value(op), len(values.value(op).view) + 1
    usual = 1 if values.opset < 13 else -1
    axis = op.attributes.get("axis", usual)
    # Before opset 13 it was taken over all axes from this one on.
    if axis not in (-1, rank - 1) or rank < 2:
        raise ModelFileError(f"axis {axis} is not the last one of (N, ...) with {rank} axes")
    return values.made(layers.Softmax(), values.plain(value), value.view)


def dropout(values: Values, op: Op) -> Value:
    mode = values.optional(op, 2)
    if mode is not None and np.any(mode):
        raise ModelFileError("is in training mode; export the model for inference")
    return values.value(op)


def identity(values: Values, op: Op) -> Known:
    array = values.array(op.inputs[0])
    return values.value(op) if array is None else array


def cast(values: Values, op: Op) -> Known:
    kind = op.attributes.get("to", 0)
    array = values.array(op.inputs[0])
    kinds = {1: np.float32, 10: np.float16, 11: np.float64, 6: np.int32, 7: np.int64}
    if array is not None:
        if kind not in kinds or (array.dtype.kind == "f" and kind in (6, 7)):
            raise ModelFileError(f"casts fixed numbers of {array.dtype} to type {kind}")
        return array.astype(kinds[kind])
    if kind not in (1, 10, 11):
        raise ModelFileError("casts computed values to whole numbers, which no layer does")
    return values.value(op)


def single(make: Callable[[Op], Layer]) -> Reader:
    """An activation: a function of single numbers."""

    def read(values: Values, op: Op) -> Value:
        return values.apply(make(op), values.value(op))

    return read


def clip(values: Values, op: Op) -> Value:
    """max(x, 0), as some write ReLU."""
    ends = [op.attributes.get("min"), op.attributes.get("max")]
    for i in range(2):
        array = values.optional(op, i + 1)
        if array is not None:
            ends[i] = float(array.reshape(-1)[0]) if array.size == 1 else np.nan
    if ends[0] != 0 or ends[1] is not None:
        raise ModelFileError(f"limits {ends[0]} and {ends[1]} are not those of ReLU (0 and none)")
    return values.apply(layers.ReLU(), values.value(op))


def _scaled(array: Array, factor: float) -> Array:
    return array if factor == 1 else array * array.dtype.type(factor)


def _row(b: Array, outputs: int) -> Array:
    """A bias as (outputs,), of what ONNX lets be broadcast to rows."""
    if b.size == 1:
        return np.repeat(b.reshape(1), outputs)
    if b.shape not in ((outputs,), (1, outputs)):
        raise ModelFileError(f"a bias of shape {b.shape} does not fit {outputs} outputs")
    return b.reshape(outputs)


def add_bias(values: Values, value: Value, given: Array) -> Value | None:
    """The value with numbers added in its layer's own bias, or None where they do not fit."""
    layer = value.layer
    if layer is None or value.order is not None or value.view != value.shape:
        return None
    count, extra = len(layer.b), (1,) * (len(value.shape) - 1)
    fitting = {(count, *extra), (1, count, *extra)} | ({(1,), ()} if count == 1 else set())
    if given.shape not in fitting:
        return None
    # A new array: that which is there may lie in the file's own bytes.
    layer.params.bind("b", layer.b + values.weights(given.reshape(-1)))
    return replace(value, layer=None)


READERS: dict[str, Reader] = {
    "BatchNormalization": batch_normalization,
    "Cast": cast,
    "Clip": clip,
    "Dropout": dropout,
    "Elu": single(lambda op: layers.ELU(op.attributes.get("alpha", 1.0))),
    "Gelu": single(lambda op: layers.GELU(op.attributes.get("approximate", "none"))),
    "Gemm": gemm,
    "Identity": identity,
    "LayerNormalization": layer_normalization,
    "LeakyRelu": single(lambda op: layers.LeakyReLU(op.attributes.get("alpha", 0.01))),
    "MatMul": mat_mul,
    "Relu": single(lambda op: layers.ReLU()),
    "Sigmoid": single(lambda op: layers.Sigmoid()),
    "Softmax": softmax,
    "Softplus": single(lambda op: layers.Softplus()),
    "Tanh": single(lambda op: layers.Tanh()),
}
