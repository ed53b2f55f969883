"""Sums and products, and what scikit-learn's converters have of their own."""

from __future__ import annotations

import math

import numpy as np

from zerokara import layers
from zerokara._types import Array, Shape
from zerokara.errors import ModelFileError
from zerokara.interop.onnx.ops_rows import Reader, add_bias, affine
from zerokara.interop.onnx.reading import Op
from zerokara.interop.onnx.values import LARGEST_ORDER, OtherInput, Value, Values
from zerokara.layers import Node

EPS = 2.0**-20
"""With a variance of 1 - EPS the divisor of a BatchNormalization is exactly 1."""


def add(values: Values, op: Op) -> Value:
    given, value = _constant_and_value(values, op)
    if given is None:
        return _join(values, op, layers.Add())
    return add_bias(values, value, given) or _scale_and_shift(values, value, None, given)


def sub(values: Values, op: Op) -> Value:
    given, value = _constant_and_value(values, op)
    if given is None:
        other = values.value(op, 1)
        return _join(values, op, layers.Add(), _replaced(other, other.node * -1.0))
    if values.array(op.inputs[1]) is not None:
        return add_bias(values, value, -given) or _scale_and_shift(values, value, None, -given)
    negative = _replaced(value, value.node * -1.0)
    return _scale_and_shift(values, negative, None, given)


def mul(values: Values, op: Op) -> Value:
    given, value = _constant_and_value(values, op)
    if given is None:
        return _join(values, op, layers.Mul())
    return _scale_and_shift(values, value, given, None)


def div(values: Values, op: Op) -> Value:
    given, value = _constant_and_value(values, op)
    if given is None or values.array(op.inputs[1]) is None:
        raise ModelFileError("divides by computed values, which no layer does")
    if not np.all(given):
        raise ModelFileError("divides by 0")
    return _scale_and_shift(values, value, 1 / np.asarray(given, np.float64), None)


def neg(values: Values, op: Op) -> Value:
    value = values.value(op)
    return _replaced(value, value.node * -1.0)


def scaler(values: Values, op: Op) -> Value:
    """scikit-learn's StandardScaler and its kin: (x - offset) * scale."""
    value = values.value(op)
    offset, scale = (
        np.asarray(op.attributes.get(k) or [u]) for k, u in (("offset", 0.0), ("scale", 1.0))
    )
    return _scale_and_shift(values, value, scale, -offset * scale)


def linear_regressor(values: Values, op: Op) -> Value:
    return _linear(values, op, op.attributes.get("targets", 1))


def linear_classifier(values: Values, op: Op) -> Value:
    """Scores of a logistic regression; its label is left out."""
    count = max(
        len(op.attributes.get("classlabels_ints") or []), len(op.attributes.get("intercepts") or [])
    )
    scores = _linear(values, op, count)
    after = op.attributes.get("post_transform", "NONE")
    if after == "NONE":
        return scores
    if after == "SOFTMAX":
        return values.made(layers.Softmax(), scores.node, scores.shape)
    if after == "LOGISTIC":
        return values.apply(layers.Sigmoid(), scores)
    raise ModelFileError(f"post_transform {after!r:.40} is unknown")


def normalizer(values: Values, op: Op) -> Value:
    """Probabilities divided by their sum, which is 1 after Softmax."""
    value = values.value(op)
    if op.attributes.get("norm") != "L1" or type(value.node.layer) is not layers.Softmax:
        raise ModelFileError("divides by sums of computed values, which no layer does")
    return value


def zip_map(values: Values, op: Op) -> Value:
    """A dictionary by class name; what stands in it are the probabilities."""
    return values.value(op)


def _linear(values: Values, op: Op, count: int) -> Value:
    value = values.value(op)
    given = op.attributes.get("coefficients") or []
    inputs = math.prod(value.view)
    if count < 1 or len(given) != count * inputs:
        raise ModelFileError(
            f"{len(given)} coefficients do not fit {inputs} inputs and {count} outputs"
        )
    W = np.asarray(given, values.dtype).reshape(count, inputs).T
    offsets = op.attributes.get("intercepts") or [0.0] * count
    if len(offsets) != count:
        raise ModelFileError(f"{len(offsets)} intercepts for {count} outputs")
    result = affine(values, value, W, np.asarray(offsets, values.dtype))
    return result


