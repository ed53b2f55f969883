"""What a name of an ONNX graph stands for while it is read: fixed numbers, or a node of ours."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from zerokara._types import Array, Shape
from zerokara.errors import ModelFileError
from zerokara.interop.onnx.reading import Op
from zerokara.interop.onnx.tensors import LARGEST, array_of
from zerokara.layers import Flatten, Input, Layer, Node
from zerokara.layers.weighted import WeightedLayer

BATCH = -(2**62)
"""Stands for the batch axis in shapes that a graph computes."""

LARGEST_ORDER = 2**24
"""Numbers of a sample that are put into another order one by one."""

SLACK = 2**20
"""So many weights more than twice what the file holds may be made, and no more."""


@dataclass(frozen=True)
class Value:
    """Computed numbers.

    Attributes:
        node: gives them.
        shape: of one sample, as the node gives it.
        view: of one sample, as the file has it.
        order: the numbers' places: entry i, of a sample row by row in the file, is entry order[i]
            of the node's. None: the same places.
        origin: the graph's input that they are, but for functions of single numbers; or "".
        layer: of the node, where a number that is added may go into its `b`.
    """

    node: Node
    shape: Shape
    view: Shape
    order: Array | None = None
    origin: str = ""
    layer: WeightedLayer | None = None


Known: TypeAlias = Value | Array


class OtherInput(Exception):
    """An input of the network must have another shape or order than the file's; begin again."""

    def __init__(self, name: str, shape: Shape, order: Array | None) -> None:
        super().__init__(name)
        self.name, self.shape, self.order = name, shape, order


@dataclass
class Values:
    """All names that are known so far, and what making layers needs.

    Attributes:
        tensors: name to TensorProto; made into arrays when asked for.
        folder: of the file.
        dtype: of the network.
        opset: of the standard operators.
        makers: name to the operator that gives it.
        uses: how many operators use a name.
        batch: a fixed size of the batch axis, or None.
        known: name to what it is.
        left: how many more weights may be made.
    """

    tensors: Mapping[str, Any]
    folder: Path
    dtype: np.dtype[Any]
    opset: int
    makers: Mapping[str, Op]
    uses: Counter[str] = field(default_factory=Counter)
    batch: int | None = None
    known: dict[str, Known] = field(default_factory=dict)
    left: int = SLACK

    def __post_init__(self) -> None:
        held = (math.prod(max(n, 0) for n in t.dims) for t in self.tensors.values())
        self.left += 2 * sum(count for count in held if count <= LARGEST)

    def array(self, name: str) -> Array | None:
        """Fixed numbers by name, or None."""
        if name in self.tensors and name not in self.known:
            self.known[name] = array_of(self.tensors[name], self.folder)
        found = self.known.get(name)
        return None if isinstance(found, Value) else found

    def value(self, op: Op, index: int = 0) -> Value:
        """A computed input of an operator."""
        if index >= len(op.inputs) or not op.inputs[index]:
            raise ModelFileError(f"lacks its input {index}")
        self.array(op.inputs[index])
        found = self.known.get(op.inputs[index])
        if not isinstance(found, Value):
            raise ModelFileError(f"its input {index} is no computed value but fixed numbers")
        return found

    def constant(self, op: Op, index: int) -> Array:
        """A fixed input of an operator."""
        found = self.optional(op, index)
        if found is None:
            raise ModelFileError(f"lacks its input {index}")
        return found

    def optional(self, op: Op, index: int) -> Array | None:
        """A fixed input of an operator, None where it is left out."""
        if index >= len(op.inputs) or not op.inputs[index]:
            return None
        found = self.array(op.inputs[index])
        if found is None:
            raise ModelFileError(
                f"its input {index} is computed; zerokara's layers have fixed weights there"
            )
        return found

    def weights(self, array: Array, *shape: int) -> Array:
        """Weights of the network's dtype and, where given, of that shape.

        Raises:
            ModelFileError: another shape, numbers that are not finite, or more than there may be.
        """
        self.take(array.size)
        if shape and array.shape != shape:
            raise ModelFileError(f"weights of shape {array.shape} where {shape} is needed")
        ours = np.asarray(array, self.dtype) if array.dtype.kind == "f" else None
        if ours is None or not np.all(np.isfinite(ours)):
            raise ModelFileError(
                f"weights must be finite floats, got {array.dtype}"
                + (" with NaN or infinity" if ours is not None else "")
            )
        return ours

    def take(self, count: int) -> None:
        """Account for weights before they are made."""
        self.room_for(count)
        self.left -= count

    def room_for(self, count: int) -> None:
        """Refuse weights that are too many."""
        if count > self.left:
            raise ModelFileError("the network would have far more weights than the file holds")

    def plain(self, value: Value) -> Node:
        """A node that gives the numbers in the file's own shape and order.

        Raises:
            ModelFileError: they were put into another shape or order, which no layer does.
        """
        if value.order is None and value.view == value.shape:
            return value.node
        if value.order is None and len(value.view) == 1:
            return Flatten()(value.node)
        if value.origin:
            raise OtherInput(value.origin, value.view, value.order)
        raise ModelFileError(
            f"its input has shape {value.shape} put into {value.view}"
            + (" in another order" if value.order is not None else "")
            + ", for which zerokara has no layer; it reads Reshape and Transpose where they stand "
            "at an input or before a fully connected layer"
        )

    def apply(self, layer: Layer, value: Value) -> Value:
        """A layer of single numbers: shape and order stay."""
        return replace(value, node=layer(value.node), layer=None)

    def made(self, layer: Layer, node: Node, shape: Shape) -> Value:
        """What a layer gives; numbers that are added to it may go into its bias."""
        if math.prod(shape) > LARGEST:
            raise ModelFileError(f"a sample of shape {shape} is larger than any may be")
        weighted = layer if isinstance(layer, WeightedLayer) else None
        return Value(layer(node), shape, shape, layer=weighted)


def input_value(name: str, shape: Shape, other: tuple[Shape, Array | None] | None) -> Value:
    """An input of the network, by the file's shape or by another one that a layer needs."""
    identifier = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    if not identifier[:1].isalpha():
        identifier = f"x_{identifier}".rstrip("_") if identifier.strip("_") else "x"
    if other is None:
        return Value(Input(identifier, shape), shape, shape, origin=name)
    ours, order = other
    if order is not None:
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        order = back
    return Value(Input(identifier, ours), ours, shape, order, origin=name)


def reorder(value: Value, axes: tuple[int, ...]) -> Value:
    """The axes of a sample in another order."""
    view = tuple(value.view[axis] for axis in axes)
    long = [axis for axis in axes if value.view[axis] != 1]
    if long == sorted(long):  # axes of 1 are moved: no number is
        return replace(value, view=view, layer=None)
    count = math.prod(value.view)
    if count > LARGEST_ORDER:
        raise ModelFileError(f"a sample of shape {value.view} is too large to be transposed")
    order = np.arange(count) if value.order is None else value.order
    order = order.reshape(value.view).transpose(axes).ravel()
    same = bool(np.array_equal(order, np.arange(count)))
    return replace(value, view=view, order=None if same else order, layer=None)
