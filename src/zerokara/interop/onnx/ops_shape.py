"""Operators that give numbers another shape, and those that compute such shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zerokara import layers
from zerokara._types import Array, Shape
from zerokara.errors import ModelFileError
from zerokara.interop.onnx.ops_rows import Reader
from zerokara.interop.onnx.reading import Op
from zerokara.interop.onnx.tensors import LARGEST, MOST_AXES
from zerokara.interop.onnx.values import BATCH, Known, Value, Values, reorder

MOST_ENTRIES = 64
"""Of a shape while it is computed."""


def flatten(values: Values, op: Op) -> Known:
    value, axis = values.value(op), op.attributes.get("axis", 1)
    if axis not in (1, -len(value.view)):
        raise ModelFileError(f"axis {axis}; zerokara flattens each sample: axis 1")
    return replace(value, view=(math.prod(value.view),), layer=None)


def reshape(values: Values, op: Op) -> Known:
    given = op.attributes.get("shape")
    target = values.constant(op, 1) if given is None else np.asarray(given)
    if target.ndim != 1 or target.dtype.kind != "i" or not 1 <= len(target) <= MOST_AXES:
        raise ModelFileError(f"its shape is no list of 1 to {MOST_AXES} whole numbers")
    wanted = [int(size) for size in target]
    array = values.array(op.inputs[0])
    zero_copies = not op.attributes.get("allowzero", 0)
    if array is not None:
        return array.reshape(_filled(wanted, array.shape, zero_copies))
    value = values.value(op)
    first, rest = wanted[0], wanted[1:]
    batch = first == BATCH or (first == 0 and zero_copies) or first == values.batch
    if batch or (first == -1 and -1 not in rest):
        # What stands at 0 is copied from the same place, the batch axis counted.
        return replace(value, view=_filled(rest, value.view, zero_copies), layer=None)
    raise ModelFileError(
        f"the shape {_words(wanted)} does not leave the batch axis as it is; export the model with "
        "a batch axis of any size"
    )


def transpose(values: Values, op: Op) -> Known:
    axes = op.attributes.get("perm")
    array = values.array(op.inputs[0])
    rank = array.ndim if array is not None else len(values.value(op).view) + 1
    axes = list(range(rank))[::-1] if axes is None else axes
    if sorted(axes) != list(range(rank)):
        raise ModelFileError(f"perm {axes!s:.80} is no order of {rank} axes")
    if array is not None:
        return array.transpose(axes)
    if axes[0] != 0:
        raise ModelFileError("moves the batch axis, which no layer does")
    return reorder(values.value(op), tuple(axis - 1 for axis in axes[1:]))


def squeeze(values: Values, op: Op) -> Known:
    array = values.array(op.inputs[0])
    if array is not None:
        ones = tuple(i for i, size in enumerate(array.shape) if size == 1)
        return array.squeeze(tuple(_axes(values, op, array.ndim) or ones))
    value = values.value(op)
    axes = _axes(values, op, len(value.view) + 1)
    if not axes or any(axis == 0 or value.view[axis - 1] != 1 for axis in axes):
        raise ModelFileError(f"axes {axes} of samples of shape {value.view} are not all 1")
    view = tuple(n for i, n in enumerate(value.view, 1) if i not in axes)
    return replace(value, view=view, layer=None)


def unsqueeze(values: Values, op: Op) -> Known:
    array = values.array(op.inputs[0])
    old = array.shape if array is not None else (BATCH, *values.value(op).view)
    count = len(op.attributes.get("axes") or values.constant(op, 1).reshape(-1))
    rank = len(old) + count
    if rank > MOST_AXES:
        raise ModelFileError(f"would have {rank} axes; read are up to {MOST_AXES}")
    axes, sizes = _axes(values, op, rank), iter(old)
    shape = tuple(1 if axis in axes else next(sizes) for axis in range(rank))
    if array is not None:
        return array.reshape(shape)
    if 0 in axes:
        raise ModelFileError("puts an axis before the batch axis, which no layer does")
    return replace(values.value(op), view=shape[1:], layer=None)


def shape_of(values: Values, op: Op) -> Known:
    array = values.array(op.inputs[0])
    shape = array.shape if array is not None else (BATCH, *values.value(op).view)
    # A batch that the file fixes is one of any size here.
    return np.array(shape[op.attributes.get("start", 0) : op.attributes.get("end")], np.int64)


def gather(values: Values, op: Op) -> Known:
    array, index = _small(values, op, 0), values.constant(op, 1)
    fits = index.dtype.kind == "i" and index.size <= MOST_ENTRIES and array.ndim == 1
    if op.attributes.get("axis", 0) or not fits:
        raise ModelFileError("reads from fixed numbers that are no shape")
    if not np.all((index >= -len(array)) & (index < len(array))):
        raise ModelFileError(f"reads places {index.tolist()!s:.60} of {len(array)}")
    return np.asarray(array[index])


def concat(values: Values, op: Op) -> Known:
    binary = _two_classes(values, op)
    if binary is not None:
        return binary
    parts = [_small(values, op, i) for i in range(len(op.inputs))]
    if op.attributes.get("axis", 0) not in (0, -1) or any(part.ndim != 1 for part in parts):
        raise ModelFileError("joins what is no shape")
    return np.concatenate(parts)


def slice_of(values: Values, op: Op) -> Known:
    array = _small(values, op, 0)
    given = [_small(values, op, i) for i in range(1, len(op.inputs)) if op.inputs[i]]
    if not given:
        given = [np.asarray(op.attributes.get(name, [])) for name in ("starts", "ends")]
    if array.ndim != 1 or not 2 <= len(given) <= 4 or any(part.size != 1 for part in given):
        raise ModelFileError("cuts what is no shape")
    numbers = [int(part.reshape(())) for part in given]
    step = numbers[3] if len(numbers) == 4 else 1
    if not step:
        raise ModelFileError("steps by 0")
    return array[numbers[0] : numbers[1] : step]


def constant(values: Values, op: Op) -> Known:
    from zerokara.interop.onnx.tensors import array_of

    given = op.attributes
    if given.get("value") is not None:
        return array_of(given["value"], values.folder)
    for name, dtype in (
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if name in given:
            return np.asarray(given[name], dtype)
    raise ModelFileError("holds fixed numbers of a kind that this version does not read")


def _two_classes(values: Values, op: Op) -> Value | None:
    """(1 - p, p) with p = sigmoid(z), as scikit-learn's converter writes it: softmax of (0, z)."""
    if len(op.inputs) != 2 or op.attributes.get("axis") not in (1, -1):
        return None
    less, p = op.inputs
    first, second = values.makers.get(less), values.makers.get(p)
    if first is None or second is None or (first.kind, second.kind) != ("Sub", "Sigmoid"):
        return None
    one = values.array(first.inputs[0])
    z = values.known.get(second.inputs[0])
    if first.inputs[1] != p or one is None or not np.all(one == 1) or not isinstance(z, Value):
        return None
    if z.view != (1,):
        return None
    W = values.weights(np.array([[0, 1]], values.dtype))
    both = layers.Affine.from_arrays(W, np.zeros(2, values.dtype))(values.plain(z))
    return values.made(layers.Softmax(), both, (2,))