def _constant_and_value(values: Values, op: Op) -> tuple[Array | None, Value]:
    """The fixed one of two inputs, or None, and the computed one."""
    if len(op.inputs) != 2:
        raise ModelFileError(f"takes 2 inputs, got {len(op.inputs)}")
    for fixed, computed in ((0, 1), (1, 0)):
        array = values.array(op.inputs[fixed])
        if array is not None:
            return array, values.value(op, computed)
    return None, values.value(op)


def _join(
    values: Values, op: Op, layer: layers.Add | layers.Mul, other: Value | None = None
) -> Value:
    one, other = values.value(op), values.value(op, 1) if other is None else other
    if one.view != other.view:
        raise ModelFileError(
            f"joins samples of shapes {one.view} and {other.view}; only equal ones are joined"
        )
    same = one.order is other.order or (
        one.order is not None and other.order is not None and np.array_equal(one.order, other.order)
    )
    if same and one.shape == other.shape:
        return Value(layer(one.node, other.node), one.shape, one.view, one.order)
    return Value(layer(values.plain(one), values.plain(other)), one.view, one.view)


def _scale_and_shift(
    values: Values, value: Value, scale: Array | None, shift: Array | None
) -> Value:
    """value * scale + shift: by single numbers, or by a BatchNormalization that only does that."""
    node, beside = value.node, []
    for given, usual in ((scale, 1.0), (shift, 0.0)):
        beside.append(_beside(values, value, np.asarray(usual) if given is None else given))
    if all(part.ndim == 0 for part in beside):
        factor, term = map(float, beside)
        node = node if factor == 1 else node * factor
        return _replaced(value, node if term == 0 else node + term)
    if len(value.shape) not in (1, 3):
        raise ModelFileError(f"fixed numbers for each of samples of shape {value.shape}")
    count = value.shape[0]
    gamma, beta = (values.weights(np.broadcast_to(part, (count,))) for part in beside)
    mean = np.zeros(count, values.dtype)
    layer = layers.BatchNormalization.from_arrays(
        gamma, beta, mean, np.full(count, 1 - EPS, values.dtype), eps=EPS
    )
    return values.apply(layer, value)


def _beside(values: Values, value: Value, given: Array) -> Array:
    """Fixed numbers as one for all, or one for each feature or channel of the node's output."""
    if given.size == 1 and given.ndim <= len(value.view) + 1:
        number: Array = values.weights(np.asarray(given, np.float64)).reshape(())
        return number
    shape: Shape = (1, *value.view)
    if math.prod(shape) > LARGEST_ORDER:
        raise ModelFileError(f"fixed numbers beside samples of shape {value.view}, too large")
    fits = given.ndim <= len(shape) and all(
        a in (1, b) for a, b in zip(given.shape[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ModelFileError(
            f"fixed numbers of shape {given.shape} do not fit samples of shape {value.view}"
        )
    full = np.broadcast_to(np.asarray(given, np.float64), shape).reshape(-1)
    if value.order is not None:
        ours = np.empty_like(full)
        ours[value.order] = full
        full = ours
    rows = full.reshape(value.shape[0], -1) if value.shape else full.reshape(1, 1)
    if not np.all(rows == rows[:, :1]):
        if value.origin and value.order is None and len(value.shape) == 3:
            # One for each channel of images that have these last: ours have them first.
            places = np.arange(len(full)).reshape(value.shape).transpose(2, 0, 1)
            raise OtherInput(value.origin, places.shape, places.ravel())
        raise ModelFileError("fixed numbers that differ within a channel, which no layer has")
    return np.array(rows[:, 0])


def _replaced(value: Value, node: Node) -> Value:
    return Value(node, value.shape, value.view, value.order, value.origin)


READERS: dict[str, Reader] = {
    "Add": add,
    "Div": div,
    "Mul": mul,
    "Neg": neg,
    "Sub": sub,
}

OF_SKLEARN: dict[str, Reader] = {
    "LinearClassifier": linear_classifier,
    "LinearRegressor": linear_regressor,
    "Normalizer": normalizer,
    "Scaler": scaler,
    "ZipMap": zip_map,
}
"""Of the domain ai.onnx.ml."""