def _small(values: Values, op: Op, index: int) -> Array:
    array = values.constant(op, index)
    if array.size > MOST_ENTRIES or array.dtype.kind != "i":
        raise ModelFileError("computes with fixed numbers that are no shape")
    return array


def _axes(values: Values, op: Op, rank: int) -> list[int]:
    axes = op.attributes.get("axes")
    if axes is None:
        given = values.optional(op, 1)
        axes = [] if given is None else [int(axis) for axis in given.reshape(-1)[:MOST_AXES]]
    if not all(-rank <= axis < rank for axis in axes) or len(set(axes)) != len(axes):
        raise ModelFileError(f"axes {axes!s:.80} are not axes of {rank}")
    return [axis % rank for axis in axes]


def _filled(wanted: Sequence[int], old: Shape, zero_copies: bool) -> Shape:
    """A target shape with its 0 and its -1 filled in."""
    sizes = [
        old[i] if size == 0 and zero_copies and i < len(old) else size
        for i, size in enumerate(wanted)
    ]
    known = math.prod(size for size in sizes if size != -1)
    count = math.prod(old)
    if sizes.count(-1) == 1 and known > 0:
        sizes[sizes.index(-1)] = count // known
    if not all(0 <= size <= LARGEST for size in sizes) or math.prod(sizes) != count:
        raise ModelFileError(f"shape {_words(wanted)} does not hold the {count} numbers of {old}")
    return tuple(sizes)


def _words(shape: Sequence[int]) -> str:
    return f"({', '.join('N' if size == BATCH else str(size) for size in shape)})"


READERS: dict[str, Reader] = {
    "Concat": concat,
    "Constant": constant,
    "Flatten": flatten,
    "Gather": gather,
    "Reshape": reshape,
    "Shape": shape_of,
    "Slice": slice_of,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
